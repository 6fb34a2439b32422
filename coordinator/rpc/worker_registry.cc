#include "coordinator/rpc/worker_registry.h"

#include <utility>

#include "common/log.h"
#include "coordinator/rpc/worker_stream.h"

namespace seedcast {
namespace {

// Empty for a message that belongs to no job.
const std::string& JobOf(const v1::CoordinatorMessage& message) {
  switch (message.message_case()) {
    case v1::CoordinatorMessage::kJobOpened:
      return message.job_opened().job_id();
    case v1::CoordinatorMessage::kLease:
      return message.lease().job_id();
    case v1::CoordinatorMessage::kGenerationClosed:
      return message.generation_closed().job_id();
    case v1::CoordinatorMessage::kJobClosed:
      return message.job_closed().job_id();
    default:
      static const std::string none;
      return none;
  }
}

}  // namespace

void WorkerRegistry::Send(const std::string& worker_id, const v1::CoordinatorMessage& message) {
  SendRaw(worker_id, JobOf(message), ToRaw(message));
}

void WorkerRegistry::Broadcast(const std::vector<std::string>& worker_ids, const v1::CoordinatorMessage& message) {
  const grpc::ByteBuffer bytes = ToRaw(message);
  for (const std::string& worker_id : worker_ids) SendRaw(worker_id, JobOf(message), bytes);
}

void WorkerRegistry::SendRaw(const std::string& worker_id, const std::string& job_id, const grpc::ByteBuffer& bytes) {
  WorkerStream* stream = Find(worker_id);
  if (stream == nullptr) return;
  const auto size = static_cast<int64_t>(bytes.Length());
  Count(job_id, size);
  transferred_.Add(TransferredBytes::kSent, TransferredBytes::kStream, size);
  if (stream->Write(bytes)) return;  // a copy of the buffer refers to the same bytes
  // The coordinator learns of it through OnWorkerGone, once the stream is done.
  LogWarning("worker cut off", {{"worker", worker_id}, {"reason", "does not read its messages"}});
  stream->Abort(absl::ResourceExhaustedError("the worker does not read its messages"));
}

void WorkerRegistry::Close(const std::string& worker_id, const absl::Status& reason) {
  WorkerStream* stream = Find(worker_id);
  if (stream == nullptr) return;
  Remove(worker_id);
  stream->End(reason);
}

void WorkerRegistry::Add(const std::string& worker_id, WorkerStream* stream) {
  Remove(worker_id);
  strangers_.erase(stream);
  streams_[worker_id] = stream;
}

void WorkerRegistry::Remove(const std::string& worker_id) {
  const auto found = streams_.find(worker_id);
  if (found == streams_.end()) return;
  AddStranger(found->second);
  streams_.erase(found);
}

WorkerStream* WorkerRegistry::Find(const std::string& worker_id) const {
  const auto found = streams_.find(worker_id);
  return found == streams_.end() ? nullptr : found->second;
}

void WorkerRegistry::CloseAll(const absl::Status& reason) {
  for (const auto& [id, stream] : std::exchange(streams_, {})) {
    AddStranger(stream);
    stream->End(reason);
  }
}

void WorkerRegistry::CutOffStrangers(absl::Time now) {
  for (auto it = strangers_.begin(); it != strangers_.end();) {
    auto& [stream, deadline] = *it;
    if (deadline == absl::InfiniteFuture()) deadline = now + patience_;
    if (now < deadline) {
      ++it;
      continue;
    }
    ++strangers_cut_off_;
    LogWarning("stream cut off", {{"reason", "no Hello, or it was told to end and does not read"}});
    stream->Abort(absl::DeadlineExceededError("no Hello in time"));  // an earlier status stands
    it = strangers_.erase(it);
  }
}

void WorkerRegistry::Count(const std::string& job_id, int64_t bytes) {
  if (!job_id.empty()) bytes_[job_id] += bytes;
}

void WorkerRegistry::TakeBytes(Coordinator& coordinator) {
  for (const auto& [job_id, bytes] : bytes_) coordinator.CountBytes(job_id, bytes);
  bytes_.clear();
}

void WorkerRegistry::OnStreamOpened() {
  absl::MutexLock lock(&mutex_);
  ++open_streams_;
}

void WorkerRegistry::OnStreamDeleted(WorkerStream* stream) {
  strangers_.erase(stream);
  absl::MutexLock lock(&mutex_);
  --open_streams_;
}

bool WorkerRegistry::AwaitNoStreams(absl::Duration timeout) {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(
                                     +[](int* open) { return *open == 0; }, &open_streams_),
                                 timeout);
}

}  // namespace seedcast
