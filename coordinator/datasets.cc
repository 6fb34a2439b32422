#include "coordinator/datasets.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/spec/field_checks.h"
#include "common/spec/resolve.h"
#include "common/status_macros.h"
#include "worker/data/glyphs.h"
#include "worker/data/omniglot.h"

namespace seedcast {
namespace {

DataOptions WithCancellation(DataOptions options, const std::atomic<bool>* cancelled) {
  options.background.cancelled = cancelled;
  options.evaluation.cancelled = cancelled;
  return options;
}

// Which data set is meant: AUTO may be either, and says by its digest, where it has one, which.
absl::StatusOr<v1::ProtoNetTask::Dataset> Meant(const v1::ProtoNetTask& task) {
  if (task.dataset_digest().empty()) return task.dataset();
  const bool any = task.dataset() == v1::ProtoNetTask::AUTO;
  if (task.dataset_digest() == kOmniglotDigest && (any || task.dataset() == v1::ProtoNetTask::OMNIGLOT)) {
    return v1::ProtoNetTask::OMNIGLOT;
  }
  if (task.dataset_digest() == kGlyphsDigest && (any || task.dataset() == v1::ProtoNetTask::GLYPHS)) {
    return v1::ProtoNetTask::GLYPHS;
  }
  return BadField("proto_net.dataset_digest", task.dataset_digest(),
                  absl::StrCat("nothing, or that of ", v1::ProtoNetTask::Dataset_Name(task.dataset())));
}

}  // namespace

Datasets::Datasets(DataOptions options)
    : options_(WithCancellation(std::move(options), &stopping_)), artifacts_(options_.ArtifactDirectory()) {}

absl::Status Datasets::MakeReady(const v1::JobSpec& spec) {
  if (!spec.has_proto_net()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const v1::JobSpec resolved, Resolve(spec));  // no download for a spec that is refused anyway
  ASSIGN_OR_RETURN(const v1::ProtoNetTask::Dataset kind, Meant(resolved.proto_net()));
  return DigestOf(kind, /*download=*/true).status();
}

absl::Status Datasets::FillIn(v1::JobSpec* spec) {
  if (!spec->has_proto_net()) return absl::OkStatus();
  v1::ProtoNetTask& task = *spec->mutable_proto_net();
  ASSIGN_OR_RETURN(const v1::ProtoNetTask::Dataset kind, Meant(task));
  if (!task.dataset_digest().empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(*task.mutable_dataset_digest(), DigestOf(kind, /*download=*/false));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Task>> Datasets::MakeTask(const v1::JobSpec& spec) {
  // After a restart the cache may have been cleared: the same source gives the same bytes again.
  if (spec.has_proto_net() && !artifacts_.Has(spec.proto_net().dataset_digest())) {
    ASSIGN_OR_RETURN(const v1::ProtoNetTask::Dataset kind, Meant(spec.proto_net()));
    const absl::Status found = DigestOf(kind, /*download=*/false).status();
    if (absl::IsNotFound(found)) {
      return absl::NotFoundError(absl::StrCat("the job's data set, ", v1::ProtoNetTask::Dataset_Name(kind),
                                              ", is no longer here; a new job with it brings it back"));
    }
    RETURN_IF_ERROR(found);
  }
  return seedcast::MakeTask(spec, [this](const std::string& digest) { return Read(digest); });
}

absl::StatusOr<std::string> Datasets::DigestOf(v1::ProtoNetTask::Dataset kind, bool download) {
  const auto in_its_place = [kind](const std::string& digest) {
    return kind == v1::ProtoNetTask::AUTO && digest == kGlyphsDigest;
  };
  {
    absl::MutexLock lock(&mutex_);
    const auto known = digests_.find(kind);
    // Omniglot may have come since.
    const bool settled = known != digests_.end() && !(download && in_its_place(known->second));
    if (settled && artifacts_.Has(known->second)) return known->second;
  }
  DataOptions options = options_;
  if (!download) options.offline = true;
  ASSIGN_OR_RETURN(const ResolvedDataset found, ResolveDataset(kind, options, &artifacts_));
  // AUTO takes a download that failed for a reason to use generated data; a cancelled one is none.
  if (stopping_) return absl::CancelledError("the coordinator is stopping");
  if (in_its_place(found.digest) && options_.announce) {
    options_.announce(absl::StrCat("note: ", found.description));  // somebody reads along, and no log
  } else if (in_its_place(found.digest)) {
    LogWarning("no Omniglot", {{"dataset", found.description}, {"digest", found.digest}});
  } else {
    LogInfo("data set found", {{"dataset", found.description}, {"digest", found.digest}});
  }
  absl::MutexLock lock(&mutex_);
  digests_[kind] = found.digest;
  return found.digest;
}

}  // namespace seedcast
