// Meta-training the hierarchical RNN optimizer (hrnn.h) over clusters of problems: fitness is minus the mean log
// objective of inner trainings (inner_training.h).
//
// A problem instance is named by (purpose, cluster, problem) and (stream, substream):
//
//   training     pair, generation of the reset
//   evaluation   number of the episode's round, 0; episode i measures problem i mod n of all n in the clusters' order
//
// so that training, validation, test and tuning never share data. With FULL_ES an evaluation makes, on each of its
// problems, `restarts` inner trainings of `count` unrolls; fitness is the mean over problems of the mean over all
// points.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "seedcast/v1/job.pb.h"
#include "worker/tasks/learned_optimizer/inner_training.h"
#include "worker/tasks/task.h"

namespace seedcast {

struct ProblemCluster {
  std::string name;
  std::vector<std::string> problems;  // expressions (catalogue.h)
};

// The clusters of a resolved spec with their families expanded. INVALID_ARGUMENT names the path of what is wrong:
// "learned_optimizer.clusters[2].problems[0]: ...".
absl::StatusOr<std::vector<ProblemCluster>> ExpandClusters(const v1::LearnedOptimizerTask& task);

enum class InstancePurpose : uint32_t { kTraining, kTrainSplit, kValidation, kTest, kTuning };

// `seed` is the job's.
InstanceSeed NameInstance(uint64_t seed, InstancePurpose purpose, int cluster, int problem, uint32_t stream,
                          uint32_t substream);

TrainingRules RulesOf(const v1::LearnedOptimizerTask& task);

// Inner steps of an inner training, the mean where lengths are random.
int64_t StepsOfTraining(const v1::Unroll& unroll);

// spec: resolved, with a learned_optimizer task. INVALID_ARGUMENT as ExpandClusters.
absl::StatusOr<std::unique_ptr<Task>> MakeLearnedOptimizerTask(const v1::JobSpec& spec);

}  // namespace seedcast
