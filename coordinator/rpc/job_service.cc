#include "coordinator/rpc/job_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/rpc/status.h"

namespace seedcast {
namespace {

// No honest request comes near it; what is larger is refused before anybody copies or stores it.
constexpr size_t kMaxRequestBytes = 64 << 10;

absl::Status CheckSize(const google::protobuf::Message& request) {
  if (request.ByteSizeLong() <= kMaxRequestBytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("request of ", request.ByteSizeLong(), " bytes, at most ", kMaxRequestBytes, " are accepted"));
}

template <typename T>
absl::Status Answer(absl::StatusOr<T> result, T* response) {
  ASSIGN_OR_RETURN(*response, std::move(result));
  return absl::OkStatus();
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
grpc::ServerUnaryReactor* UnaryAfter(BackgroundThread& thread, Prepare prepare, CoordinatorLoop& loop,
                                     grpc::CallbackServerContext* context, Handler handler) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  thread.Post([&loop, reactor, prepare = std::move(prepare), handler = std::move(handler)] {
    if (const absl::Status status = prepare(); !status.ok()) return reactor->Finish(ToGrpc(status));
    FinishFromLoop(loop, reactor, handler);
  });
  return reactor;
}

}  // namespace

BackgroundThread& JobServiceImpl::PreparingFor(const v1::JobSpec& spec) {
  const bool named = spec.has_proto_net() && v1::ProtoNetTask::Dataset_IsValid(spec.proto_net().dataset());
  return preparing_[named ? 1 + spec.proto_net().dataset() : 0];
}

grpc::ServerUnaryReactor* JobServiceImpl::SubmitJob(grpc::CallbackServerContext* context,
                                                    const v1::SubmitJobRequest* request, v1::JobStatus* response) {
  const auto prepare = [this, request]() -> absl::Status {
    RETURN_IF_ERROR(CheckSize(*request));
    return make_ready_(request->spec());
  };
  return UnaryAfter(PreparingFor(request->spec()), prepare, loop_, context,
                    [request, response](Coordinator& coordinator, absl::Time now) {
                      return Answer(coordinator.Submit(*request, now), response);
                    });
}

grpc::ServerUnaryReactor* JobServiceImpl::ForkJob(grpc::CallbackServerContext* context,
                                                  const v1::ForkJobRequest* request, v1::JobStatus* response) {
  const auto prepare = [this, request]() -> absl::Status {
    RETURN_IF_ERROR(CheckSize(*request));
    return make_ready_(request->overrides());
  };
  return UnaryAfter(PreparingFor(request->overrides()), prepare, loop_, context,
                    [request, response](Coordinator& coordinator, absl::Time now) {
                      return Answer(coordinator.Fork(*request, now), response);
                    });
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
                                                     const v1::JobRequest* request, v1::GetHistoryResponse* response) {
  return Unary(loop_, context, [request, response](Coordinator& coordinator, absl::Time) {
    return Answer(coordinator.History(request->job_id()), response);
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
