#include "coordinator/status/status_api.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/spec/job_state.h"
#include "common/status_macros.h"
#include "coordinator/status/access.h"

namespace seedcast {
namespace {

constexpr char kJobsPath[] = "/api/jobs";
constexpr int kMostInTurn = 2;  // of the HTTP server's four threads
constexpr std::chrono::seconds kPatience{2};
constexpr int kMostEndedJobs = 100;
constexpr int kMostWorkers = 500;

int HttpStatusOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kFailedPrecondition:
      return 409;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kResourceExhausted:
      return 503;
    default:
      return 500;
  }
}

HttpResponse Json(int status, const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;  // as with the command line's --json
  HttpResponse response = {status, "", "application/json", {{"Cache-Control", "no-store"}}};
  google::protobuf::util::MessageToJsonString(message, &response.body, options);
  return response;
}

HttpResponse Error(const absl::Status& status) {
  v1::ApiError error;
  error.set_error(std::string(status.message()));
  return Json(HttpStatusOf(status), error);
}

absl::Status Busy() { return absl::UnavailableError("the coordinator is busy, ask again"); }

template <typename Message>
HttpResponse Respond(const absl::StatusOr<Message>& answer) {
  return answer.ok() ? Json(200, *answer) : Error(answer.status());
}

// What a list of jobs shows.
void Strip(v1::JobStatus* status) {
  v1::JobSpec spec;
  spec.set_name(status->spec().name());
  spec.set_generations(status->spec().generations());
  if (status->spec().has_learned_optimizer()) spec.mutable_learned_optimizer();
  *status->mutable_spec() = spec;
  if (!status->has_last()) return;
  status->mutable_last()->clear_clusters();
  status->mutable_last()->clear_groups();
}

v1::JobsView ViewOf(v1::ListJobsResponse list) {
  v1::JobsView view;
  const auto ended = std::count_if(list.jobs().begin(), list.jobs().end(),
                                   [](const v1::JobStatus& job) { return HasEnded(job.state()); });
  view.set_left_out(std::max<int64_t>(0, ended - kMostEndedJobs));
  int64_t to_skip = view.left_out();
  for (v1::JobStatus& status : *list.mutable_jobs()) {
    if (HasEnded(status.state()) && to_skip-- > 0) continue;
    Strip(&status);
    *view.add_jobs() = std::move(status);
  }
  return view;
}

// "after=12"; from the start where there is none.
int64_t AfterOf(const std::string& query) {
  int64_t after = -1;
  for (absl::string_view part : absl::StrSplit(query, '&')) {
    if (absl::ConsumePrefix(&part, "after=") && !absl::SimpleAtoi(part, &after)) return -1;
  }
  return after;
}

struct JobChange {
  absl::string_view name;
  absl::StatusOr<v1::JobStatus> (Coordinator::*make)(const std::string&, absl::Time);
  absl::string_view method;  // of kMethodRoles
};
constexpr JobChange kJobChanges[] = {
    {"pause", &Coordinator::Pause, kPauseMethod},
    {"resume", &Coordinator::Resume, "/seedcast.v1.JobService/ResumeJob"},
    {"cancel", &Coordinator::Cancel, "/seedcast.v1.JobService/CancelJob"},
};

const JobChange* ChangeNamed(absl::string_view name) {
  for (const JobChange& change : kJobChanges) {
    if (change.name == name) return &change;
  }
  return nullptr;
}

}  // namespace

StatusApi::StatusApi(CoordinatorLoop* loop, const FiguresBoard* figures, RoleGate* gate)
    : loop_(*loop),
      figures_(*figures),
      gate_(gate),
      curves_([this](const std::string& job_id, const auto& generations) {
        return Ask<std::vector<v1::GenerationMetrics>>([job_id, generations](Coordinator& coordinator, absl::Time) {
          return coordinator.Metrics(job_id, generations);
        });
      }) {}

void StatusApi::AddTo(HttpServer* server) {
  server->Handle("GET", kJobsPath, InTurn(&StatusApi::Jobs));
  server->Handle("GET", absl::StrCat(kJobsPath, "/*"), InTurn(&StatusApi::Job));
  server->Handle("POST", absl::StrCat(kJobsPath, "/*"), InTurn(&StatusApi::Change));
  server->Handle("GET", "/api/workers", InTurn(&StatusApi::Workers));
}

HttpHandler StatusApi::InTurn(Answerer answer) {
  return [this, answer](const HttpRequest& request) -> HttpResponse {
    const absl::Cleanup turn = [this] { --in_turn_; };
    if (++in_turn_ > kMostInTurn) return Error(Busy());
    return (this->*answer)(request);
  };
}

