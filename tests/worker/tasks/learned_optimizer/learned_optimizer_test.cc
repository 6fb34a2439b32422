#include "worker/tasks/learned_optimizer/learned_optimizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/string_view.h"
#include "common/noise/philox.h"
#include "common/spec/resolve.h"
#include "common/strategy/estimator.h"
#include "worker/tasks/learned_optimizer/catalogue.h"
#include "worker/tasks/learned_optimizer/hrnn.h"

namespace seedcast {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using Estimator = v1::Strategy;

// One cluster a list of problems; few steps, so that tests are quick.
v1::JobSpec Job(const std::vector<std::vector<std::string>>& clusters, int steps = 5, int count = 4,
                v1::Strategy::Estimator estimator = v1::Strategy::FULL_ES) {
  v1::JobSpec spec;
  spec.set_generations(100);
  spec.mutable_strategy()->set_population_size(8);
  spec.mutable_strategy()->set_estimator(estimator);
  v1::LearnedOptimizerTask* task = spec.mutable_learned_optimizer();
  for (const std::vector<std::string>& problems : clusters) {
    v1::LearnedOptimizerTask::Cluster* cluster = task->add_clusters();
    cluster->set_name("c" + std::to_string(task->clusters_size()));
    for (const std::string& problem : problems) cluster->add_problems(problem);
  }
  task->mutable_unroll()->set_steps(steps);
  task->mutable_unroll()->set_count(count);
  return spec;
}

struct Trained {
  explicit Trained(const v1::JobSpec& spec)
      : task(*MakeLearnedOptimizerTask(*Resolve(spec))), theta(task->InitialTheta()), evaluator(task->NewEvaluator()) {}

  float Evaluate(const EpisodeKey& key) { return *evaluator->Evaluate(theta, key); }
  // From the reset at key.generation to the unroll of `last`.
  std::vector<float> Unrolls(const EpisodeKey& key, int64_t last) {
    auto state = *evaluator->Begin(theta, key);
    std::vector<float> fitness;
    for (int64_t g = key.generation; g <= last; ++g) fitness.push_back(*evaluator->Unroll(theta, g, state.get()));
    return fitness;
  }

