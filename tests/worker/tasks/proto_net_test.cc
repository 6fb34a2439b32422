#include "worker/tasks/proto_net.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "worker/data/glyphs.h"
#include "worker/tasks/episodes.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<const Dataset> Glyphs() {
  static const auto& dataset = *new std::shared_ptr<const Dataset>(
      std::make_shared<Dataset>(GenerateGlyphs({.train = 20, .validation = 5, .test = 5})));
  return dataset;
}

v1::JobSpec SmallSpec() {
  v1::JobSpec spec;
  spec.set_seed(42);
  v1::ProtoNetTask& task = *spec.mutable_proto_net();
  task.set_way(5);
  task.set_shot(1);
  task.set_query(2);
  task.set_filters(16);
  task.set_blocks(2);
  task.set_statistics(v1::ProtoNetTask::SUPPORT);
  task.set_episodes_per_pair(1);
  return spec;
}

v1::EvaluationSpec Evaluation(int way, int shot, int query) {
  v1::EvaluationSpec spec;
  spec.set_split(v1::EvaluationSpec::TEST);
  spec.set_way(way);
  spec.set_shot(shot);
  spec.set_query(query);
  return spec;
}

const ConvNetKernels& BestKernels() { return *BestConvNetKernels(v1::F32); }

std::unique_ptr<Task> Make(const v1::JobSpec& spec, const ConvNetKernels& kernels = BestKernels()) {
  auto task = MakeProtoNetTask(spec, Glyphs(), kernels);
  EXPECT_TRUE(task.ok()) << task.status();
  return *std::move(task);
}

TEST(ProtoNetTest, EveryF32KernelGivesTheSameBits) {
  std::vector<float> fitness;
  for (const ConvNetKernels& kernels : AvailableConvNetKernels()) {
    if (kernels.numeric_class != v1::F32) continue;
    const auto task = Make(SmallSpec(), kernels);
    const auto evaluator = task->NewEvaluator();
    fitness.push_back(*evaluator->Evaluate(task->InitialTheta(), {3, 7}));
    const auto measured = evaluator->Measure(task->InitialTheta(), Evaluation(5, 5, 5), 2);
    fitness.push_back(measured->fitness);
    EXPECT_EQ(fitness[fitness.size() - 2], fitness[0]) << kernels.name;
    EXPECT_EQ(fitness[fitness.size() - 1], fitness[1]) << kernels.name;
  }
}

TEST(ProtoNetTest, FitnessIsAPureFunctionWhateverCameBefore) {
  const auto task = Make(SmallSpec());
  const std::vector<float> theta = task->InitialTheta();
  const float expected = *task->NewEvaluator()->Evaluate(theta, {1, 2});
  const auto evaluator = task->NewEvaluator();
  const std::function<void()> others[] = {
      [&] {
        (void)evaluator->Evaluate(theta, {1, 3});
      },
      [&] {
        (void)evaluator->Evaluate(theta, {2, 2});
      },
      [&] {
        (void)evaluator->Evaluate(std::vector<float>(theta.size(), 0.5f), {1, 2});
      },
      [&] { (void)evaluator->Measure(theta, Evaluation(5, 1, 2), 0); },
      [&] { (void)evaluator->Measure(theta, Evaluation(7, 2, 3), 0); },
  };
  for (const auto& other : others) {
    EXPECT_EQ(*evaluator->Evaluate(theta, {1, 2}), expected);
    other();
    EXPECT_EQ(*evaluator->Evaluate(theta, {1, 2}), expected);
  }
}

TEST(ProtoNetTest, MembersOfAPairShareEpisodesAndPairsDoNot) {
  const auto task = Make(SmallSpec());
  const std::vector<float> theta = task->InitialTheta();
  const auto evaluator = task->NewEvaluator();
  EXPECT_EQ(*evaluator->Evaluate(theta, {0, 0}), *evaluator->Evaluate(theta, {0, 0}));
  EXPECT_NE(*evaluator->Evaluate(theta, {0, 0}), *evaluator->Evaluate(theta, {0, 1}));
  EXPECT_NE(*evaluator->Evaluate(theta, {0, 0}), *evaluator->Evaluate(theta, {1, 0}));
}

