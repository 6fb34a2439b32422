// Job files and specs: defaults filled in, every value checked.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

// The spec with every default of job.proto written out. INVALID_ARGUMENT names path, value and range of the first bad
// field: "strategy.population_size: 7, expected an even number in 2 .. 1048576".
absl::StatusOr<v1::JobSpec> Resolve(const v1::JobSpec& spec);

// The same for an evaluation (defaults: split TEST, 5-way 5-shot 15-query, 1000 episodes). `path` goes before the
// fields' names in an error; it may be empty.
absl::StatusOr<v1::EvaluationSpec> Resolve(const v1::EvaluationSpec& spec, absl::string_view path);

// Canonical bytes of a resolved spec: what is hashed into the log's chain. They leave out what has no influence on
// fitness and theta: name, validation, snapshot_every, max_failed_evaluations, max_workers, cluster_groups; and
// proto_net.dataset where dataset_digest says the same more exactly; and the defaults of strategy.estimator and
// proto_net.characters. The rest is protobuf's deterministic serialisation, fields by number.
std::string CanonicalBytes(const v1::JobSpec& resolved);

// INVALID_ARGUMENT when `field` of an EvaluationSpec is none that the task of `spec` reads. A resolved spec has them
// all, so this is for what was written: `path` names the field and `value` is shown.
absl::Status CheckIsRead(const v1::JobSpec& spec, absl::string_view field, absl::string_view path,
                         absl::string_view value);

// The filters of each block of a resolved task's network.
std::vector<int> FiltersOfBlocks(const v1::ProtoNetTask& task);

// "proto_net", "sphere" ...: the name of the task oneof's field.
absl::string_view TaskName(const v1::JobSpec& spec);

}  // namespace seedcast
