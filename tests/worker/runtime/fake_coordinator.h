// A gRPC server whose conversation with workers is a script, and whose parameters are those of a History.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/strategy/state.h"
#include "seedcast/v1/parameters.grpc.pb.h"
#include "seedcast/v1/worker.grpc.pb.h"
#include "tests/worker/runtime/core_harness.h"

namespace seedcast {

class FakeCoordinator final : public v1::WorkerService::Service, public v1::ParameterService::Service {
 public:
  using Stream = grpc::ServerReaderWriter<v1::CoordinatorMessage, v1::WorkerMessage>;
  using Script = std::function<grpc::Status(Stream*)>;  // one stream, on a thread of its own

  explicit FakeCoordinator(v1::JobSpec job) : history(job), spec(std::move(job)) {
    grpc::ServerBuilder builder;
    builder.RegisterService(static_cast<v1::WorkerService::Service*>(this));
    builder.RegisterService(static_cast<v1::ParameterService::Service*>(this));
    server_ = builder.BuildAndStart();
  }
  ~FakeCoordinator() override { server_->Shutdown(std::chrono::system_clock::now()); }

  std::shared_ptr<grpc::Channel> Channel() { return server_->InProcessChannel({}); }

  // Streams take the scripts in order; one without a script is refused.
  void Play(Script script) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    scripts_.push_back(std::move(script));
  }

  // Words of scripts.
  static bool ReadHello(Stream* stream) {
    v1::WorkerMessage message;
    return stream->Read(&message) && message.has_hello();
  }
  static void SendWelcome(Stream* stream) {
    v1::CoordinatorMessage message;
    message.mutable_welcome()->set_heartbeat_ms(3'600'000);
    stream->Write(message);
  }
  void SendJob(Stream* stream) const {
    v1::CoordinatorMessage message;
    message.mutable_job_opened()->set_job_id("job-1");
    *message.mutable_job_opened()->mutable_spec() = spec;
    stream->Write(message);
  }
  // What comes before any lease.
  void TakeIn(Stream* stream) const {
    ReadHello(stream);
    SendWelcome(stream);
    SendJob(stream);
  }
  void SendPairs(Stream* stream, int64_t id, int64_t version, int64_t first, int32_t count) {
    v1::CoordinatorMessage message;
    v1::Lease* lease = message.mutable_lease();
    lease->set_lease_id(id);
    lease->set_job_id("job-1");
    lease->set_version(version);
    lease->set_digest(history.digest(version));
    lease->mutable_pairs()->set_first_pair(first);
    lease->mutable_pairs()->set_count(count);
    stream->Write(message);
  }
  static void ReadToEnd(Stream* stream) {
    v1::WorkerMessage message;
    while (stream->Read(&message)) continue;
  }

  // Not to be used while a stream or fetch is under way on another thread.
  History history;
  const v1::JobSpec spec;
  std::string artifact;
  int64_t announced_extra_bytes = 0;  // a lie about the size of what follows
  std::atomic<int> log_fetches{0};

 private:
  grpc::Status Connect(grpc::ServerContext*, Stream* stream) override {
    Script script;
    {
      absl::MutexLock lock(&mutex_);
      if (scripts_.empty()) return {grpc::StatusCode::FAILED_PRECONDITION, "no script is left"};
      script = std::move(scripts_.front());
      scripts_.pop_front();
    }
    return script(stream);
  }

  grpc::Status GetLog(grpc::ServerContext*, const v1::GetLogRequest* request,
                      grpc::ServerWriter<v1::GenerationRecord>* writer) override {
    ++log_fetches;
    for (const auto& record : history.Log(request->from_generation(), request->to_generation())) writer->Write(record);
    return grpc::Status::OK;
  }

  grpc::Status GetSnapshot(grpc::ServerContext*, const v1::GetSnapshotRequest* request,
                           grpc::ServerWriter<v1::SnapshotChunk>* writer) override {
    return WriteChunks<v1::SnapshotChunk>(SerializeState(history.at(request->at_or_below_version())), writer);
  }

  grpc::Status GetArtifact(grpc::ServerContext*, const v1::GetArtifactRequest*,
                           grpc::ServerWriter<v1::ArtifactChunk>* writer) override {
    return WriteChunks<v1::ArtifactChunk>(artifact, writer);
  }

  template <typename Chunk>
  grpc::Status WriteChunks(const std::string& bytes, grpc::ServerWriter<Chunk>* writer) {
    constexpr size_t kChunkBytes = 10;
    for (size_t offset = 0; offset < bytes.size(); offset += kChunkBytes) {
      Chunk chunk;
      if (offset == 0) chunk.set_total_bytes(static_cast<int64_t>(bytes.size()) + announced_extra_bytes);
      chunk.set_data(bytes.substr(offset, kChunkBytes));
      writer->Write(chunk);
    }
    return grpc::Status::OK;
  }

  absl::Mutex mutex_;
  std::deque<Script> scripts_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace seedcast