TEST(ProtoNetTest, SeveralEpisodesAreAveraged) {
  v1::JobSpec spec = SmallSpec();
  const auto one = Make(spec);
  spec.mutable_proto_net()->set_episodes_per_pair(3);
  const auto three = Make(spec);
  const std::vector<float> theta = one->InitialTheta();
  const auto evaluator = three->NewEvaluator();
  const float mean = *evaluator->Evaluate(theta, {0, 0});
  EXPECT_EQ(*evaluator->Evaluate(theta, {0, 0}), mean);
  EXPECT_NE(mean, *one->NewEvaluator()->Evaluate(theta, {0, 0}));
  EXPECT_LT(mean, 0);
}

TEST(ProtoNetTest, StatisticsChangeTheFitness) {
  v1::JobSpec spec = SmallSpec();
  const auto support = Make(spec);
  spec.mutable_proto_net()->set_statistics(v1::ProtoNetTask::EPISODE);
  const auto episode = Make(spec);
  const std::vector<float> theta = support->InitialTheta();
  EXPECT_NE(*support->NewEvaluator()->Evaluate(theta, {0, 0}), *episode->NewEvaluator()->Evaluate(theta, {0, 0}));
}

TEST(ProtoNetTest, TrainingOnBothSplitsShowsValidationCharacters) {
  v1::JobSpec spec = SmallSpec();
  spec.mutable_proto_net()->set_way(81);  // 20 characters have 80 classes
  spec.mutable_proto_net()->set_shot(1);
  EXPECT_FALSE(MakeProtoNetTask(spec, Glyphs(), BestKernels()).ok());
  spec.mutable_proto_net()->set_characters(v1::ProtoNetTask::TRAIN_AND_VALIDATION);
  const auto task = Make(spec);
  EXPECT_TRUE(std::isfinite(*task->NewEvaluator()->Evaluate(task->InitialTheta(), {0, 0})));
  spec.mutable_proto_net()->set_way(101);
  EXPECT_THAT(MakeProtoNetTask(spec, Glyphs(), BestKernels()).status().message(),
              HasSubstr("proto_net.way: 101, expected 2 .. 100"));
}

TEST(ProtoNetTest, CharactersOfBothSplitsMakeOtherEpisodes) {
  v1::JobSpec spec = SmallSpec();
  const auto train = Make(spec);
  spec.mutable_proto_net()->set_characters(v1::ProtoNetTask::TRAIN_AND_VALIDATION);
  const auto both = Make(spec);
  const std::vector<float> theta = train->InitialTheta();
  EXPECT_NE(*both->NewEvaluator()->Evaluate(theta, {0, 0}), *train->NewEvaluator()->Evaluate(theta, {0, 0}));
  EXPECT_EQ(both->NewEvaluator()->Measure(theta, Evaluation(5, 1, 5), 0)->fitness,
            train->NewEvaluator()->Measure(theta, Evaluation(5, 1, 5), 0)->fitness);
}

TEST(ProtoNetTest, BlocksMayDifferInWidth) {
  v1::JobSpec spec = SmallSpec();
  for (const int filters : {16, 32, 16}) spec.mutable_proto_net()->add_filters_per_block(filters);
  spec.mutable_proto_net()->clear_filters();
  spec.mutable_proto_net()->clear_blocks();
  const auto task = Make(spec);
  EXPECT_EQ(task->num_parameters(), 9 * (16 + 16 * 32 + 32 * 16) + 2 * (16 + 32 + 16));
  EXPECT_THAT(task->Description(), HasSubstr("conv3-16/32/16, 9,488 parameters"));
  EXPECT_LT(*task->NewEvaluator()->Evaluate(task->InitialTheta(), {0, 0}), 0);
}

