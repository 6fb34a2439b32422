#include "coordinator/rpc/job_service.h"

#include <memory>
#include <utility>

#include "common/status_macros.h"
#include "coordinator/rpc/raw_message.h"
#include "coordinator/rpc/status.h"

namespace seedcast {
namespace {

// The largest job, 64 clusters of 200 problems each, takes about half of it; what is larger is refused before anybody
// parses, copies or stores it.
constexpr size_t kMaxRequestBytes = 1 << 20;

template <typename T>
absl::Status Answer(absl::StatusOr<T> result, T* response) {
  ASSIGN_OR_RETURN(*response, std::move(result));
  return absl::OkStatus();
}

absl::Status Answer(const absl::StatusOr<v1::JobStatus>& result, grpc::ByteBuffer* response) {
  RETURN_IF_ERROR(result.status());
  *response = ToRaw(*result);
  return absl::OkStatus();
}

// Null, and the call is finished, when they are no request that is taken.
template <typename Request>
std::shared_ptr<const Request> ParseOrFinish(const grpc::ByteBuffer& bytes, grpc::ServerUnaryReactor* reactor) {
  grpc::ByteBuffer own = bytes;
  auto request = std::make_shared<Request>();
  const absl::Status parsed = ParseRaw(&own, kMaxRequestBytes, request.get());
  if (parsed.ok()) return request;
  reactor->Finish(ToGrpc(parsed));
  return nullptr;
}

// Runs `handler(coordinator, now)`, which returns absl::Status, on the coordinator's thread and finishes with it.
// Request and response live until then.
template <typename Handler>
void FinishFromLoop(CoordinatorLoop& loop, grpc::ServerUnaryReactor* reactor, Handler handler) {
  loop.Post([reactor, handler = std::move(handler)](Coordinator& coordinator, absl::Time now) {
    reactor->Finish(ToGrpc(handler(coordinator, now)));
  });
}

template <typename Handler>
grpc::ServerUnaryReactor* Unary(CoordinatorLoop& loop, grpc::CallbackServerContext* context, Handler handler) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  FinishFromLoop(loop, reactor, std::move(handler));
  return reactor;
}

// The same for a new job, after `prepare` has run on its thread.
template <typename Prepare, typename Handler>
void FinishAfter(WorkThread& thread, Prepare prepare, CoordinatorLoop& loop, grpc::ServerUnaryReactor* reactor,
                 Handler handler) {
  thread.Post([&loop, reactor, prepare = std::move(prepare), handler = std::move(handler)] {
    if (const absl::Status status = prepare(); !status.ok()) return reactor->Finish(ToGrpc(status));
    FinishFromLoop(loop, reactor, handler);
  });
}

}  // namespace

WorkThread& JobServiceImpl::PreparingFor(const v1::JobSpec& spec) {
  const bool named = spec.has_proto_net() && v1::ProtoNetTask::Dataset_IsValid(spec.proto_net().dataset());
  return preparing_[named ? 1 + spec.proto_net().dataset() : 0];
}

grpc::ServerUnaryReactor* JobServiceImpl::SubmitJob(grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes,
                                                    grpc::ByteBuffer* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const auto request = ParseOrFinish<v1::SubmitJobRequest>(*bytes, reactor);
  if (request == nullptr) return reactor;
  FinishAfter(
      PreparingFor(request->spec()), [this, request] { return make_ready_(request->spec()); }, loop_, reactor,
      [request, response](Coordinator& coordinator, absl::Time now) {
        return Answer(coordinator.Submit(*request, now), response);
      });
  return reactor;
}

grpc::ServerUnaryReactor* JobServiceImpl::ForkJob(grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes,
                                                  grpc::ByteBuffer* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const auto request = ParseOrFinish<v1::ForkJobRequest>(*bytes, reactor);
  if (request == nullptr) return reactor;
  FinishAfter(
      PreparingFor(request->overrides()), [this, request] { return make_ready_(request->overrides()); }, loop_, reactor,
      [request, response](Coordinator& coordinator, absl::Time now) {
        return Answer(coordinator.Fork(*request, now), response);
      });
  return reactor;
}

grpc::ServerUnaryReactor* JobServiceImpl::ListJobs(grpc::CallbackServerContext* context, const v1::ListJobsRequest*,
                                                   v1::ListJobsResponse* response) {
  return Unary(loop_, context, [response](Coordinator& coordinator, absl::Time now) {
    *response = coordinator.List(now);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* JobServiceImpl::GetJob(grpc::CallbackServerContext* context, const v1::JobRequest* request,
                                                 v1::JobStatus* response) {
  return Unary(loop_, context, [request, response](Coordinator& coordinator, absl::Time now) {
    return Answer(coordinator.Get(request->job_id(), now), response);
  });
}

grpc::ServerUnaryReactor* JobServiceImpl::GetHistory(grpc::CallbackServerContext* context,
                                                     const v1::GetHistoryRequest* request,
                                                     v1::GetHistoryResponse* response) {
  return Unary(loop_, context, [request, response](Coordinator& coordinator, absl::Time) {
    return Answer(coordinator.History(*request), response);
  });
}

grpc::ServerUnaryReactor* JobServiceImpl::PauseJob(grpc::CallbackServerContext* context, const v1::JobRequest* request,
                                                   v1::JobStatus* response) {
  return Unary(loop_, context, [request, response](Coordinator& coordinator, absl::Time now) {
    return Answer(coordinator.Pause(request->job_id(), now), response);
  });
}

grpc::ServerUnaryReactor* JobServiceImpl::ResumeJob(grpc::CallbackServerContext* context, const v1::JobRequest* request,
                                                    v1::JobStatus* response) {
  return Unary(loop_, context, [request, response](Coordinator& coordinator, absl::Time now) {
    return Answer(coordinator.Resume(request->job_id(), now), response);
  });
}

grpc::ServerUnaryReactor* JobServiceImpl::CancelJob(grpc::CallbackServerContext* context, const v1::JobRequest* request,
                                                    v1::JobStatus* response) {
  return Unary(loop_, context, [request, response](Coordinator& coordinator, absl::Time now) {
    return Answer(coordinator.Cancel(request->job_id(), now), response);
  });
}

grpc::ServerWriteReactor<v1::JobStatus>* JobServiceImpl::WatchJob(grpc::CallbackServerContext* context,
                                                                  const v1::JobRequest* request) {
  return new WatchStream(context, *request, &loop_, &streams_);
}

grpc::ServerWriteReactor<v1::EvaluateJobProgress>* JobServiceImpl::EvaluateJob(grpc::CallbackServerContext* context,
                                                                               const v1::EvaluateJobRequest* request) {
  return new EvaluateStream(context, *request, &loop_, &streams_);
}

}  // namespace seedcast
