// WorkerService: a stream a worker.
#pragma once

#include "coordinator/rpc/loop.h"
#include "coordinator/rpc/worker_registry.h"
#include "coordinator/rpc/worker_stream.h"
#include "seedcast/v1/worker.grpc.pb.h"

namespace seedcast {

class WorkerServiceImpl final : public v1::WorkerService::WithRawCallbackMethod_Connect<v1::WorkerService::Service> {
 public:
  // Borrows both.
  WorkerServiceImpl(CoordinatorLoop* loop, WorkerRegistry* registry) : loop_(*loop), registry_(*registry) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Connect(grpc::CallbackServerContext* context) override {
    return new WorkerStream(context, &loop_, &registry_);  // deletes itself
  }

 private:
  CoordinatorLoop& loop_;
  WorkerRegistry& registry_;
};

}  // namespace seedcast
