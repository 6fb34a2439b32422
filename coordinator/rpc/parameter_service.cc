#include "coordinator/rpc/parameter_service.h"

#include <utility>

#include "common/status_macros.h"
#include "coordinator/rpc/parameter_streams.h"

namespace seedcast {

grpc::ServerWriteReactor<v1::GenerationRecord>* ParameterServiceImpl::GetLog(grpc::CallbackServerContext* context,
                                                                             const v1::GetLogRequest* request) {
  return new LogStream(context, *request, &loop_, &transferred_);  // these delete themselves
}

grpc::ServerWriteReactor<v1::SnapshotChunk>* ParameterServiceImpl::GetSnapshot(grpc::CallbackServerContext* context,
                                                                               const v1::GetSnapshotRequest* request) {
  auto* stream = new ChunkStream<v1::SnapshotChunk>(context);
  stream->Hold();
  loop_.Post([this, stream, request = *request](Coordinator& coordinator, absl::Time) {
    absl::StatusOr<Coordinator::SharedSnapshot> snapshot = coordinator.ReadSnapshot(request);
    if (snapshot.ok()) {
      v1::SnapshotChunk first;
      first.set_version(snapshot->version);
      first.set_digest(ToBytes(snapshot->digest));
      coordinator.CountBytes(request.job_id(), static_cast<int64_t>(snapshot->bytes->size()));
      CountSent(TransferredBytes::kSnapshot, *snapshot->bytes);
      stream->Start(std::move(first), std::move(snapshot->bytes));
    } else {
      stream->End(snapshot.status());
    }
    stream->Release();
  });
  return stream;
}

grpc::ServerWriteReactor<v1::ArtifactChunk>* ParameterServiceImpl::GetArtifact(grpc::CallbackServerContext* context,
                                                                               const v1::GetArtifactRequest* request) {
  auto* stream = new ChunkStream<v1::ArtifactChunk>(context);
  stream->Hold();
  reading_.Post([this, stream, digest = request->digest()] {
    absl::StatusOr<std::shared_ptr<const std::string>> bytes = SharedArtifact(digest);
    if (bytes.ok()) {
      CountSent(TransferredBytes::kArtifact, **bytes);
      stream->Start({}, *std::move(bytes));
    } else {
      stream->End(bytes.status());
    }
    stream->Release();
  });
  return stream;
}

// Many workers may fetch one data set at the same time: its bytes are in memory once.
absl::StatusOr<std::shared_ptr<const std::string>> ParameterServiceImpl::SharedArtifact(const std::string& digest) {
  std::erase_if(artifacts_, [](const auto& artifact) { return artifact.second.expired(); });
  if (const auto found = artifacts_.find(digest); found != artifacts_.end()) {
    if (auto bytes = found->second.lock()) return bytes;
  }
  ASSIGN_OR_RETURN(std::string bytes, read_artifact_(digest));
  auto shared = std::make_shared<const std::string>(std::move(bytes));
  artifacts_[digest] = shared;
  return shared;
}

}  // namespace seedcast
