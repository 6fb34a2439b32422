// Random numbers, data sets and mini-batches of problems, and the elementary functions that make them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "absl/types/span.h"
#include "worker/tasks/learned_optimizer/problems/batches.h"
#include "worker/tasks/learned_optimizer/problems/dataset.h"
#include "worker/tasks/learned_optimizer/problems/lanes.h"
#include "worker/tasks/learned_optimizer/problems/problem_seed.h"

namespace seedcast {
namespace {

using Purpose = ProblemSeed::Purpose;

const ProblemSeed kSeed(11, 12, 13);

PhiloxStream Data(int64_t index = 0) { return kSeed.Stream(Purpose::kData, index); }

// Largest |function(x) - exact(x)| / scale(exact) over [low, high].
template <typename Function, typename Exact>
double WorstError(double low, double high, bool relative, const Function& function, const Exact& exact) {
  double worst = 0;
  for (int i = 0; i < 20000; ++i) {
    float x[kLanes], y[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      x[lane] = static_cast<float>(low + (high - low) * (i * kLanes + lane) / (20000.0 * kLanes));
    }
    function(Lanes::Load(x)).Store(y);
    for (int lane = 0; lane < kLanes; ++lane) {
      const double expected = exact(static_cast<double>(x[lane]));
      worst = std::max(worst, std::abs(y[lane] - expected) / (relative ? std::abs(expected) : 1.0));
    }
  }
  return worst;
}

TEST(LanesTest, ElementaryFunctionsAreAccurate) {
  const double ulp = 0x1p-23;
  EXPECT_LT(WorstError(
                -87, 88, true, [](Lanes x) { return Exp(x); }, [](double x) { return std::exp(x); }),
            2 * ulp);
  EXPECT_LT(WorstError(
                -80, 80, true, [](Lanes x) { return Sigmoid(x); }, [](double x) { return 1 / (1 + std::exp(-x)); }),
            4 * ulp);
  EXPECT_LT(WorstError(
                1e-6, 1, true, [](Lanes x) { return Log1p(x); }, [](double x) { return std::log1p(x); }),
            4 * ulp);
  EXPECT_LT(WorstError(
                1e-7, 0.9, true, [](Lanes x) { return LogOfNormal(x); }, [](double x) { return std::log(x); }),
            4 * ulp);
  EXPECT_LT(WorstError(
                0.9, 1, false, [](Lanes x) { return LogOfNormal(x); }, [](double x) { return std::log(x); }),
            ulp);
  EXPECT_LT(WorstError(
                0, 1, false, [](Lanes x) { return DirectionOfTurn(x).cosine; },
                [](double x) { return std::cos(2 * M_PI * x); }),
            3 * ulp);
  EXPECT_LT(WorstError(
                0, 1, false, [](Lanes x) { return DirectionOfTurn(x).sine; },
                [](double x) { return std::sin(2 * M_PI * x); }),
            3 * ulp);
}

TEST(LanesTest, KeepsNotANumber) {
  EXPECT_TRUE(std::isnan(Sum(Sigmoid(Lanes(std::nanf(""))))));
  EXPECT_TRUE(std::isnan(Sum(Exp(Lanes(std::nanf(""))))));
}

TEST(LanesTest, SumsInItsDocumentedOrder) {
  float x[kLanes];
  PhiloxStream random = Data();
  FillNormals(random, absl::MakeSpan(x));
  std::vector<float> tree(x, x + kLanes);
  for (size_t width = kLanes / 2; width > 0; width /= 2) {
    for (size_t lane = 0; lane < width; ++lane) tree[lane] += tree[lane + width];
  }
  EXPECT_EQ(Sum(Lanes::Load(x)), tree[0]);
}

TEST(ProblemSeedTest, NormalsAreNormal) {
  std::vector<float> values(1 << 20);
  PhiloxStream random = Data();
  FillNormals(random, absl::MakeSpan(values));
  const double count = static_cast<double>(values.size());
  double moments[5] = {};
  double products = 0;
  int beyond_two = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    for (int power = 1; power <= 4; ++power) moments[power] += std::pow(values[i], power) / count;
    beyond_two += std::abs(values[i]) > 2;
    if (i >= kLanes) products += values[i] * values[i - kLanes] / count;
  }
  EXPECT_NEAR(moments[1], 0, 5 / std::sqrt(count));
  EXPECT_NEAR(moments[2], 1, 5 * std::sqrt(2 / count));
  EXPECT_NEAR(moments[3], 0, 5 * std::sqrt(15 / count));
  EXPECT_NEAR(moments[4], 3, 5 * std::sqrt(96 / count));
  EXPECT_NEAR(beyond_two / count, 0.0455003, 5 * std::sqrt(0.0455 / count));
  EXPECT_NEAR(products, 0, 5 / std::sqrt(count)) << "a pair's cosine and sine";
  EXPECT_TRUE(std::all_of(values.begin(), values.end(), [](float x) { return std::abs(x) < 6; }));
}

TEST(ProblemSeedTest, StreamsDifferInEveryWord) {
  std::set<uint32_t> first;
  const auto add = [&first](const ProblemSeed& seed, Purpose purpose, int64_t index) {
    first.insert(seed.Stream(purpose, index).Next());
  };
  add({1, 2, 3}, Purpose::kData, 0);
  add({2, 2, 3}, Purpose::kData, 0);
  add({1, 3, 3}, Purpose::kData, 0);
  add({1, 2, 4}, Purpose::kData, 0);
  add({1, 2, 3}, Purpose::kStart, 0);
  add({1, 2, 3}, Purpose::kData, 1);
  add({1, 2, 3}, Purpose::kData, int64_t{1} << 32);
  add(ProblemSeed(1, 2, 3).Part(0), Purpose::kData, 0);
  add(ProblemSeed(1, 2, 3).Part(1), Purpose::kData, 0);
  add(ProblemSeed(1, 2, 3).Part(0).Part(1), Purpose::kData, 0);
  EXPECT_EQ(first.size(), 10u);
}

TEST(BatchesTest, AreEpochsWithoutReplacement) {
  Batches batches(kSeed, 103, 10);
  std::vector<std::vector<int>> epochs;
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::vector<int> order;
    for (int i = 0; i < 10; ++i) {
      const auto batch = batches.Samples(epoch * 10 + i);
      order.insert(order.end(), batch.begin(), batch.end());
    }
    EXPECT_EQ(std::set<int>(order.begin(), order.end()).size(), 100u) << "each at most once, the remainder dropped";
    EXPECT_TRUE(std::all_of(order.begin(), order.end(), [](int s) { return s >= 0 && s < 103; }));
    epochs.push_back(order);
  }
  EXPECT_NE(epochs[0], epochs[1]) << "shuffled again";
}

