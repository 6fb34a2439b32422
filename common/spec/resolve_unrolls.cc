#include "common/spec/resolve_unrolls.h"

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/spec/field_checks.h"
#include "common/spec/resolve.h"
#include "common/spec/shape.h"
#include "common/status_macros.h"

namespace seedcast {
namespace {

constexpr int kMaxClusters = 64;
constexpr int kMaxProblems = 200;
constexpr size_t kMaxProblemCharacters = 1000;
constexpr int64_t kMaxFitnessCount = int64_t{1} << 20;
constexpr int64_t kMaxWeight = int64_t{1} << 27;  // of a pair over all clusters (AccumulatePairs)

// Inner steps of a problem instance: hours at a million steps a second.
constexpr int64_t kMaxSteps = 1'000'000'000;
// Workers keep the parameters since the oldest reset, which with random lengths lies some means back.
constexpr int64_t kMaxInstanceUnrolls = 16'384;
constexpr int64_t kMaxMeanInstanceUnrolls = 1024;
// Of all pairs together: looked for in every generation.
constexpr int64_t kMaxPairUnrolls = int64_t{1} << 22;

std::string Entries(int count) { return absl::StrCat(count, count == 1 ? " entry" : " entries"); }

std::string Quoted(absl::string_view text) {
  constexpr size_t kShown = 60;
  return absl::StrCat("\"", absl::CEscape(text.substr(0, kShown)), text.size() > kShown ? "...\"" : "\"");
}

bool IsClusterName(absl::string_view name) {
  return !name.empty() && name.size() <= 40 && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' || c == '_';
  });
}