  std::unique_ptr<Task> task;
  std::vector<float> theta;
  std::unique_ptr<Evaluator> evaluator;
};

float* Find(absl::string_view name, std::vector<float>* theta) {
  for (const HrnnTensor& tensor : HrnnTensors()) {
    if (name == tensor.name) return theta->data() + tensor.first;
  }
  return nullptr;
}

// Steps of e^40: nothing survives them.
std::vector<float> Exploding(std::vector<float> theta) {
  *Find("learning_rate.offset", &theta) = 40;
  return theta;
}

const std::vector<std::vector<std::string>> kTwoClusters = {{"quadratic(6)", "softmax(4, 2, 50)"},
                                                            {"bowl(5)", "mlp(4, 3, 20)"}};

TEST(LearnedOptimizerTest, HasTheOptimizersParametersAndAllEstimators) {
  const Trained trained(Job(kTwoClusters));
  EXPECT_EQ(trained.task->num_parameters(), 8349);
  EXPECT_EQ(trained.theta.size(), 8349u);
  for (const auto estimator : {Estimator::FULL_ES, Estimator::PES, Estimator::NRES, Estimator::GRADIENT}) {
    EXPECT_TRUE(trained.task->Supports(estimator));
  }
}

TEST(LearnedOptimizerTest, SaysHowManyProblemsThereAre) {
  EXPECT_THAT(Trained(Job(kTwoClusters)).task->Description(), HasSubstr("4 problems in 2 clusters, for"));
  EXPECT_THAT(Trained(Job({{"bowl(5)"}})).task->Description(), HasSubstr("1 problem in 1 cluster, for"));
}

TEST(LearnedOptimizerTest, FitnessIsAFunctionOfThetaAndKey) {
  Trained one(Job(kTwoClusters)), other(Job(kTwoClusters));
  const float first = one.Evaluate({3, 1, 0});
  EXPECT_TRUE(std::isfinite(first));
  other.Evaluate({7, 2, 1});  // what an evaluator did before does not matter
  EXPECT_EQ(other.Evaluate({3, 1, 0}), first);
  std::set<float> different = {first, one.Evaluate({4, 1, 0}), one.Evaluate({3, 2, 0}), one.Evaluate({3, 1, 1})};
  EXPECT_EQ(different.size(), 4u);
}

TEST(LearnedOptimizerTest, AWholeEvaluationIsTheMeanOfItsUnrolls) {
  for (const int cluster : {0, 1}) {
    const EpisodeKey key{0, 0, cluster};
    const float whole = Trained(Job(kTwoClusters)).Evaluate(key);
    const std::vector<float> parts = Trained(Job(kTwoClusters, 5, 4, Estimator::PES)).Unrolls(key, 3);
    EXPECT_NEAR(whole, (parts[0] + parts[1] + parts[2] + parts[3]) / 4, 1e-6 * std::abs(whole));
  }
}

TEST(LearnedOptimizerTest, AnotherEvaluatorGoesOnFromAClone) {
  const v1::JobSpec spec = Job(kTwoClusters, 5, 4, Estimator::NRES);
  Trained one(spec), other(spec);
  const EpisodeKey key{0, 0, 0};
  const std::vector<float> expected = one.Unrolls(key, 3);
  auto state = *one.evaluator->Begin(one.theta, key);
  for (const int64_t g : {0, 1}) ASSERT_TRUE(one.evaluator->Unroll(one.theta, g, state.get()).ok());
  const auto clone = state->Clone();
  EXPECT_GT(clone->Bytes(), 100);
  for (const int64_t g : {2, 3}) EXPECT_EQ(*other.evaluator->Unroll(one.theta, g, clone.get()), expected[g]);
}

TEST(LearnedOptimizerTest, ARestartTakesOtherParametersAndBatches) {
  v1::JobSpec spec = Job({{"softmax(4, 2, 50)"}}, 5, 2, Estimator::PES);
  spec.mutable_learned_optimizer()->mutable_unroll()->set_restarts(2);
  const std::vector<float> fitness = Trained(spec).Unrolls({0, 0, 0}, 3);
  EXPECT_NE(fitness[2], fitness[0]);
  EXPECT_NE(fitness[3], fitness[1]);

  spec.mutable_learned_optimizer()->mutable_published()->set_carried_state(true);
  const std::vector<float> carried = Trained(spec).Unrolls({0, 0, 0}, 3);
  EXPECT_EQ(carried[1], fitness[1]);
  EXPECT_NE(carried[2], fitness[2]);
}

// What an evaluator of one problem has to come to: unrolls of these lengths, one after another.
struct ByHand {
  ByHand(const v1::JobSpec& spec, const EpisodeKey& key)
      : seed(NameInstance(spec.seed(), InstancePurpose::kTraining, key.cluster, 0, static_cast<uint32_t>(key.pair),
                          static_cast<uint32_t>(key.generation))) {
    const std::string& expression = spec.learned_optimizer().clusters(key.cluster).problems(0);
    auto problem = *MakeProblem(expression, {}, seed.seed, seed.stream, seed.substream);
    hrnn = MakeHrnn(problem->tensor_sizes(), {});
    hrnn->SetTheta(InitialHrnnTheta(spec.seed()));
    training = std::make_unique<InnerTraining>(std::move(problem), hrnn.get(), seed, TrainingRules());
  }