TEST(BatchesTest, CanBeAskedInAnyOrder) {
  Batches forward(kSeed, 50, 7), backward(kSeed, 50, 7);
  std::vector<std::vector<int>> seen;
  for (int batch = 0; batch < 30; ++batch) {
    const auto samples = forward.Samples(batch);
    seen.emplace_back(samples.begin(), samples.end());
  }
  for (int batch = 29; batch >= 0; --batch) EXPECT_EQ(backward.Samples(batch), absl::MakeConstSpan(seen[batch]));
}

TEST(BatchesTest, ABatchOfAllIsEverySample) {
  Batches batches(kSeed, 5, 5);
  const auto samples = batches.Samples(8);
  EXPECT_THAT(std::vector<int>(samples.begin(), samples.end()), testing::UnorderedElementsAre(0, 1, 2, 3, 4));
}

TEST(DatasetTest, ClustersAreWhereAndAsWideAsTheyShould) {
  PhiloxStream random = Data();
  const int n = 40;
  const Dataset dataset = MakeClusters(n, 1.5, random);
  ASSERT_EQ(dataset.samples, 1000);
  std::set<std::vector<bool>> corners;
  for (int cluster = 0; cluster < 4; ++cluster) {
    std::vector<bool> corner;
    double spread = 0;
    for (int feature = 0; feature < n; ++feature) {
      double mean = 0, squares = 0;
      for (int i = 0; i < 250; ++i) {
        const double x = dataset.row(cluster * 250 + i)[feature];
        mean += x / 250;
        squares += x * x / 250;
      }
      // Each coordinate's variance is a sum of 40 squares of U(-1, 1): 13.3, so that of the mean is 0.23^2.
      EXPECT_NEAR(std::abs(mean), 1.5, 1.3);
      spread += (squares - mean * mean) / n;
      corner.push_back(mean > 0);
    }
    EXPECT_NEAR(spread, n / 3.0, 1.5);
    corners.insert(corner);
  }
  EXPECT_EQ(corners.size(), 4u);
}

