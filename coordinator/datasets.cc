#include "coordinator/datasets.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/spec/resolve.h"
#include "common/status_macros.h"

namespace seedcast {
namespace {

DataOptions WithCancellation(DataOptions options, const std::atomic<bool>* cancelled) {
  options.background.cancelled = cancelled;
  options.evaluation.cancelled = cancelled;
  return options;
}

}  // namespace

Datasets::Datasets(DataOptions options)
    : options_(WithCancellation(std::move(options), &stopping_)), artifacts_(options_.ArtifactDirectory()) {}

absl::Status Datasets::MakeReady(const v1::JobSpec& spec) {
  if (!spec.has_proto_net()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const v1::JobSpec resolved, Resolve(spec));  // no download for a spec that is refused anyway
  return DigestOf(resolved.proto_net().dataset()).status();
}

absl::Status Datasets::FillIn(v1::JobSpec* spec) {
  if (!spec->has_proto_net()) return absl::OkStatus();
  v1::ProtoNetTask& task = *spec->mutable_proto_net();
  if (artifacts_.Has(task.dataset_digest())) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string digest, DigestOf(task.dataset()));
  if (!task.dataset_digest().empty() && task.dataset_digest() != digest) {
    return absl::InvalidArgumentError(absl::StrCat("proto_net.dataset_digest: ", task.dataset_digest(),
                                                   ", expected empty or the digest of the data set here, ", digest));
  }
  task.set_dataset_digest(digest);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Task>> Datasets::MakeTask(const v1::JobSpec& spec) {
  // After a restart the cache may have been cleared: the same source gives the same bytes again.
  if (spec.has_proto_net() && !artifacts_.Has(spec.proto_net().dataset_digest())) {
    RETURN_IF_ERROR(DigestOf(spec.proto_net().dataset()).status());
  }
  return seedcast::MakeTask(spec, [this](const std::string& digest) { return Read(digest); });
}

absl::StatusOr<std::string> Datasets::DigestOf(v1::ProtoNetTask::Dataset kind) {
  {
    absl::MutexLock lock(&mutex_);
    const auto known = digests_.find(kind);
    if (known != digests_.end() && artifacts_.Has(known->second)) return known->second;
  }
  ASSIGN_OR_RETURN(const ResolvedDataset found, ResolveDataset(kind, options_, &artifacts_));
  // AUTO takes a download that failed for a reason to use generated data; a cancelled one is none.
  if (stopping_) return absl::CancelledError("the coordinator is stopping");
  LogInfo("data set found", {{"dataset", found.description}, {"digest", found.digest}});
  absl::MutexLock lock(&mutex_);
  digests_[kind] = found.digest;
  return found.digest;
}

}  // namespace seedcast