  InstanceSeed seed;
  std::unique_ptr<Hrnn> hrnn;
  std::unique_ptr<InnerTraining> training;
  TrainingState state;
};

v1::JobSpec RandomLengths(v1::Strategy::Estimator estimator) {
  v1::JobSpec spec = Job({{"quadratic(6)"}}, 4, 3, estimator);
  spec.mutable_learned_optimizer()->mutable_unroll()->set_lengths(v1::Unroll::EXPONENTIAL);
  spec.mutable_learned_optimizer()->mutable_unroll()->set_min_steps(2);
  spec.mutable_learned_optimizer()->mutable_unroll()->set_restarts(2);
  return *Resolve(spec);
}

TEST(LearnedOptimizerTest, AWholeEvaluationHasAsManyUnrollsAsWereDrawn) {
  const v1::JobSpec spec = RandomLengths(Estimator::FULL_ES);
  Trained trained(spec);
  std::set<int64_t> counts;
  for (int64_t g = 0; g < 12; ++g) {
    const EpisodeKey key{g, 1, 0};
    ByHand expected(spec, key);
    const int64_t count = UnrollsOfEvaluation(spec, g, 0, 1);
    Recorded recorded;
    for (int unroll = 0; unroll < 2 * count; ++unroll) {
      expected.state.restart = static_cast<int>(unroll / count);
      if (unroll % count == 0) expected.training->Start(&expected.state);
      recorded.Add(expected.training->Unroll(UnrollSteps(spec, g, 0, 1, unroll), &expected.state));
    }
    EXPECT_EQ(trained.Evaluate(key), static_cast<float>(-recorded.mean())) << "generation " << g;
    counts.insert(count);
  }
  EXPECT_GT(counts.size(), 3u) << "random, not the mean";
}

TEST(LearnedOptimizerTest, CarriedUnrollsAreAsLongAsWasDrawn) {
  const v1::JobSpec spec = RandomLengths(Estimator::PES);
  Trained trained(spec);
  const EpisodeKey key{0, 1, 0};
  ByHand expected(spec, key);
  expected.training->Start(&expected.state);
  std::set<int64_t> lengths, restarts;
  const std::vector<float> fitness = trained.Unrolls(key, 11);
  for (int64_t g = 0; g < 12; ++g) {
    if (g > 0 && BoundaryBefore(spec, g, 1) == Boundary::kRestart) {
      restarts.insert(++expected.state.restart);
      expected.training->Start(&expected.state);
    }
    lengths.insert(UnrollSteps(spec, g, 0, 1, 0));
    const Recorded recorded = expected.training->Unroll(UnrollSteps(spec, g, 0, 1, 0), &expected.state);
    EXPECT_EQ(fitness[g], static_cast<float>(-recorded.mean())) << "generation " << g;
  }
  EXPECT_GT(lengths.size(), 3u);
  EXPECT_GT(restarts.size(), 0u);
}

// d fitness / d theta along a direction, by central differences in float32.
double Slope(Trained* trained, const InnerState& start, int64_t generation, const std::vector<float>& direction) {
  constexpr float kStep = 2e-3f;
  double fitness[2];
  for (const int side : {0, 1}) {
    std::vector<float> moved = trained->theta;
    for (size_t i = 0; i < moved.size(); ++i) moved[i] += (side == 0 ? kStep : -kStep) * direction[i];
    const auto state = start.Clone();
    fitness[side] = *trained->evaluator->Unroll(moved, generation, state.get());
  }
  return (fitness[0] - fitness[1]) / (2 * double{kStep});
}

struct GradientCase {
  const char* problem;
  bool doubled_start;
};

class LearnedOptimizerGradientTest : public ::testing::TestWithParam<GradientCase> {};

TEST_P(LearnedOptimizerGradientTest, IsTheSlopeOfAnUnroll) {
  v1::JobSpec spec = Job({{GetParam().problem}}, 6, 3, Estimator::GRADIENT);
  spec.mutable_learned_optimizer()->set_parallel_batches(2);
  spec.mutable_learned_optimizer()->mutable_published()->set_doubled_start(GetParam().doubled_start);
  Trained trained(spec);
  *Find("learning_rate.offset", &trained.theta) = 4;  // steps so large that curvature matters
  auto state = *trained.evaluator->Begin(trained.theta, {0, 0, 0});
  ASSERT_TRUE(trained.evaluator->Unroll(trained.theta, 0, state.get()).ok());
  std::vector<float> gradient(kHrnnParameters);
  const auto start = state->Clone();
  const float fitness = *trained.evaluator->UnrollGradient(trained.theta, 1, state.get(), absl::MakeSpan(gradient));
  EXPECT_EQ(fitness, *trained.evaluator->Unroll(trained.theta, 1, start->Clone().get()));

  PhiloxStream random(7, 0, 0, 0);
  for (int trial = 0; trial < 4; ++trial) {
    // At first the one meta-parameter that matters most, then all of them.
    std::vector<float> direction(kHrnnParameters);
    if (trial == 0) *Find("learning_rate.offset", &direction) = 1;
    for (float& d : direction) d += trial == 0 ? 0 : random.Next() % 2 == 0 ? 0.05f : -0.05f;
    double expected = 0;
    for (int64_t i = 0; i < kHrnnParameters; ++i) expected += double{gradient[i]} * direction[i];
    EXPECT_NEAR(Slope(&trained, *start, 1, direction), expected, 0.01 * std::abs(expected) + 5e-4) << trial;
  }
}

INSTANTIATE_TEST_SUITE_P(Problems, LearnedOptimizerGradientTest,
                         ::testing::Values(GradientCase{"quadratic(4)", false}, GradientCase{"quadratic(4)", true},
                                           GradientCase{"softmax(2, 2, 3)", false},
                                           GradientCase{"mlp(3, 2, 20)", false}));

TEST(LearnedOptimizerTest, ChecksTheMemoryThatAGradientTakes) {
  constexpr int64_t kMiB = int64_t{1} << 20;
  const std::vector<std::vector<std::string>> clusters = {{"bowl(5)"},
                                                          {"matyas", "sum(mlp(4, 3, 20), quadratic(1000))"}};
  const auto check = [&](int steps, v1::Strategy::Estimator estimator, int64_t bytes, bool random = false) {
    v1::JobSpec spec = Job(clusters, steps, 1, estimator);
    if (random) spec.mutable_learned_optimizer()->mutable_unroll()->set_lengths(v1::Unroll::EXPONENTIAL);
    return Trained(spec).task->CheckMemory(bytes);
  };
  // 1,023 parameters in five tensors: 94,596 bytes of a record and of parameters, 128 of the step's own.
  EXPECT_TRUE(check(100, Estimator::GRADIENT, 10 * kMiB).ok());
  EXPECT_TRUE(check(100'000, Estimator::PES, 10 * kMiB).ok()) << "keeps nothing";
  const absl::Status refused = check(200, Estimator::GRADIENT, 10 * kMiB);
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()),
              ContainsRegex("^learned_optimizer.unroll.steps: 200, expected unrolls of at most 110 steps where these "
                            "have up to 200: GRADIENT keeps 94[0-9]* bytes of each step of sum\\(mlp\\(4, 3, 20\\), "
                            "quadratic\\(1000\\)\\), and there are 10 MiB$"));
  EXPECT_TRUE(check(50, Estimator::GRADIENT, 10 * kMiB).ok());
  EXPECT_THAT(std::string(check(50, Estimator::GRADIENT, 10 * kMiB, /*random=*/true).message()),
              HasSubstr("where these have up to 882"))
      << "50 and 16.6 times 50";
}

TEST(LearnedOptimizerTest, TheGradientKnowsLearnedInitialStates) {
  Trained trained(Job({{"quadratic(4)"}}, 6, 1, Estimator::GRADIENT));
  std::vector<float> gradient(kHrnnParameters), first(kHrnnParameters);
  auto state = *trained.evaluator->Begin(trained.theta, {0, 0, 0});
  ASSERT_TRUE(trained.evaluator->UnrollGradient(trained.theta, 0, state.get(), absl::MakeSpan(gradient)).ok());
  EXPECT_NE(*Find("initial.parameter", &gradient), 0);
}

TEST(LearnedOptimizerTest, DivergenceIsTheWorstAndCountedButFinite) {
  Trained trained(Job({{"quadratic(6)", "bowl(5)"}}, 5, 2, Estimator::PES));
  const std::vector<float> theta = Exploding(trained.theta);
  auto state = *trained.evaluator->Begin(theta, {0, 0, 0});
  EXPECT_EQ(*trained.evaluator->Unroll(theta, 0, state.get()), -20);
  EXPECT_EQ(trained.evaluator->TakeDiverged(), 2);
  EXPECT_EQ(*trained.evaluator->Unroll(trained.theta, 1, state.get()), -20) << "what diverged stays so";
  EXPECT_EQ(trained.evaluator->TakeDiverged(), 0) << "and is counted once";

  EXPECT_EQ(*trained.evaluator->Evaluate(theta, {0, 0, 0}), -20);
  EXPECT_EQ(trained.evaluator->TakeDiverged(), 2);
}

TEST(LearnedOptimizerTest, ADivergedUnrollHasAFiniteGradient) {
  Trained trained(Job({{"quadratic(6)", "quadratic(3)"}}, 5, 2, Estimator::GRADIENT));
  std::vector<float> gradient(kHrnnParameters);
  const std::vector<float> theta = Exploding(trained.theta);
  auto state = *trained.evaluator->Begin(theta, {0, 0, 0});
  EXPECT_EQ(*trained.evaluator->UnrollGradient(theta, 0, state.get(), absl::MakeSpan(gradient)), -20);
  EXPECT_TRUE(std::all_of(gradient.begin(), gradient.end(), [](float g) { return std::isfinite(g); }));
}

TEST(LearnedOptimizerTest, PublishedSwitchesChangeWhatTheyName) {
  struct Case {
    std::string problem;
    void (*set)(v1::LearnedOptimizerTask::Published*);
  };
  using Published = v1::LearnedOptimizerTask::Published;
  const Case cases[] = {
      {"mlp(4, 3, 20)", [](Published* p) { p->set_global_from_last_tensor(true); }},
      {"sum(noisy(quadratic(3), 1), bowl(5))", [](Published* p) { p->set_unapplied_noise(true); }},
      {"quadratic(3)", [](Published* p) { p->set_doubled_start(true); }},
  };
  for (const Case& c : cases) {
    v1::JobSpec spec = Job({{c.problem}});
    const float paper = Trained(spec).Evaluate({0, 0, 0});
    c.set(spec.mutable_learned_optimizer()->mutable_published());
    EXPECT_NE(Trained(spec).Evaluate({0, 0, 0}), paper) << c.problem;
  }
}

TEST(LearnedOptimizerTest, ParallelBatchesAverageTheirGradients) {
  v1::JobSpec one = Job({{"softmax(4, 2, 10)"}, {"quadratic(5)"}}), two = one;
  two.mutable_learned_optimizer()->set_parallel_batches(2);
  EXPECT_NE(Trained(two).Evaluate({0, 0, 0}), Trained(one).Evaluate({0, 0, 0}));
  EXPECT_EQ(Trained(two).Evaluate({0, 0, 1}), Trained(one).Evaluate({0, 0, 1})) << "all its batches are the same";
}

TEST(LearnedOptimizerTest, AnEvaluationMayDrawSomeOfItsProblems) {
  v1::JobSpec spec = Job({{"quadratic(3)", "bowl(5)", "matyas"}});
  spec.mutable_learned_optimizer()->set_problems_per_evaluation(1);
  Trained drawn(spec);
  std::set<float> fitness;
  for (int pair = 0; pair < 12; ++pair) fitness.insert(drawn.Evaluate({0, pair, 0}));
  EXPECT_GT(fitness.size(), 3u);
  spec.mutable_learned_optimizer()->set_problems_per_evaluation(4);
  EXPECT_THAT(std::string(MakeLearnedOptimizerTask(*Resolve(spec)).status().message()),
              HasSubstr("learned_optimizer.problems_per_evaluation: 4, expected at most 3"));
}

TEST(LearnedOptimizerTest, MeasuresProblemsInTurnOnInstancesOfTheSplit) {
  Trained trained(Job({{"quadratic(6)"}, {"softmax(4, 2, 50)"}}));
  v1::EvaluationSpec test, validation;
  test.set_split(v1::EvaluationSpec::TEST);
  validation.set_split(v1::EvaluationSpec::VALIDATION);
  const auto measure = [&](const v1::EvaluationSpec& spec, int episode) {
    return *trained.evaluator->Measure(trained.theta, spec, episode);
  };
  EXPECT_TRUE(std::isnan(measure(test, 0).accuracy));
  EXPECT_TRUE(std::isnan(measure(test, 2).accuracy));
  const float accuracy = measure(test, 1).accuracy;
  EXPECT_TRUE(accuracy >= 0 && accuracy <= 1);
  std::set<float> fitness;
  for (const int episode : {0, 2, 4}) {
    fitness.insert(measure(test, episode).fitness);
    fitness.insert(measure(validation, episode).fitness);
  }
  EXPECT_EQ(fitness.size(), 6u);
  const float as_trained = measure(test, 0).fitness;
  test.set_steps(20);  // steps * count
  EXPECT_EQ(measure(test, 0).fitness, as_trained);
  test.set_steps(3);
  EXPECT_NE(measure(test, 0).fitness, as_trained);
}

TEST(LearnedOptimizerTest, WhatDivergesHasClassifiedNothing) {
  Trained trained(Job({{"softmax(4, 2, 50)", "quadratic(6)"}}));
  v1::EvaluationSpec test;
  test.set_split(v1::EvaluationSpec::TEST);
  const std::vector<float> theta = Exploding(trained.theta);
  EXPECT_EQ(trained.evaluator->Measure(theta, test, 0)->accuracy, 0);
  EXPECT_TRUE(std::isnan(trained.evaluator->Measure(theta, test, 1)->accuracy)) << "a quadratic has no classes";
}

TEST(LearnedOptimizerTest, AccuracyMayBeScoredAsThePublishedCodeDoes) {
  v1::JobSpec spec = Job({{"softmax(4, 2, 50)"}}, 50, 1);
  v1::EvaluationSpec test;
  test.set_split(v1::EvaluationSpec::TEST);
  Trained paper(spec);
  spec.mutable_learned_optimizer()->mutable_published()->set_inverted_accuracy(true);
  Trained published(spec);
  EXPECT_NE(paper.evaluator->Measure(paper.theta, test, 0)->accuracy,
            published.evaluator->Measure(paper.theta, test, 0)->accuracy);
}

TEST(LearnedOptimizerTest, UnknownProblemsAreNamedWithTheirPath) {
  const auto task = MakeLearnedOptimizerTask(*Resolve(Job({{"bowl(5)"}, {"matyas", "quadratik(3)"}})));
  EXPECT_EQ(task.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(task.status().message()), HasSubstr("learned_optimizer.clusters[1].problems[1]: "));
  EXPECT_THAT(std::string(task.status().message()), HasSubstr("quadratic"));
}

TEST(LearnedOptimizerTest, ThetaOfAnotherSizeIsRefused) {
  Trained trained(Job(kTwoClusters));
  EXPECT_EQ(trained.evaluator->Evaluate({1, 2, 3}, {0, 0, 0}).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace seedcast