TEST(DatasetTest, OneClusterLabelInTwoHundredIsWrong) {
  int wrong = 0;
  for (int index = 0; index < 20; ++index) {
    PhiloxStream random = Data(index);
    const Dataset dataset = MakeClusters(3, 1, random);
    for (int i = 0; i < 1000; ++i) wrong += dataset.labels[i] != i / 250 % 2;
  }
  EXPECT_NEAR(wrong, 100, 50) << "1 % are drawn again, half of them to the same";
}

// The network once more, in double.
TEST(DatasetTest, NetworkLabelsAreThoseOfTheNetwork) {
  PhiloxStream random = Data();
  const Dataset dataset = MakeNetworkLabels(7, random);
  random = Data();
  std::vector<float> features(7000);
  FillNormals(random, absl::MakeSpan(features));
  EXPECT_EQ(features, dataset.features);
  std::vector<std::vector<double>> units(1000);
  for (int i = 0; i < 1000; ++i) units[i].assign(dataset.row(i), dataset.row(i) + 7);
  for (int layer = 0; layer < 6; ++layer) {
    std::vector<float> weights(units[0].size() * 20);
    FillNormals(random, absl::MakeSpan(weights));
    for (std::vector<double>& sample : units) {
      std::vector<double> next(20);
      for (size_t o = 0; o < 20; ++o) {
        for (size_t i = 0; i < sample.size(); ++i) next[o] += sample[i] * weights[i * 20 + o] * std::sqrt(2.0 / 7);
        next[o] = std::max(next[o], 0.0);
      }
      sample = next;
    }
  }
  int different = 0;
  for (int i = 0; i < 1000; ++i) different += dataset.labels[i] != (units[i][0] > 0);
  EXPECT_LE(different, 1) << "but for an output that rounding takes to 0";
}

TEST(DatasetTest, ParityIsOfTheIdsAndNoisy) {
  PhiloxStream random = Data();
  const Dataset dataset = MakeNoisyParity(10000, random);
  int wrong = 0;
  double ones = 0;
  for (int i = 0; i < 10000; ++i) {
    EXPECT_EQ(dataset.row(i)[0] + dataset.row(i)[1], 5);
    ones += dataset.row(i)[1];
    wrong += dataset.labels[i] != static_cast<int>(dataset.row(i)[1]) % 2;
  }
  EXPECT_NEAR(wrong, 2500, 5 * std::sqrt(2500 * 0.75));
  EXPECT_NEAR(ones / 10000, 2.5, 0.06);
}

TEST(DatasetTest, SymmetricAndBinaryDataAreWhatTheyAreCalled) {
  PhiloxStream random = Data();
  const Dataset symmetric = MakeSymmetric(3, 100, random);
  for (int i = 0; i < 150; ++i) EXPECT_EQ(symmetric.features[i], -symmetric.features[i + 150]);
  const Dataset binary = MakeBinary(10, 1000, random);
  const auto ones = std::count(binary.features.begin(), binary.features.end(), 1.0f);
  EXPECT_EQ(std::count(binary.features.begin(), binary.features.end(), 0.0f), 10000 - ones);
  EXPECT_NEAR(ones, 5000, 5 * 50);
}

}  // namespace
}  // namespace seedcast
