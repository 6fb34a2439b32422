#include "worker/tasks/learned_optimizer/problems/classifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

Classifier Regression() { return Classifier(FullyConnectedLayers(1, {}), Line(), 4, kSeed); }

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
  Classifier classifier(FullyConnectedLayers(1, {3}), std::move(dataset), 4, kSeed);
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
  const Classifier classifier(FullyConnectedLayers(100, {200}),
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

}  // namespace
}  // namespace seedcast