template <typename Answer>
absl::StatusOr<Answer> StatusApi::Ask(std::function<absl::StatusOr<Answer>(Coordinator&, absl::Time)> question) {
  auto promise = std::make_shared<std::promise<absl::StatusOr<Answer>>>();  // outlives a wait that is given up
  std::future<absl::StatusOr<Answer>> answer = promise->get_future();
  loop_.Post([promise, question = std::move(question)](Coordinator& coordinator, absl::Time now) {
    promise->set_value(question(coordinator, now));
  });
  if (answer.wait_for(kPatience) != std::future_status::ready) return Busy();
  return answer.get();
}

HttpResponse StatusApi::Jobs(const HttpRequest& request) {
  absl::StatusOr<v1::ListJobsResponse> list =
      Ask<v1::ListJobsResponse>([](Coordinator& coordinator, absl::Time now) { return coordinator.List(now); });
  if (!list.ok()) return Error(list.status());
  v1::JobsView view = seedcast::ViewOf(*std::move(list));
  view.set_may_change(MayChange(request, gate_ != nullptr));
  view.set_version(SEEDCAST_VERSION);
  const std::shared_ptr<const CoordinatorFigures> figures = figures_.Get().figures;
  view.set_pending_pairs(figures->pending_pairs);
  view.set_leased_pairs(figures->leased_pairs);
  return Json(200, view);
}

HttpResponse StatusApi::Workers(const HttpRequest&) {
  absl::StatusOr<v1::WorkersView> view =
      Ask<v1::WorkersView>([](Coordinator& coordinator, absl::Time now) { return coordinator.Workers(now); });
  if (view.ok() && view->workers_size() > kMostWorkers) {
    view->set_left_out(view->workers_size() - kMostWorkers);
    view->mutable_workers()->DeleteSubrange(kMostWorkers, view->workers_size() - kMostWorkers);
  }
  return Respond(view);
}

HttpResponse StatusApi::Job(const HttpRequest& request) {
  return Respond(ViewOf(request.path.substr(sizeof kJobsPath), AfterOf(request.query)));
}

absl::StatusOr<v1::JobView> StatusApi::ViewOf(const std::string& job_id, int64_t after) {
  v1::JobView view;
  ASSIGN_OR_RETURN(*view.mutable_status(), Ask<v1::JobStatus>([job_id](Coordinator& coordinator, absl::Time now) {
    return coordinator.Get(job_id, now);
  }));
  ASSIGN_OR_RETURN(const std::vector<v1::GenerationMetrics> curve, curves_.Get(view.status(), after));
  view.mutable_generations()->Add(curve.begin(), curve.end());
  if (view.status().has_last()) *view.mutable_time() = TimeOf(view.status());
  return view;
}

// The engine's time, from opening a generation to its last result, is cut by how busy the slots were.
v1::GenerationTime StatusApi::TimeOf(const v1::JobStatus& status) const {
  const v1::GenerationMetrics& last = status.last();
  v1::GenerationTime time;
  time.set_generation(last.generation());
  time.set_evaluation_seconds(last.seconds() * (1 - last.idle_share()));
  time.set_lease_wait_seconds(last.seconds() * last.idle_share());
  time.set_update_seconds(std::numeric_limits<double>::quiet_NaN());
  time.set_store_seconds(time.update_seconds());
  for (const JobFigures& job : figures_.Get().figures->active_jobs) {
    if (job.job_id != status.job_id() || HasEnded(status.state())) continue;
    time.set_update_seconds(job.update_seconds);
    time.set_store_seconds(job.commit_seconds);
  }
  return time;
}

absl::Status StatusApi::CheckMayChange(const HttpRequest& request, absl::string_view method) {
  if (request.identity) return gate_->MayCall({UriOf(*request.identity)}, method);
  return CheckMayChangeInPlainText(request, /*tls=*/gate_ != nullptr);
}

HttpResponse StatusApi::Change(const HttpRequest& request) {
  const std::string rest = request.path.substr(sizeof kJobsPath);
  const size_t slash = rest.find('/');
  const JobChange* change = slash == std::string::npos ? nullptr : ChangeNamed(rest.substr(slash + 1));
  if (change == nullptr) return HttpError(404);
  absl::Status allowed = CheckMayChange(request, change->method);
  if (allowed.ok()) allowed = CheckSameOrigin(request);
  if (!allowed.ok()) return Error(allowed);
  return Respond(Ask<v1::JobStatus>([change, job_id = rest.substr(0, slash)](Coordinator& coordinator, absl::Time now) {
    return (coordinator.*change->make)(job_id, now);
  }));
}

}  // namespace seedcast
