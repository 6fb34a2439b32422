#include "common/spec/resolve.h"

#include <algorithm>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/spec/field_checks.h"
#include "common/spec/resolve_unrolls.h"
#include "common/spec/shape.h"
#include "common/status_macros.h"

namespace seedcast {
namespace {

constexpr int64_t kMaxGenerations = 10'000'000;
constexpr int64_t kMaxPopulation = int64_t{1} << 20;
constexpr int64_t kMaxCount = std::numeric_limits<int64_t>::max();
constexpr int kDrawingsPerCharacter = 20;

absl::Status ResolveName(v1::JobSpec* spec) {
  if (spec->name().empty()) spec->set_name("job");
  const std::string& name = spec->name();
  const bool legal = name.size() <= 40 && std::all_of(name.begin(), name.end(), [](char c) {
                       return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
                     });
  return legal ? absl::OkStatus() : BadField("name", absl::StrCat("\"", name, "\""), "1 .. 40 of a-z, 0-9 and -");
}

absl::Status CheckShotAndQuery(absl::string_view path, int32_t shot, int32_t query) {
  if (shot + query <= kDrawingsPerCharacter) return absl::OkStatus();
  return BadField(Join(path, "query"), absl::StrCat(query),
                  absl::StrCat("shot + query <= ", kDrawingsPerCharacter, " with shot ", shot));
}

absl::Status CheckFilters(absl::string_view field, int32_t filters) {
  if (filters >= 16 && filters <= 256 && filters % 16 == 0) return absl::OkStatus();
  return BadField(field, absl::StrCat(filters), "a multiple of 16 in 16 .. 256");
}

// Either filters and blocks, or filters_per_block.
absl::Status ResolveNetwork(v1::ProtoNetTask* task) {
  constexpr int kMaxBlocks = 4;
  const int blocks = task->filters_per_block_size();
  if (blocks == 0) {
    if (task->filters() == 0) task->set_filters(64);
    RETURN_IF_ERROR(CheckFilters("proto_net.filters", task->filters()));
    return ResolveInt("proto_net", "blocks", kMaxBlocks, 1, kMaxBlocks, task);
  }
  if (blocks > kMaxBlocks) {
    return BadField("proto_net.filters_per_block", absl::StrCat(blocks, " entries"), "1 .. 4 entries");
  }
  for (int block = 0; block < blocks; ++block) {
    RETURN_IF_ERROR(
        CheckFilters(absl::StrCat("proto_net.filters_per_block[", block, "]"), task->filters_per_block(block)));
  }
  constexpr absl::string_view kNothing = "nothing beside filters_per_block";
  if (task->filters() != 0) return BadField("proto_net.filters", absl::StrCat(task->filters()), kNothing);
  if (task->blocks() != 0) return BadField("proto_net.blocks", absl::StrCat(task->blocks()), kNothing);
  return absl::OkStatus();
}

absl::Status ResolveProtoNet(v1::ProtoNetTask* task) {
  const absl::string_view path = "proto_net";
  RETURN_IF_ERROR(ResolveEnum(path, "dataset", v1::ProtoNetTask::AUTO, task));
  const std::string& digest = task->dataset_digest();
  if (!digest.empty() && (digest.size() != 64 || !std::all_of(digest.begin(), digest.end(), absl::ascii_isxdigit))) {
    return BadField("proto_net.dataset_digest", absl::StrCat("\"", digest, "\""), "64 hexadecimal digits or nothing");
  }
  RETURN_IF_ERROR(ResolveInt(path, "way", 20, 2, 100, task));
  RETURN_IF_ERROR(ResolveInt(path, "shot", 1, 1, 19, task));
  RETURN_IF_ERROR(ResolveInt(path, "query", 2, 1, 19, task));
  RETURN_IF_ERROR(CheckShotAndQuery(path, task->shot(), task->query()));
  RETURN_IF_ERROR(ResolveNetwork(task));
  RETURN_IF_ERROR(ResolveEnum(path, "statistics", v1::ProtoNetTask::SUPPORT, task));
  RETURN_IF_ERROR(ResolveEnum(path, "characters", v1::ProtoNetTask::TRAIN_ONLY, task));
  return ResolveInt(path, "episodes_per_pair", 1, 1, 1000, task);
}

absl::Status ResolveSphere(v1::SphereTask* task) {
  const absl::string_view path = "sphere";
  RETURN_IF_ERROR(ResolveInt(path, "dimension", 100, 1, 10'000'000, task));
  RETURN_IF_ERROR(CheckDouble(path, "fitness_noise", 0, 1e30, *task));
  RETURN_IF_ERROR(CheckDouble(path, "failure_rate", 0, 1, *task));
  return CheckDouble(path, "not_finite_rate", 0, 1, *task);
}

absl::Status ResolveTask(v1::JobSpec* spec) {
  switch (spec->task_case()) {
    case v1::JobSpec::kProtoNet:
      return ResolveProtoNet(spec->mutable_proto_net());
    case v1::JobSpec::kSphere:
      return ResolveSphere(spec->mutable_sphere());
    case v1::JobSpec::kLearnedOptimizer:
      return ResolveLearnedOptimizer(spec->mutable_learned_optimizer());
    case v1::JobSpec::kInfluence:
      return ResolveInfluence(spec->mutable_influence());
    case v1::JobSpec::TASK_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("task: missing, expected one of proto_net, sphere, learned_optimizer, influence");
}

struct ScheduleDefaults {
  double initial;
  v1::Schedule::Decay decay;
};

// Every value that the schedule takes lies in low .. high.
absl::Status ResolveSchedule(absl::string_view path, const ScheduleDefaults& defaults, double low, double high,
                             v1::Schedule* schedule) {
  RETURN_IF_ERROR(ResolveDouble(path, "initial", defaults.initial, low, high, schedule));
  RETURN_IF_ERROR(ResolveEnum(path, "decay", defaults.decay, schedule));
  if (schedule->decay() == v1::Schedule::CONSTANT) {
    if (schedule->final() != 0 && schedule->final() != schedule->initial()) {
      return BadField(Join(path, "final"), absl::StrCat(schedule->final()), "nothing with decay CONSTANT");
    }
    schedule->set_final(schedule->initial());
  }
  RETURN_IF_ERROR(CheckDouble(path, "final", low, high, *schedule));
  if (schedule->decay() == v1::Schedule::EXPONENTIAL && !(schedule->initial() > 0 && schedule->final() > 0)) {
    return BadField(Join(path, "final"), absl::StrCat(schedule->final()),
                    "a number above 0, as initial, for decay EXPONENTIAL");
  }
  RETURN_IF_ERROR(CheckDouble(path, "start", 0, 1, *schedule));
  return CheckDouble(path, "warmup", 0, 1, *schedule);
}

absl::Status ResolveOptimizer(v1::Strategy* strategy) {
  // Float32 holds these: no epsilon rounds to 0, no decay to 1.
  constexpr double kMinEpsilon = 1e-30;
  constexpr double kMaxDecay = 0.99999;
  switch (strategy->optimizer_case()) {
    case v1::Strategy::kSgd:
      return ResolveDouble("strategy.sgd", "momentum", 0.9, 0, kMaxDecay, strategy->mutable_sgd());
    case v1::Strategy::kRmsProp: {
      v1::RmsProp* rms_prop = strategy->mutable_rms_prop();
      RETURN_IF_ERROR(ResolveDouble("strategy.rms_prop", "decay", 0.99, 0, kMaxDecay, rms_prop));
      RETURN_IF_ERROR(ResolveDouble("strategy.rms_prop", "momentum", 0, 0, kMaxDecay, rms_prop));
      RETURN_IF_ERROR(ResolveDouble("strategy.rms_prop", "epsilon", 1e-8, kMinEpsilon, 1, rms_prop));
      return CheckDouble("strategy.rms_prop", "initial_mean_square", 0, 1e6, *rms_prop);
    }
    default: {
      v1::Adam* adam = strategy->mutable_adam();
      RETURN_IF_ERROR(ResolveDouble("strategy.adam", "beta1", 0.9, 0, kMaxDecay, adam));
      RETURN_IF_ERROR(ResolveDouble("strategy.adam", "beta2", 0.999, 0, kMaxDecay, adam));
      return ResolveDouble("strategy.adam", "epsilon", 1e-8, kMinEpsilon, 1, adam);
    }
  }
}

absl::Status ResolveStrategy(v1::Strategy* strategy) {
  const absl::string_view path = "strategy";
  if (strategy->population_size() == 0) strategy->set_population_size(512);
  const int64_t population = strategy->population_size();
  if (population < 2 || population > kMaxPopulation || population % 2 != 0) {
    return BadField("strategy.population_size", absl::StrCat(population), "an even number in 2 .. 1048576");
  }
  RETURN_IF_ERROR(
      ResolveSchedule("strategy.sigma", {0.1, v1::Schedule::CONSTANT}, 1e-6, 10, strategy->mutable_sigma()));
  if (strategy->sigma().warmup() != 0) {
    return BadField("strategy.sigma.warmup", absl::StrCat(strategy->sigma().warmup()), "0: sigma may not start near 0");
  }
  RETURN_IF_ERROR(ResolveEnum(path, "noise", v1::Strategy::POPCOUNT, strategy));
  RETURN_IF_ERROR(ResolveEnum(path, "shaping", v1::Strategy::NORMALIZED_DIFFERENCES, strategy));
  RETURN_IF_ERROR(ResolveSchedule("strategy.learning_rate", {0.02, v1::Schedule::COSINE}, 0, 10,
                                  strategy->mutable_learning_rate()));
  RETURN_IF_ERROR(ResolveOptimizer(strategy));
  return CheckDouble(path, "weight_decay", 0, 1, *strategy);
}

// path may be empty: then the evaluation is the request itself.
absl::Status ResolveEvaluation(absl::string_view path, v1::EvaluationSpec::Split split, int32_t episodes,
                               v1::EvaluationSpec* spec) {
  RETURN_IF_ERROR(ResolveEnum(path, "split", split, spec));
  RETURN_IF_ERROR(ResolveInt(path, "way", 5, 2, 100, spec));
  RETURN_IF_ERROR(ResolveInt(path, "shot", 5, 1, 19, spec));
  RETURN_IF_ERROR(ResolveInt(path, "query", std::min(15, kDrawingsPerCharacter - spec->shot()), 1, 19, spec));
  RETURN_IF_ERROR(CheckShotAndQuery(path, spec->shot(), spec->query()));
  RETURN_IF_ERROR(ResolveInt(path, "episodes", episodes, 1, 1'000'000, spec));
  return CheckInt(path, "steps", 0, 10'000'000, *spec);
}

absl::Status ResolveValidation(v1::Validation* validation) {
  if (!validation->has_every()) validation->set_every(20);
  RETURN_IF_ERROR(CheckInt("validation", "every", 0, kMaxCount, *validation));
  v1::EvaluationSpec* episodes = validation->mutable_episodes();
  RETURN_IF_ERROR(ResolveEvaluation("validation.episodes", v1::EvaluationSpec::VALIDATION, 200, episodes));
  if (episodes->split() == v1::EvaluationSpec::VALIDATION) return absl::OkStatus();
  return BadField("validation.episodes.split", v1::EvaluationSpec::Split_Name(episodes->split()), "VALIDATION");
}

absl::Status ResolveNumericClass(v1::JobSpec* spec) {
  RETURN_IF_ERROR(ResolveEnum("", "numeric_class", v1::F32, spec));
  if (!HasUnrolls(*spec) || spec->numeric_class() == v1::F32) return absl::OkStatus();
  return BadField("numeric_class", v1::NumericClass_Name(spec->numeric_class()),
                  absl::StrCat("F32 with ", TaskName(*spec)));
}

absl::Status ResolveLimits(v1::JobSpec* spec) {
  RETURN_IF_ERROR(ResolveInt("", "snapshot_every", 100, 1, kMaxCount, spec));
  const int64_t evaluations = FitnessCount(*spec);
  const int64_t allowed = std::max(evaluations, evaluations * spec->generations() / 100);
  if (!spec->has_max_failed_evaluations()) spec->set_max_failed_evaluations(allowed);
  RETURN_IF_ERROR(CheckInt("", "max_failed_evaluations", 0, kMaxCount, *spec));
  return CheckInt("", "max_workers", 0, std::numeric_limits<int32_t>::max(), *spec);
}

}  // namespace

absl::StatusOr<v1::JobSpec> Resolve(const v1::JobSpec& spec) {
  RETURN_IF_ERROR(RefuseUnknownFields("", spec));
  v1::JobSpec resolved = spec;
  RETURN_IF_ERROR(ResolveName(&resolved));
  if (!resolved.has_seed()) resolved.set_seed(1);
  RETURN_IF_ERROR(ResolveTask(&resolved));
  RETURN_IF_ERROR(ResolveStrategy(resolved.mutable_strategy()));
  RETURN_IF_ERROR(ResolveEstimator(&resolved));
  RETURN_IF_ERROR(CheckClusters(resolved));
  RETURN_IF_ERROR(CheckInt("", "generations", 1, kMaxGenerations, resolved));
  RETURN_IF_ERROR(CheckInt("", "first_generation", 0, resolved.generations() - 1, resolved));
  RETURN_IF_ERROR(ResolveNumericClass(&resolved));
  RETURN_IF_ERROR(ResolveValidation(resolved.mutable_validation()));
  RETURN_IF_ERROR(ResolveLimits(&resolved));
  return resolved;
}

absl::StatusOr<v1::EvaluationSpec> Resolve(const v1::EvaluationSpec& spec, absl::string_view path) {
  RETURN_IF_ERROR(RefuseUnknownFields(path, spec));
  v1::EvaluationSpec resolved = spec;
  RETURN_IF_ERROR(ResolveEvaluation(path, v1::EvaluationSpec::TEST, 1000, &resolved));
  return resolved;
}

absl::Status CheckIsRead(const v1::JobSpec& spec, absl::string_view field, absl::string_view path,
                         absl::string_view value) {
  const bool of_classes = field == "way" || field == "shot" || field == "query";
  if ((!of_classes || HasClasses(spec)) && (field != "steps" || HasUnrolls(spec))) return absl::OkStatus();
  return BadField(path, value,
                  absl::StrCat("nothing with ", TaskName(spec), ", whose episodes have no ",
                               of_classes ? "classes" : "inner steps"));
}

std::vector<int> FiltersOfBlocks(const v1::ProtoNetTask& task) {
  if (task.filters_per_block_size() == 0) return std::vector<int>(task.blocks(), task.filters());
  return {task.filters_per_block().begin(), task.filters_per_block().end()};
}

absl::string_view TaskName(const v1::JobSpec& spec) {
  switch (spec.task_case()) {
    case v1::JobSpec::kProtoNet:
      return "proto_net";
    case v1::JobSpec::kSphere:
      return "sphere";
    case v1::JobSpec::kLearnedOptimizer:
      return "learned_optimizer";
    case v1::JobSpec::kInfluence:
      return "influence";
    case v1::JobSpec::TASK_NOT_SET:
      break;
  }
  return "";
}

}  // namespace seedcast
