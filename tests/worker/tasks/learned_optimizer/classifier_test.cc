#include "worker/tasks/learned_optimizer/problems/classifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/types/span.h"

namespace seedcast {
namespace {

const ProblemSeed kSeed(1, 2, 3);

// One feature; label 1 where it is positive, but for the last sample. 18 samples: more than one block of lanes.
Dataset Line() {
  Dataset dataset{.samples = 18, .num_features = 1};
  for (int i = 0; i < 18; ++i) {
    dataset.features.push_back(i < 9 ? -1.0f - i : i - 8.0f);
    dataset.labels.push_back(i >= 9 && i != 17);
  }
  return dataset;
}

Classifier Regression() { return Classifier(FullyConnectedNet(1, {}), Line(), 4, kSeed); }

TEST(ClassifierTest, CountsWhatIsClassifiedRightly) {
  Classifier classifier = Regression();
  // weights to logits 0 and 1, biases of both
  EXPECT_FLOAT_EQ(classifier.Accuracy({1, 0, 0, 0}, false), 17.0f / 18);
  EXPECT_FLOAT_EQ(classifier.Accuracy({-1, 0, 0, 0}, false), 1.0f / 18);
  EXPECT_FLOAT_EQ(classifier.Accuracy({0, 0, 1, 0}, false), 8.0f / 18) << "all said to be 1";
}

TEST(ClassifierTest, InvertedAccuracyTakesTheLargerLogitsIndexForTheLabel) {
  Classifier classifier = Regression();
  EXPECT_FLOAT_EQ(classifier.Accuracy({1, 0, 0, 0}, true), 1.0f / 18) << "a good net scores badly";
  EXPECT_FLOAT_EQ(classifier.Accuracy({0, 1, 0, 0}, true), 17.0f / 18);
  EXPECT_FLOAT_EQ(classifier.Accuracy({0, 0, 0, 0}, true), 10.0f / 18) << "equal logits say 0";
}

TEST(ClassifierTest, TheLossOfNothingIsLog2) { EXPECT_FLOAT_EQ(Regression().Objective({0, 0, 0, 0}), std::log(2.0f)); }

TEST(ClassifierTest, LogitOneSeesTheWeightDecayAlone) {
  Classifier classifier = Regression();
  // 1e-3 * (9 + 16) / 2 tensors
  EXPECT_FLOAT_EQ(classifier.Objective({0, 3, 0, 4}), std::log(2.0f) + 0.0125f);
  std::vector<float> gradient(4);
  classifier.ObjectiveGradient({0, 3, 0, 4}, absl::MakeSpan(gradient));
  EXPECT_FLOAT_EQ(gradient[1], 0.003f);
  EXPECT_FLOAT_EQ(gradient[3], 0.004f);
}

TEST(ClassifierTest, LargeLogitsCostWhatTheyAreWrongBy) {
  Classifier classifier = Regression();
  // Only the last sample (feature 9) is wrong: 900 / 18, and the decay of 1e-3 * 1e4 / 2.
  EXPECT_FLOAT_EQ(classifier.Objective({100, 0, 0, 0}), 50.0f + 5.0f);
}

TEST(ClassifierTest, AnEpochsBatchesAverageToTheWholeSet) {
  Dataset dataset = Line();
  dataset.samples = 16;
  Classifier classifier(FullyConnectedNet(1, {3}), std::move(dataset), 4, kSeed);
  std::vector<float> at(classifier.num_parameters()), whole(at.size()), gradient(at.size());
  classifier.InitialParameters(0, absl::MakeSpan(at));
  classifier.ObjectiveGradient(at, absl::MakeSpan(whole));
  std::vector<double> mean(at.size());
  double objective = 0;
  for (int batch = 4; batch < 8; ++batch) {
    classifier.Gradient(at, batch, absl::MakeSpan(gradient));
    for (size_t i = 0; i < at.size(); ++i) mean[i] += gradient[i] / 4;
    objective += classifier.BatchObjective(at, batch) / 4;
  }
  EXPECT_NEAR(objective, classifier.Objective(at), 1e-6);
  for (size_t i = 0; i < at.size(); ++i) EXPECT_NEAR(mean[i], whole[i], 1e-6);
}

TEST(ClassifierTest, TensorsStartAsWideAsTheirFirstDimensionSays) {
  const Classifier classifier(FullyConnectedNet(100, {200}),
                              {.samples = 1, .num_features = 100, .features = std::vector<float>(100), .labels = {0}},
                              1, kSeed);
  std::vector<float> start(classifier.num_parameters());
  classifier.InitialParameters(0, absl::MakeSpan(start));
  const int64_t sizes[] = {20000, 200, 400, 2};
  const double expected[] = {1.2 / 10, 1.2 / std::sqrt(200.0), 1.2 / std::sqrt(200.0)};
  EXPECT_THAT(classifier.tensor_sizes(), testing::ElementsAreArray(sizes));
  auto at = start.begin();
  for (int tensor = 0; tensor < 3; ++tensor) {
    double squares = 0;
    for (int64_t i = 0; i < sizes[tensor]; ++i, ++at) squares += *at * *at / sizes[tensor];
    EXPECT_NEAR(std::sqrt(squares) / expected[tensor], 1, 5 / std::sqrt(2.0 * sizes[tensor])) << tensor;
  }
}

// Four images of 3 x 3 pixels.
Dataset Images() {
  Dataset dataset{.samples = 4, .num_features = 9};
  dataset.features.resize(4 * 9);
  PhiloxStream random(5, 0, 0, 0);
  FillNormals(random, absl::MakeSpan(dataset.features));
  for (int i = 0; i < 4; ++i) dataset.labels.push_back(i % 2);
  return dataset;
}

TEST(ClassifierTest, ConvolutionsStartSmallAndHaveNoBiases) {
  const Classifier classifier(ConvolutionalNet(3, {16, 4}, Activation::kRelu), Images(), 4, kSeed);
  const int64_t sizes[] = {9 * 16, 25 * 16 * 4, 9 * 4 * 2, 2};
  EXPECT_THAT(classifier.tensor_sizes(), testing::ElementsAreArray(sizes));
  std::vector<float> start(classifier.num_parameters());
  classifier.InitialParameters(0, absl::MakeSpan(start));
  double squares = 0;
  for (const float value : start) squares += value * value / static_cast<double>(start.size());
  EXPECT_NEAR(std::sqrt(squares), 0.01, 0.0005);
}

TEST(ClassifierTest, AConvolutionSeesTheNeighboursAndZerosBeyondTheBorder) {
  // One 3 x 3 image with a 1 in the middle of its upper row; the filter's taps are 1 .. 9, logit 0 weighs pixel p by
  // 10^p.
  Dataset dataset{.samples = 1, .num_features = 9, .features = {0, 1, 0, 0, 0, 0, 0, 0, 0}, .labels = {0}};
  Classifier classifier(ConvolutionalNet(3, {1}, Activation::kRelu), std::move(dataset), 1, kSeed);
  std::vector<float> parameters(9 + 18 + 2);
  for (int tap = 0; tap < 9; ++tap) parameters[tap] = 1.0f + tap;
  // Pixel (r, c) reads (0, 1) by tap (1 - r, 2 - c): 6 5 4 in the upper row, 3 2 1 below, 0 in the last.
  const double image[] = {6, 5, 4, 3, 2, 1, 0, 0, 0};
  for (int pixel = 0; pixel < 9; ++pixel) {
    std::vector<float> at = parameters;
    at[9 + 2 * pixel] = 20;  // so large that the cross-entropy with label 0 is the logit
    const double decay = 1e-3 / 3 * (285 + 400);
    EXPECT_NEAR(classifier.Objective(at), (image[pixel] > 0 ? 20 * image[pixel] : std::log(2)) + decay, 1e-4) << pixel;
  }
}

// Differences over so short a way that no unit passes its kink.
TEST(ClassifierTest, HessianTimesIsTheGradientsChangeBesideTheKinksOfARelu) {
  Classifier classifier(ConvolutionalNet(3, {3, 2}, Activation::kRelu), Images(), 4, kSeed);
  const size_t n = classifier.num_parameters();
  std::vector<float> start(n), u(n), product(n), ahead(n), behind(n);
  classifier.InitialParameters(0, absl::MakeSpan(start));
  for (float& value : start) value *= 40;
  PhiloxStream random(6, 0, 0, 0);
  FillNormals(random, absl::MakeSpan(u));
  constexpr float kDistance = 0x1p-13;
  std::vector<float> at = start;
  for (size_t i = 0; i < n; ++i) at[i] = start[i] + kDistance * u[i];
  classifier.Gradient(at, 0, absl::MakeSpan(ahead));
  for (size_t i = 0; i < n; ++i) at[i] = start[i] - kDistance * u[i];
  classifier.Gradient(at, 0, absl::MakeSpan(behind));
  classifier.HessianTimes(start, 0, u, absl::MakeSpan(product));
  double largest = 0;
  for (const float value : product) largest = std::max(largest, std::abs(double{value}));
  EXPECT_GT(largest, 0.1);
  for (size_t i = 0; i < n; ++i) {
    EXPECT_NEAR(product[i], (ahead[i] - behind[i]) / (2 * kDistance), 5e-3 * largest) << i;
  }
}

}  // namespace
}  // namespace seedcast
