// The streaming answers of ParameterService. Each fetches or cuts the next piece only when the last one is written, so
// a slow reader costs no memory beyond one piece.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "common/transferred_bytes.h"
#include "coordinator/rpc/loop.h"
#include "coordinator/rpc/queued_writer.h"
#include "seedcast/v1/parameters.pb.h"

namespace seedcast {

// Records of a log, batch by batch. Deletes itself on the coordinator's thread.
class LogStream final : public QueuedWriter<grpc::ServerWriteReactor<v1::GenerationRecord>, v1::GenerationRecord> {
 public:
  LogStream(grpc::CallbackServerContext* context, const v1::GetLogRequest& request, CoordinatorLoop* loop,
            TransferredBytes* transferred);

 private:
  void OnQueueEmpty() override;
  void OnDone() override;
  void FetchBatch(Coordinator& coordinator);

  CoordinatorLoop& loop_;
  TransferredBytes& transferred_;
  v1::GetLogRequest rest_;   // what is still to be sent; the coordinator's thread's
  int64_t batch_limit_ = 1;  // grows once the size of a record is known
};

// Bytes that are already here, cut into chunks. Chunk is SnapshotChunk or ArtifactChunk.
template <typename Chunk>
class ChunkStream final : public QueuedWriter<grpc::ServerWriteReactor<Chunk>, Chunk> {
 public:
  using QueuedWriter<grpc::ServerWriteReactor<Chunk>, Chunk>::QueuedWriter;

  // Sends `first` with the first bytes and the total filled in, then the rest. Call once, or End instead.
  void Start(Chunk first, std::shared_ptr<const std::string> bytes) {
    bytes_ = std::move(bytes);
    first.set_total_bytes(static_cast<int64_t>(bytes_->size()));
    WriteNext(std::move(first));
  }

 private:
  static constexpr size_t kChunkBytes = 1 << 20;

  void WriteNext(Chunk chunk) {
    const size_t size = std::min(kChunkBytes, bytes_->size() - sent_);
    chunk.set_data(bytes_->substr(sent_, size));
    sent_ += size;
    this->Write(std::move(chunk));
  }
  void OnQueueEmpty() override {
    if (sent_ < bytes_->size()) return WriteNext({});
    this->End(absl::OkStatus());
  }
  void OnDone() override { delete this; }

  std::shared_ptr<const std::string> bytes_;  // one reaction at a time touches these
  size_t sent_ = 0;
};

}  // namespace seedcast
