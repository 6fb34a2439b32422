#include "coordinator/rpc/worker_stream.h"

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log.h"

namespace seedcast {
namespace {

const std::string& JobOf(const v1::WorkerMessage& message) {
  return message.has_lease_failed() ? message.lease_failed().job_id() : message.result().job_id();
}

// No honest error comes near it. Errors of workers go into the log, the store and every status of their job.
constexpr size_t kMaxErrorBytes = 4096;

// Room for a heartbeat of every lease that a worker may hold, and for an error of a megabyte, of which little is kept.
constexpr size_t kMaxOtherBytes = size_t{5} << 18;
constexpr size_t kMaxResultBytes = size_t{16} << 20;

// Whether these are, up to the last byte, one LeaseResult: nearly all of a large one is numbers, which take no more
// once they are parsed.
bool IsOneResult(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  if (!bytes.Dump(&slices).ok() || slices.empty()) return false;
  const size_t peek = std::min<size_t>(slices.front().size(), 16);
  google::protobuf::io::CodedInputStream input(slices.front().begin(), static_cast<int>(peek));
  uint32_t length = 0;
  const bool is_result = input.ReadTag() == ((v1::WorkerMessage::kResultFieldNumber << 3) | 2);
  return is_result && input.ReadVarint32(&length) && input.CurrentPosition() + size_t{length} == bytes.Length();
}

absl::Status Parse(grpc::ByteBuffer* bytes, v1::WorkerMessage* message) {
  return ParseRaw(bytes, IsOneResult(*bytes) ? kMaxResultBytes : kMaxOtherBytes, message);
}

// A worker holds at most two leases a slot and has at most 4,096 slots. What a heartbeat names beyond that, it cannot
// hold.
constexpr int kMaxHeartbeatLeases = 2 * 4096;

void Shorten(std::string* text) {
  if (text->size() <= kMaxErrorBytes) return;
  size_t end = kMaxErrorBytes;
  while (((*text)[end] & 0xC0) == 0x80) --end;  // not inside a character: a proto string must stay UTF-8
  text->resize(end);
}

void ShortenErrors(v1::WorkerMessage* message) {
  if (message->has_result()) Shorten(message->mutable_result()->mutable_first_error());
  if (message->has_lease_failed()) Shorten(message->mutable_lease_failed()->mutable_error());
}

}  // namespace

WorkerStream::WorkerStream(grpc::CallbackServerContext* context, CoordinatorLoop* loop, WorkerRegistry* registry)
    : QueuedWriter(context), loop_(*loop), registry_(*registry), peer_(context->peer()) {
  registry_.OnStreamOpened();
  loop_.Post([this](Coordinator&, absl::Time) { registry_.AddStranger(this); });
  StartRead(&raw_);
}

void WorkerStream::OnReadDone(bool ok) {
  // Not ok: the worker closed its half, or the connection broke.
  const absl::Status read = ok ? Parse(&raw_, &incoming_) : absl::OkStatus();
  if (!ok || !read.ok()) {
    loop_.Post([this, read](Coordinator& coordinator, absl::Time now) {
      Leave(coordinator, now);
      End(read);
    });
  } else if (Hold()) {
    loop_.Post([this](Coordinator& coordinator, absl::Time now) {
      Take(coordinator, now);
      registry_.TakeBytes(coordinator);
      StartRead(&raw_);
      Release();
    });
  }
}

void WorkerStream::OnDone() {
  loop_.Post([this](Coordinator& coordinator, absl::Time now) {
    Leave(coordinator, now);
    delete this;
  });
}

void WorkerStream::Take(Coordinator& coordinator, absl::Time now) {
  const auto bytes = static_cast<int64_t>(incoming_.ByteSizeLong());
  registry_.transferred().Add(TransferredBytes::kReceived, TransferredBytes::kStream, bytes);
  if (worker_id_.empty()) return TakeHello(coordinator, now);
  if (!Registered()) return;  // replaced or closed: what it still says does not count
  if (incoming_.has_hello()) {
    Leave(coordinator, now);
    return End(absl::InvalidArgumentError("a second Hello on one stream"));
  }
  if (incoming_.heartbeat().leases_size() > kMaxHeartbeatLeases) {
    Leave(coordinator, now);
    return End(absl::InvalidArgumentError(absl::StrCat("a heartbeat of ", incoming_.heartbeat().leases_size(),
                                                       " leases, at most ", kMaxHeartbeatLeases, " are possible")));
  }
  registry_.Count(JobOf(incoming_), bytes);
  ShortenErrors(&incoming_);
  coordinator.OnMessage(worker_id_, incoming_, now);
}

void WorkerStream::TakeHello(Coordinator& coordinator, absl::Time now) {
  if (!incoming_.has_hello()) return End(absl::InvalidArgumentError("the first message of a worker must be Hello"));
  const std::string& id = incoming_.hello().worker_id();
  if (id.empty()) return End(absl::InvalidArgumentError("worker_id: empty, expected a name"));
  WorkerStream* const previous = registry_.Find(id);
  worker_id_ = id;
  registry_.Add(id, this);  // before OnHello, which sends Welcome
  if (const absl::Status status = coordinator.OnHello(incoming_.hello(), now); !status.ok()) {
    LogWarning("worker refused", {{"worker", id}, {"peer", peer_}, {"reason", std::string(status.message())}});
    registry_.Remove(id);
    if (previous != nullptr) registry_.Add(id, previous);  // who is refused takes nobody's place
    return End(status);
  }
  if (previous == nullptr) return;
  LogInfo("worker replaced", {{"worker", id}, {"peer", peer_}});
  previous->End(absl::AlreadyExistsError(absl::StrCat("another worker has connected as '", id, "'")));
}

void WorkerStream::Leave(Coordinator& coordinator, absl::Time now) {
  if (!Registered()) return;
  registry_.Remove(worker_id_);
  coordinator.OnWorkerGone(worker_id_, now);
}

}  // namespace seedcast
