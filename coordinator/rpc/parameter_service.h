// ParameterService: logs and snapshots through the coordinator's thread, artifacts from the disk through another.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/transferred_bytes.h"
#include "common/work_thread.h"
#include "coordinator/rpc/loop.h"
#include "seedcast/v1/parameters.grpc.pb.h"

namespace seedcast {

class ParameterServiceImpl final : public v1::ParameterService::CallbackService {
 public:
  using ReadArtifact = std::function<absl::StatusOr<std::string>(const std::string& digest)>;  // may block

  // Borrows the loop and `transferred`, to which it adds what it sends.
  ParameterServiceImpl(CoordinatorLoop* loop, TransferredBytes* transferred, ReadArtifact read_artifact)
      : loop_(*loop), transferred_(*transferred), read_artifact_(std::move(read_artifact)) {}

  grpc::ServerWriteReactor<v1::GenerationRecord>* GetLog(grpc::CallbackServerContext* context,
                                                         const v1::GetLogRequest* request) override;
  grpc::ServerWriteReactor<v1::SnapshotChunk>* GetSnapshot(grpc::CallbackServerContext* context,
                                                           const v1::GetSnapshotRequest* request) override;
  grpc::ServerWriteReactor<v1::ArtifactChunk>* GetArtifact(grpc::CallbackServerContext* context,
                                                           const v1::GetArtifactRequest* request) override;

 private:
  absl::StatusOr<std::shared_ptr<const std::string>> SharedArtifact(const std::string& digest);

  void CountSent(TransferredBytes::Kind kind, const std::string& bytes) {
    transferred_.Add(TransferredBytes::kSent, kind, static_cast<int64_t>(bytes.size()));
  }

  CoordinatorLoop& loop_;
  TransferredBytes& transferred_;
  const ReadArtifact read_artifact_;
  std::map<std::string, std::weak_ptr<const std::string>> artifacts_;  // being sent; the reading thread's
  WorkThread reading_;
};

}  // namespace seedcast
