#include "worker/tasks/learned_optimizer/hrnn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <set>

#include "common/math/elementary.h"
#include "worker/tasks/learned_optimizer/hrnn_vector.h"

namespace seedcast {
namespace {

using Sizes = std::vector<int64_t>;

std::vector<std::string> VectorKernels() {
  std::vector<std::string> names;
  for (const char* name : {"avx2", "avx512"}) {
    if (HrnnKernelsNamed(name) != nullptr) names.push_back(name);
  }
  return names;
}

int64_t Total(const Sizes& sizes) {
  int64_t total = 0;
  for (const int64_t size : sizes) total += size;
  return total;
}

// theta with no zeros in it, so that every meta-parameter counts.
std::vector<float> LivelyTheta() {
  std::vector<float> theta = InitialHrnnTheta(3);
  std::mt19937_64 generator(5);
  std::normal_distribution<float> normal(0, 0.1f);
  for (float& value : theta) value += normal(generator);
  return theta;
}

// An inner training by gradients that are functions of step and parameter alone, or of the point.
struct Training {
  Training(const Sizes& sizes, const std::string& kernels, const std::vector<float>& theta,
           const HrnnOptions& options = {})
      : hrnn(MakeHrnn(sizes, options, kernels)), parameters(Total(sizes), 1.0f) {
    hrnn->SetTheta(theta);
    hrnn->Begin(7, 1, 2, &state);
  }

  // Gradients of every size, 0 among them.
  void StepOnFixedGradient(int step, float scale = 1) {
    std::mt19937_64 generator(step + 1);
    std::normal_distribution<float> normal;
    std::vector<float> gradient(parameters.size());
    for (size_t i = 0; i < gradient.size(); ++i) {
      gradient[i] = i % 7 == 3 ? 0 : scale * normal(generator) * static_cast<float>(std::pow(10, i % 5) / 100);
    }
    hrnn->Step(gradient, &state, absl::MakeSpan(parameters));
  }