absl::Status ResolveUnroll(absl::string_view path, v1::Unroll* unroll) {
  RETURN_IF_ERROR(ResolveEnum(path, "lengths", v1::Unroll::FIXED, unroll));
  RETURN_IF_ERROR(ResolveInt(path, "steps", 100, 1, 1'000'000, unroll));
  if (unroll->lengths() == v1::Unroll::EXPONENTIAL) {
    RETURN_IF_ERROR(ResolveInt(path, "min_steps", 50, 1, 1'000'000, unroll));
  } else if (unroll->min_steps() != 0) {
    return BadField(Join(path, "min_steps"), absl::StrCat(unroll->min_steps()), "nothing with lengths FIXED");
  }
  RETURN_IF_ERROR(ResolveInt(path, "count", 1, 1, 10'000, unroll));
  RETURN_IF_ERROR(ResolveInt(path, "restarts", 1, 1, 100, unroll));
  const int64_t unrolls = int64_t{unroll->count()} * unroll->restarts();
  if ((int64_t{unroll->steps()} + unroll->min_steps()) * unrolls <= kMaxSteps) return absl::OkStatus();
  return BadField(Join(path, "steps"), absl::StrCat(unroll->steps()),
                  absl::StrCat("steps * count * restarts <= ", kMaxSteps, " with count ", unroll->count(),
                               " and restarts ", unroll->restarts()));
}

absl::Status ResolveCluster(absl::string_view path, std::set<std::string>* names,
                            v1::LearnedOptimizerTask::Cluster* cluster) {
  if (!IsClusterName(cluster->name())) {
    return BadField(Join(path, "name"), Quoted(cluster->name()), "1 .. 40 of a-z, 0-9, _ and -");
  }
  if (!names->insert(cluster->name()).second) {
    return BadField(Join(path, "name"), absl::StrCat(Quoted(cluster->name()), " again"), "each name once");
  }
  if (cluster->problems_size() < 1 || cluster->problems_size() > kMaxProblems) {
    return BadField(Join(path, "problems"), Entries(cluster->problems_size()),
                    absl::StrCat("1 .. ", kMaxProblems, " entries"));
  }
  for (int i = 0; i < cluster->problems_size(); ++i) {
    const std::string& problem = cluster->problems(i);
    if (!problem.empty() && problem.size() <= kMaxProblemCharacters) continue;
    return BadField(Join(path, absl::StrCat("problems[", i, "]")), Quoted(problem),
                    absl::StrCat("a problem or a family of 1 .. ", kMaxProblemCharacters, " characters"));
  }
  return ResolveInt(path, "weight", 1, 1, 100, cluster);
}

// Where the task stands in the spec: "influence.unroll.count".
std::string UnrollField(const v1::JobSpec& spec, absl::string_view field) {
  return absl::StrCat(TaskName(spec), ".unroll.", field);
}

absl::Status CheckCarriedUnrolls(const v1::JobSpec& spec) {
  const v1::Unroll& unroll = UnrollOf(spec);
  const int64_t unrolls = int64_t{unroll.count()} * unroll.restarts();
  const int64_t pairs = spec.strategy().population_size() / 2;
  const bool exponential = unroll.lengths() == v1::Unroll::EXPONENTIAL;
  const int64_t most = std::min(exponential ? kMaxMeanInstanceUnrolls : kMaxInstanceUnrolls, kMaxPairUnrolls / pairs);
  if (unrolls <= most) return absl::OkStatus();
  return BadField(UnrollField(spec, "count"), absl::StrCat(unroll.count()),
                  absl::StrCat("count * restarts <= ", most, " with restarts ", unroll.restarts(), ", ", pairs,
                               " pairs and lengths ", v1::Unroll::Lengths_Name(unroll.lengths())));
}

// Largest |w_p| of one cluster (shaping.h).
int64_t LargestPairWeight(const v1::Strategy& strategy) {
  switch (strategy.shaping()) {
    case v1::Strategy::CENTERED_RANKS:
      return 2 * (strategy.population_size() - 1);
    case v1::Strategy::SIGNED_RANKS:
      return strategy.population_size();
    default:
      return 4 * 4096;
  }
}

}  // namespace

absl::Status ResolveLearnedOptimizer(v1::LearnedOptimizerTask* task) {
  const absl::string_view path = "learned_optimizer";
  if (task->clusters_size() < 1 || task->clusters_size() > kMaxClusters) {
    return BadField(Join(path, "clusters"), Entries(task->clusters_size()),
                    absl::StrCat("1 .. ", kMaxClusters, " entries"));
  }
  std::set<std::string> names;
  for (int i = 0; i < task->clusters_size(); ++i) {
    const std::string cluster = Join(path, absl::StrCat("clusters[", i, "]"));
    RETURN_IF_ERROR(ResolveCluster(cluster, &names, task->mutable_clusters(i)));
  }
  RETURN_IF_ERROR(ResolveUnroll("learned_optimizer.unroll", task->mutable_unroll()));
  RETURN_IF_ERROR(CheckInt(path, "problems_per_evaluation", 0, kMaxProblems, *task));
  RETURN_IF_ERROR(ResolveInt(path, "parallel_batches", 1, 1, 64, task));
  if (task->published().ByteSizeLong() == 0) task->clear_published();  // all false, written out or not
  return absl::OkStatus();
}

absl::Status ResolveInfluence(v1::InfluenceTask* task) {
  const absl::string_view path = "influence";
  RETURN_IF_ERROR(ResolveInt(path, "units", 23, 2, 1000, task));
  RETURN_IF_ERROR(ResolveInt(path, "positive", std::min(10, task->units() - 1), 1, task->units() - 1, task));
  return ResolveUnroll("influence.unroll", task->mutable_unroll());
}

absl::Status ResolveEstimator(v1::JobSpec* spec) {
  v1::Strategy* strategy = spec->mutable_strategy();
  RETURN_IF_ERROR(ResolveEnum("strategy", "estimator", v1::Strategy::FULL_ES, strategy));
  const v1::Strategy::Estimator estimator = strategy->estimator();
  const std::string& name = v1::Strategy::Estimator_Name(estimator);
  if (CarriesState(*spec)) {
    if (!HasUnrolls(*spec)) {
      return BadField("strategy.estimator", name, absl::StrCat("FULL_ES with ", TaskName(*spec), ", without unrolls"));
    }
    RETURN_IF_ERROR(CheckCarriedUnrolls(*spec));
  }
  const bool sums_noise = estimator == v1::Strategy::PES || estimator == v1::Strategy::NRES;
  if (sums_noise && strategy->sigma().decay() != v1::Schedule::CONSTANT) {
    return BadField("strategy.sigma.decay", v1::Schedule::Decay_Name(strategy->sigma().decay()),
                    absl::StrCat("CONSTANT with estimator ", name));
  }
  const double clip = strategy->gradient_clip();
  // Float32 holds 1e-30; what it rounds to 0 would be no limit at all.
  if (!(clip == 0 || (clip >= 1e-30 && clip <= 1e30))) {
    return BadField("strategy.gradient_clip", absl::StrCat(clip), "0 or 1e-30 .. 1e+30");
  }
  if (clip == 0 || estimator == v1::Strategy::GRADIENT) return absl::OkStatus();
  return BadField("strategy.gradient_clip", absl::StrCat(clip), absl::StrCat("nothing with estimator ", name));
}

absl::Status CheckClusters(const v1::JobSpec& spec) {
  const int clusters = ClusterCount(spec);
  const v1::Strategy& strategy = spec.strategy();
  if (FitnessCount(spec) > kMaxFitnessCount) {
    return BadField("strategy.population_size", absl::StrCat(strategy.population_size()),
                    absl::StrCat("population_size * clusters <= ", kMaxFitnessCount, " with ", clusters, " clusters"));
  }
  const int64_t most = kMaxWeight / LargestPairWeight(strategy);
  if (const int64_t weights = TotalClusterWeight(spec); weights > most) {
    return BadField("learned_optimizer.clusters", absl::StrCat("weights that add up to ", weights),
                    absl::StrCat("at most ", most, " with population_size ", strategy.population_size(),
                                 " and shaping ", v1::Strategy::Shaping_Name(strategy.shaping())));
  }
  if (spec.cluster_groups() >= 0 && spec.cluster_groups() <= clusters) return absl::OkStatus();
  return BadField("cluster_groups", absl::StrCat(spec.cluster_groups()),
                  absl::StrCat("0 .. ", clusters, ", the number of clusters"));
}

}  // namespace seedcast