TEST(ProtoNetTest, RandomNetworkIsBetterThanChanceAndFarFromPerfect) {
  const auto task = Make(SmallSpec());
  const auto evaluator = task->NewEvaluator();
  const std::vector<float> theta = task->InitialTheta();
  double accuracy = 0;
  for (int episode = 0; episode < 40; ++episode) {
    accuracy += evaluator->Measure(theta, Evaluation(5, 1, 5), episode)->accuracy / 40;
  }
  EXPECT_GT(accuracy, 0.3);
  EXPECT_LT(accuracy, 0.9);
}

TEST(ProtoNetTest, ZeroThetaKnowsNothing) {
  const auto task = Make(SmallSpec());
  const auto fitness = task->NewEvaluator()->Evaluate(std::vector<float>(task->num_parameters()), {0, 0});
  EXPECT_NEAR(*fitness, -std::log(5.0), 1e-5);
}

TEST(ProtoNetTest, ThetaOfAnotherSizeIsAnError) {
  const auto task = Make(SmallSpec());
  const auto evaluator = task->NewEvaluator();
  const std::vector<float> theta(task->num_parameters() - 1);
  EXPECT_EQ(evaluator->Evaluate(theta, {0, 0}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(evaluator->Measure(theta, Evaluation(5, 1, 1), 0).status().message(), HasSubstr("expected"));
}

TEST(ProtoNetTest, EvaluationsBeyondTheDataAreRefused) {
  const auto task = Make(SmallSpec());
  EXPECT_TRUE(task->CheckEvaluation(Evaluation(20, 5, 15)).ok());
  EXPECT_THAT(task->CheckEvaluation(Evaluation(21, 5, 15)).message(), HasSubstr("way: 21, expected 2 .. 20"));
  EXPECT_THAT(task->CheckEvaluation(Evaluation(5, 5, 16)).message(), HasSubstr("query: 16, expected 1 .. 15"));
  v1::EvaluationSpec no_split = Evaluation(5, 5, 5);
  no_split.clear_split();
  EXPECT_THAT(task->CheckEvaluation(no_split).message(), HasSubstr("expected TRAIN, VALIDATION or TEST"));
  EXPECT_FALSE(task->NewEvaluator()->Measure(task->InitialTheta(), Evaluation(21, 5, 15), 0).ok());
}

TEST(ProtoNetTest, TrainingOrValidationBeyondTheDataIsRefused) {
  v1::JobSpec spec = SmallSpec();
  spec.mutable_proto_net()->set_way(81);
  EXPECT_THAT(MakeProtoNetTask(spec, Glyphs(), BestKernels()).status().message(),
              HasSubstr("proto_net.way: 81, expected 2 .. 80"));
  spec = SmallSpec();
  spec.mutable_validation()->set_every(10);
  *spec.mutable_validation()->mutable_episodes() = Evaluation(21, 1, 1);
  spec.mutable_validation()->mutable_episodes()->set_split(v1::EvaluationSpec::VALIDATION);
  EXPECT_THAT(MakeProtoNetTask(spec, Glyphs(), BestKernels()).status().message(),
              HasSubstr("validation.episodes.way: 21, expected 2 .. 20"));
}

TEST(ProtoNetTest, DescribesDataAndNetwork) {
  v1::JobSpec spec = SmallSpec();
  EXPECT_EQ(Make(spec)->Description(),
            "generated glyphs (30 characters), conv2-16, 2,512 parameters, statistics from support");
  spec.mutable_proto_net()->set_dataset(v1::ProtoNetTask::AUTO);
  spec.mutable_proto_net()->set_dataset_digest(std::string(kGlyphsDigest));
  EXPECT_THAT(Make(spec)->Description(), HasSubstr("generated glyphs (30 characters) for want of Omniglot, conv2-16"));
  spec.mutable_proto_net()->set_filters(64);
  spec.mutable_proto_net()->set_blocks(4);
  spec.mutable_proto_net()->set_statistics(v1::ProtoNetTask::EPISODE);
  EXPECT_THAT(Make(spec)->Description(), HasSubstr("conv4-64, 111,680 parameters, statistics from the whole episode"));
}

TEST(ProtoNetTest, ReportsItsScratch) { EXPECT_GT(Make(SmallSpec())->NewEvaluator()->ScratchBytes(), 15 * 784); }

}  // namespace
}  // namespace seedcast