  std::unique_ptr<Hrnn> hrnn;
  HrnnState state;
  std::vector<float> parameters;
};

// ---- Meta-parameters -----------------------------------------------------------------------------------------------

TEST(HrnnThetaTest, NamedTensorsFollowEachOtherAndAreThoseOfTheWeights) {
  std::set<std::string> names;
  int64_t first = 0;
  for (const HrnnTensor& tensor : HrnnTensors()) {
    EXPECT_EQ(tensor.first, first) << tensor.name;
    EXPECT_TRUE(names.insert(tensor.name).second) << tensor.name;
    first += int64_t{tensor.rows} * tensor.columns;
  }
  EXPECT_EQ(first, kHrnnParameters);
  const std::vector<float> theta(kHrnnParameters);
  const HrnnWeights<const float> weights(theta.data());
  EXPECT_EQ(weights.end - theta.data(), kHrnnParameters);
  const std::pair<const char*, const float*> places[] = {
      {"parameter_cell.candidate.weights", weights.parameter_cell.candidate.weights},
      {"parameter_from_tensor.biases", weights.parameter_from_tensor.biases},
      {"tensor_cell.gates.biases", weights.tensor_cell.gates.biases},
      {"global_cell.candidate.biases", weights.global_cell.candidate.biases},
      {"initial.global", weights.initial_h2},
      {"direction.gradient", weights.direction_gradient},
      {"input_decay.bias", weights.input_decay.biases},
      {"learning_rate.offset", weights.learning_rate_offset},
  };
  for (const auto& [name, place] : places) {
    const auto tensor = std::find_if(HrnnTensors().begin(), HrnnTensors().end(),
                                     [&](const HrnnTensor& t) { return std::string(t.name) == name; });
    ASSERT_NE(tensor, HrnnTensors().end()) << name;
    EXPECT_EQ(place - theta.data(), tensor->first) << name;
  }
}

struct Moments {
  double mean = 0, deviation = 0, smallest = 1e9, largest = -1e9;
};
Moments MomentsOf(const std::vector<float>& theta, const std::string& name) {
  for (const HrnnTensor& tensor : HrnnTensors()) {
    if (tensor.name != name) continue;
    const int count = tensor.rows * tensor.columns;
    Moments moments;
    double squares = 0;
    for (int i = 0; i < count; ++i) {
      const double value = theta[tensor.first + i];
      moments.mean += value / count;
      squares += value * value / count;
      moments.smallest = std::min(moments.smallest, value);
      moments.largest = std::max(moments.largest, value);
    }
    moments.deviation = std::sqrt(std::max(0.0, squares - moments.mean * moments.mean));
    return moments;
  }
  ADD_FAILURE() << "no tensor " << name;
  return {};
}

TEST(HrnnThetaTest, InitialValuesAreThePublishedOnes) {
  const std::vector<float> theta = InitialHrnnTheta(1);
  ASSERT_EQ(theta.size(), kHrnnParameters);
  const struct {
    const char* name;
    double mean, deviation;
  } expected[] = {
      {"parameter_cell.gates.weights", 0, 0.5 / std::sqrt(22.0)},
      {"tensor_cell.gates.weights", 0, 0.5 / std::sqrt(42.0)},
      {"global_cell.candidate.weights", 0, 0.5 / std::sqrt(40.0)},
      {"tensor_from_global.weights", 0, 0.5 / std::sqrt(20.0)},
      {"tensor_cell.gates.biases", 2.2f, 0},
      {"global_cell.candidate.biases", 0, 0},
      {"parameter_from_tensor.biases", 0, 0},
      {"scale_decay.bias", 3.2f, 0},
      {"input_decay.bias", 2.2f, 0},
      {"learning_rate.weights", 0, 0},
      {"learning_rate.momentum", 3.2f, 0},
      {"learning_rate.offset", -1, 0},
  };
  for (const auto& row : expected) {
    const Moments moments = MomentsOf(theta, row.name);
    EXPECT_NEAR(moments.mean, row.mean, 1e-6 + row.deviation / 4) << row.name;
    EXPECT_NEAR(moments.deviation, row.deviation, 1e-4 + row.deviation / 6) << row.name;
  }
  const Moments initial = MomentsOf(theta, "initial.tensor");
  EXPECT_GT(initial.smallest, -1);
  EXPECT_LT(initial.largest, 1);
  EXPECT_GT(initial.largest - initial.smallest, 1);
  EXPECT_NEAR(MomentsOf(theta, "direction.gradient").mean, 0.25, 0.1);
}

TEST(HrnnThetaTest, SeedsGiveOtherValues) {
  EXPECT_EQ(InitialHrnnTheta(1), InitialHrnnTheta(1));
  EXPECT_NE(InitialHrnnTheta(1), InitialHrnnTheta(uint64_t{1} << 40));
}

// ---- Begin ---------------------------------------------------------------------------------------------------------

TEST(HrnnBeginTest, HiddenVectorsAreTheLearnedOnesAndRatesLieInTheirRange) {
  const std::vector<float> theta = InitialHrnnTheta(1);
  const HrnnWeights<const float> weights(theta.data());
  const Training training({500, 3}, "scalar", theta);
  const HrnnState& state = training.state;
  for (int j = 0; j < 10; ++j) EXPECT_EQ(state.h0[j * 503 + 502], weights.initial_h0[j]);
  for (int j = 0; j < 20; ++j) EXPECT_EQ(state.h1[20 + j], weights.initial_h1[j]);
  for (int j = 0; j < 20; ++j) EXPECT_EQ(state.h2[j], weights.initial_h2[j]);
  const auto [low, high] = std::minmax_element(state.log_learning_rate.begin(), state.log_learning_rate.begin() + 500);
  EXPECT_GE(*low, std::log(1e-6f));
  EXPECT_LE(*high, std::log(1e-2f));
  EXPECT_NEAR(*high - *low, std::log(1e4) / 2, 0.1) << "the tensor's half is shared";
  EXPECT_THAT(state.mean_square, testing::Each(0));
  EXPECT_THAT(state.input_decay, testing::Each(0));
}

TEST(HrnnBeginTest, StreamsAndKernels) {
  const std::vector<float> theta = InitialHrnnTheta(1);
  Training training({40}, "scalar", theta);
  const HrnnState first = training.state;
  training.hrnn->Begin(7, 1, 3, &training.state);
  EXPECT_NE(training.state, first);
  for (const std::string& name : VectorKernels()) EXPECT_EQ(Training({40}, name, theta).state, first) << name;
}

TEST(HrnnTest, UnknownKernelsAreNull) { EXPECT_EQ(MakeHrnn({{1}}, {}, "avx1024"), nullptr); }

// ---- Kernels -------------------------------------------------------------------------------------------------------

TEST(HrnnKernelsTest, GiveTheBitsOfTheScalarStep) {
  const std::vector<Sizes> shapes = {{1},
                                     {2},
                                     {7, 1},
                                     {8},
                                     {9, 2},
                                     {15},
                                     {16},
                                     {17, 31},
                                     {32, 33},
                                     {36},
                                     {100},
                                     {2530},
                                     {1, 1},
                                     {64, 40, 5, 1},
                                     {48, 49, 16, 17},
                                     {5, 4, 20, 4, 16, 4, 8}};
  const std::vector<float> theta = LivelyTheta();
  for (const bool last_tensor : {false, true}) {
    for (const Sizes& sizes : shapes) {
      Training expected(sizes, "scalar", theta, {last_tensor});
      std::vector<Training> others;
      for (const std::string& name : VectorKernels()) others.emplace_back(sizes, name, theta, HrnnOptions{last_tensor});
      for (int step = 0; step < 6; ++step) {
        expected.StepOnFixedGradient(step);
        for (Training& other : others) {
          other.StepOnFixedGradient(step);
          ASSERT_EQ(other.parameters, expected.parameters) << testing::PrintToString(sizes) << " step " << step;
          ASSERT_EQ(other.state, expected.state) << testing::PrintToString(sizes) << " step " << step;
        }
      }
    }
  }
}

TEST(HrnnKernelsTest, RecordTheActivationsOfTheScalarStep) {
  const Sizes sizes = {17, 50, 1};
  const HrnnShape shape(sizes, {});
  const std::vector<float> theta = LivelyTheta(), gradient(68, 0.25f);
  HrnnPacked packed;
  packed.Pack(theta.data());
  for (const std::string& name : VectorKernels()) {
    Training scalar(sizes, "scalar", theta);
    HrnnState state = scalar.state;
    std::vector<float> parameters = scalar.parameters;
    HrnnActivations<float> expected(shape), actual(shape);
    for (int step = 0; step < 3; ++step) {
      HrnnReferenceStep<float>(shape, theta.data(), gradient.data(), &scalar.state, scalar.parameters.data(),
                               &expected);
      StepWithKernels(*HrnnKernelsNamed(name), shape, packed, gradient.data(), &state, parameters.data(), &actual,
                      /*recorded=*/true);
    }
    EXPECT_EQ(actual.features, expected.features) << name;
    EXPECT_EQ(actual.denominators, expected.denominators) << name;
    EXPECT_EQ(actual.ratios, expected.ratios) << name;
    EXPECT_EQ(actual.direction, expected.direction) << name;
    EXPECT_EQ(actual.log_step, expected.log_step) << name;
    EXPECT_EQ(actual.step, expected.step) << name;
    EXPECT_EQ(actual.norms, expected.norms) << name;
    EXPECT_EQ(actual.inputs1, expected.inputs1) << name;
    EXPECT_EQ(actual.inputs2, expected.inputs2) << name;
    const HrnnCellActivations<float>* cells[][2] = {
        {&actual.cell0, &expected.cell0}, {&actual.cell1, &expected.cell1}, {&actual.cell2, &expected.cell2}};
    for (const auto& [mine, theirs] : cells) {
      EXPECT_EQ(mine->reset, theirs->reset) << name;
      EXPECT_EQ(mine->update, theirs->update) << name;
      EXPECT_EQ(mine->candidate, theirs->candidate) << name;
    }
  }
}

// Every exponent and sign, and the neighbours of the functions' limits.
std::vector<float> Arguments() {
  std::vector<float> values;
  std::mt19937 generator(3);
  for (int i = 0; i < 200000; ++i) {
    values.push_back(std::bit_cast<float>(static_cast<uint32_t>(generator())));
    values.push_back(std::normal_distribution<float>(0, 30)(generator));
  }
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float limit : {0.0f, 1.0f, 10.0f, 20.0f, 87.0f, 88.8f, 89.0f, 104.0f, 4096.0f, 0x1.6a09e6p0f, kInfinity}) {
    for (const float value : {limit, std::nextafter(limit, -1e30f), std::nextafter(limit, 1e30f)}) {
      values.push_back(value);
      values.push_back(-value);
    }
  }
  return values;
}

TEST(HrnnKernelsTest, ElementaryFunctionsHaveTheBitsOfCommonMath) {
  const std::vector<float> values = Arguments();
  std::vector<float> positive;
  for (const float value : values) {
    if (value >= std::numeric_limits<float>::min() || std::isnan(value)) positive.push_back(value);
  }
  for (const std::string& name : VectorKernels()) {
    const HrnnKernels& kernels = *HrnnKernelsNamed(name);
    const struct {
      const char* name;
      HrnnKernels::Row row;
      float (*function)(float);
      const std::vector<float>& arguments;
    } functions[] = {{"exp", kernels.exp, Exp, values},
                     {"log", kernels.log, Log, positive},
                     {"sigmoid", kernels.sigmoid, Sigmoid, values},
                     {"tanh", kernels.tanh, Tanh, values},
                     {"asinh", kernels.asinh, Asinh, values}};
    for (const auto& function : functions) {
      std::vector<float> results(function.arguments.size());
      function.row(function.arguments.data(), static_cast<int64_t>(results.size()), results.data());
      for (size_t i = 0; i < results.size(); ++i) {
        const float expected = function.function(function.arguments[i]);
        const bool same = std::isnan(expected)
                              ? std::isnan(results[i])
                              : std::bit_cast<uint32_t>(results[i]) == std::bit_cast<uint32_t>(expected);
        ASSERT_TRUE(same) << name << " " << function.name << "(" << function.arguments[i] << ") = " << results[i]
                          << ", expected " << expected;
      }
    }
  }
}

std::vector<float> NormalValues(int size, uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(size);
  for (float& value : values) value = normal(generator);
  return values;
}

TEST(HrnnKernelsTest, RowsAreAddedInTheirOrder) {
  constexpr int kRows = 20, kStride = 70;
  const std::vector<float> weights = NormalValues(kRows, /*seed=*/3), rows = NormalValues(kRows * kStride, /*seed=*/4);
  for (const int count : {1, 7, 8, 9, 16, 17, 31, 32, 33, 64}) {
    std::vector<float> expected(kStride, 0.5f);
    for (int i = 0; i < count; ++i) {
      for (int r = 0; r < kRows; ++r) expected[i] = std::fma(weights[r], rows[r * kStride + i], expected[i]);
    }
    for (const std::string& name : VectorKernels()) {
      std::vector<float> y(kStride, 0.5f);
      HrnnKernelsNamed(name)->add_rows(weights.data(), rows.data(), kStride, kRows, count, y.data());
      EXPECT_EQ(y, expected) << name << ", " << count;
    }
  }
}

TEST(HrnnKernelsTest, DotsAreSumsInSixteenLanes) {
  constexpr int kColumns = 23, kStride = 100;
  const std::vector<float> a = NormalValues(kStride, /*seed=*/3), b = NormalValues(kColumns * kStride, /*seed=*/4);
  for (const int count : {1, 2, 7, 8, 9, 15, 16, 17, 33, 64, 100}) {
    std::vector<double> expected(kColumns, 0.5);
    for (int c = 0; c < kColumns; ++c) {
      float lanes[kHrnnLanes] = {};
      for (int i = 0; i < count; ++i) lanes[i % 16] = std::fma(a[i], b[c * kStride + i], lanes[i % 16]);
      expected[c] += LaneTree(lanes);
    }
    for (const std::string& name : VectorKernels()) {
      std::vector<double> sums(kColumns, 0.5);
      HrnnKernelsNamed(name)->add_dots(a.data(), b.data(), kStride, kColumns, count, sums.data());
      EXPECT_EQ(sums, expected) << name << ", " << count;
    }
  }
}

// ---- What the optimizer does ---------------------------------------------------------------------------------------

TEST(HrnnTest, LongUnrollsStayFinite) {
  Training training({3, 20}, "", InitialHrnnTheta(1));
  for (int step = 0; step < 20000; ++step) training.StepOnFixedGradient(step % 50, step % 3 == 0 ? 1e4f : 1e-4f);
  EXPECT_THAT(training.parameters, testing::Each(testing::Truly([](float x) { return std::isfinite(x); })));
  EXPECT_THAT(training.state.h0, testing::Each(testing::Truly([](float x) { return std::fabs(x) <= 1; })));
}

TEST(HrnnTest, DescendsAQuadratic) {
  Training training({4}, "", InitialHrnnTheta(1));
  for (int step = 0; step < 3000; ++step) {
    const std::vector<float> gradient = training.parameters;  // of |x|^2 / 2
    training.hrnn->Step(gradient, &training.state, absl::MakeSpan(training.parameters));
  }
  for (const float x : training.parameters) EXPECT_LT(std::fabs(x), 0.9f);
}

// Gradients enter by their ratio to their own running size.
TEST(HrnnTest, RescalingGradientsHardlyChangesSteps) {
  const std::vector<float> theta = InitialHrnnTheta(1);
  for (const float scale : {1e-2f, 30.0f, 1e4f}) {
    Training one({5, 12}, "", theta), other({5, 12}, "", theta);
    for (Training* training : {&one, &other}) std::fill(training->parameters.begin(), training->parameters.end(), 0);
    for (int step = 0; step < 10; ++step) {
      one.StepOnFixedGradient(step, 100);
      other.StepOnFixedGradient(step, 100 * scale);
    }
    for (size_t i = 0; i < one.parameters.size(); ++i) {
      const float moved = std::fabs(one.parameters[i]);
      EXPECT_GT(moved, 0);
      EXPECT_NEAR(one.parameters[i], other.parameters[i], 1e-3 * moved) << scale;
    }
  }
}

TEST(HrnnTest, OneTensorKnowsNoLastTensor) {
  const std::vector<float> theta = LivelyTheta();
  for (const Sizes& sizes : {Sizes{5}, Sizes{3, 2}}) {
    Training mean(sizes, "", theta), last(sizes, "", theta, {.global_from_last_tensor = true});
    for (int step = 0; step < 3; ++step) {
      mean.StepOnFixedGradient(step);
      last.StepOnFixedGradient(step);
    }
    EXPECT_EQ(mean.state == last.state, sizes.size() == 1);
  }
}

TEST(HrnnTest, NotANumberStaysOneInEveryKernel) {
  for (const char* name : {"scalar", "avx2", "avx512"}) {
    if (MakeHrnn({{3}}, {}, name) == nullptr) continue;
    Training training({3}, name, InitialHrnnTheta(1));
    training.hrnn->Step({1, std::numeric_limits<float>::quiet_NaN(), 1}, &training.state,
                        absl::MakeSpan(training.parameters));
    EXPECT_THAT(training.parameters, testing::Each(testing::Truly([](float x) { return std::isnan(x); }))) << name;
  }
}

}  // namespace
}  // namespace seedcast
