// One worker's stream. gRPC's threads read and write; what a message means is decided on the coordinator's thread.
//
// One message at a time: the next is read after the coordinator has taken the last, which bounds what a worker can pile
// up here. The object deletes itself on the coordinator's thread, after every task that was posted about it.
#pragma once

#include <string>

#include "coordinator/rpc/loop.h"
#include "coordinator/rpc/queued_writer.h"
#include "coordinator/rpc/worker_registry.h"
#include "seedcast/v1/worker.pb.h"

namespace seedcast {

class WorkerStream final
    : public QueuedWriter<grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>, grpc::ByteBuffer> {
 public:
  // Borrows both for its whole life.
  WorkerStream(grpc::CallbackServerContext* context, CoordinatorLoop* loop, WorkerRegistry* registry);

 private:
  ~WorkerStream() override { registry_.OnStreamDeleted(this); }

  // gRPC's threads.
  void OnReadDone(bool ok) override;
  void OnDone() override;

  // The coordinator's thread.
  void Take(Coordinator& coordinator, absl::Time now);
  void TakeHello(Coordinator& coordinator, absl::Time now);
  void Leave(Coordinator& coordinator, absl::Time now);
  bool Registered() const { return !worker_id_.empty() && registry_.Find(worker_id_) == this; }

  CoordinatorLoop& loop_;
  WorkerRegistry& registry_;
  const std::string peer_;
  // gRPC's threads' during a read, the coordinator's thread's after it.
  grpc::ByteBuffer raw_;
  v1::WorkerMessage incoming_;
  std::string worker_id_;  // empty before Hello; the coordinator's thread's
};

}  // namespace seedcast
