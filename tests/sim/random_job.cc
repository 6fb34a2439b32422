#include "tests/sim/random_job.h"

#include "absl/strings/str_cat.h"
#include "common/spec/resolve.h"
#include "tests/sim/sim_task.h"

namespace seedcast::sim {
namespace {

void RandomSphere(Random& random, v1::SphereTask* task) {
  task->set_dimension(static_cast<int32_t>(random.Between(1, 40)));
  task->set_fitness_noise(random.Chance(0.5) ? 0.1 : 0);
  if (random.Chance(0.3)) task->set_failure_rate(0.1 * random.Unit());
  if (random.Chance(0.3)) task->set_not_finite_rate(0.1 * random.Unit());
}

void RandomUnroll(Random& random, v1::Unroll* unroll) {
  if (random.Chance(0.3)) {
    unroll->set_lengths(v1::Unroll::EXPONENTIAL);
    unroll->set_min_steps(static_cast<int32_t>(random.Between(1, 3)));
  }
  unroll->set_steps(static_cast<int32_t>(random.Between(1, 5)));
  unroll->set_count(static_cast<int32_t>(random.Between(1, 6)));
  unroll->set_restarts(static_cast<int32_t>(random.Between(1, 3)));
  unroll->set_independent(random.Chance(0.3));
}

void RandomClusters(Random& random, v1::JobSpec* spec) {
  const bool real = random.Chance(0.1);
  const int64_t clusters = random.Between(1, 4);
  for (int64_t i = 0; i < clusters; ++i) {
    v1::LearnedOptimizerTask::Cluster& cluster = *spec->mutable_learned_optimizer()->add_clusters();
    cluster.set_name(real && i == 0 ? kRealCluster : absl::StrCat("cluster-", i));
    cluster.add_problems(i % 2 == 0 ? "bowl(5, 45)" : "quadratic(4)");
    cluster.set_weight(static_cast<int32_t>(random.Between(1, 5)));
  }
  spec->set_cluster_groups(static_cast<int32_t>(random.Between(0, clusters)));
}

// A sphere, or a task with unrolls and any estimator.
void RandomTask(Random& random, v1::JobSpec* spec) {
  const double kind = random.Unit();
  if (kind < 0.4) return RandomSphere(random, spec->mutable_sphere());
  if (kind < 0.65) {
    RandomUnroll(random, spec->mutable_influence()->mutable_unroll());
  } else {
    RandomClusters(random, spec);
    RandomUnroll(random, spec->mutable_learned_optimizer()->mutable_unroll());
  }
  v1::Strategy& strategy = *spec->mutable_strategy();
  strategy.set_estimator(static_cast<v1::Strategy::Estimator>(random.Between(1, 5)));
  if (strategy.estimator() == v1::Strategy::GRADIENT) strategy.set_gradient_clip(random.Chance(0.5) ? 0.5 : 0);
}

}  // namespace

v1::JobSpec RandomJob(Random& random) {
  v1::JobSpec spec;
  spec.set_name(random.Chance(0.5) ? "a" : "b");
  spec.set_seed(static_cast<uint64_t>(random.Between(1, 1'000'000)));
  spec.set_generations(random.Between(2, 20));
  RandomTask(random, &spec);
  v1::Strategy& strategy = *spec.mutable_strategy();
  strategy.set_population_size(2 * random.Between(1, 24));
  strategy.set_noise(random.Chance(0.5) ? v1::Strategy::POPCOUNT : v1::Strategy::SIGN);
  strategy.set_shaping(static_cast<v1::Strategy::Shaping>(random.Between(1, 3)));
  if (random.Chance(0.3)) strategy.mutable_sgd();
  if (random.Chance(0.2)) strategy.mutable_rms_prop();
  spec.mutable_validation()->set_every(random.Between(0, 4));
  spec.mutable_validation()->mutable_episodes()->set_episodes(static_cast<int32_t>(random.Between(1, 10)));
  spec.set_snapshot_every(random.Between(1, 6));
  spec.set_max_failed_evaluations(random.Chance(0.1) ? random.Between(0, 10) : 1'000'000);
  if (random.Chance(0.2)) spec.set_max_workers(static_cast<int32_t>(random.Between(1, 2)));
  return *Resolve(spec);
}

}  // namespace seedcast::sim
