// The step against tests/golden/hrnn_reference.py, a writing of the same equations in numpy (float64): its golden file.
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <cmath>
#include <cstdlib>

#include "worker/tasks/learned_optimizer/hrnn_reference.h"

namespace seedcast {
namespace {

// Four steps of float32 against float64: rounding of 6e-8, through chains of at most 42 terms and four nonlinearities.
constexpr double kTolerance = 3e-6;

// The formulas of `inputs` in the script.
std::vector<float> GoldenTheta() {
  std::vector<float> theta(kHrnnParameters);
  for (int64_t i = 0; i < kHrnnParameters; ++i) theta[i] = static_cast<float>(i * 7919 % 2003 - 1001) / 2048;
  return theta;
}

void ExpectNear(const std::vector<float>& actual, const YAML::Node& expected, const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double value = expected[i].as<double>();
    EXPECT_NEAR(actual[i], value, kTolerance * std::max(1.0, std::fabs(value))) << what << " [" << i << "]";
  }
}

void ExpectGolden(const YAML::Node& golden, bool last_tensor, const std::string& kernels) {
  constexpr int kParameters = 5;
  const std::vector<int64_t> sizes = {3, 2};
  const auto hrnn = MakeHrnn(sizes, {last_tensor}, kernels);
  hrnn->SetTheta(GoldenTheta());
  HrnnState state;
  hrnn->Begin(1, 0, 0, &state);
  std::vector<float> parameters(kParameters), gradient(kParameters);
  for (int p = 0; p < kParameters; ++p) {
    state.log_learning_rate[p] = -4 + static_cast<float>(p * 13 % 7) / 4;
    parameters[p] = static_cast<float>(p % 5) / 2;
  }
  ASSERT_EQ(golden.size(), 4u);
  for (int step = 0; step < 4; ++step) {
    for (int p = 0; p < kParameters; ++p) gradient[p] = static_cast<float>((p * 31 + step * 17) % 23 - 11) / 8;
    hrnn->Step(gradient, &state, absl::MakeSpan(parameters));
    const std::pair<const char*, const std::vector<float>*> arrays[] = {{"parameters", &parameters},
                                                                        {"h0", &state.h0},
                                                                        {"s", &state.scale_decay},
                                                                        {"d", &state.input_decay},
                                                                        {"l", &state.log_learning_rate},
                                                                        {"a", &state.accumulator},
                                                                        {"v", &state.mean_square},
                                                                        {"h1", &state.h1},
                                                                        {"h2", &state.h2}};
    for (const auto& [name, values] : arrays) {
      ExpectNear(*values, golden[step][name], kernels + " " + name + " after step " + std::to_string(step));
    }
  }
}

TEST(HrnnGoldenTest, StepsAreThoseOfTheNumpyWriting) {
  const char* source = std::getenv("SEEDCAST_SOURCE_DIR");
  ASSERT_NE(source, nullptr) << "set by ctest";
  const YAML::Node golden = YAML::LoadFile(std::string(source) + "/tests/golden/hrnn.json");  // JSON is YAML
  for (const char* kernels : {"scalar", ""}) {
    ExpectGolden(golden["mean_of_tensors"], false, kernels);
    ExpectGolden(golden["last_tensor"], true, kernels);
  }
}

}  // namespace
}  // namespace seedcast
