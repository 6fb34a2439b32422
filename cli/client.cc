#include "cli/client.h"

#include <grpcpp/client_context.h>

#include <optional>
#include <random>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "cli/interrupt.h"
#include "common/digest.h"
#include "common/status_macros.h"
#include "worker/runtime/assemblers.h"

namespace seedcast {
namespace {

constexpr absl::Duration kCallDeadline = absl::Seconds(30);
constexpr absl::Duration kSubmitDeadline = absl::Minutes(30);  // the coordinator may download its data first
constexpr absl::Duration kReconnect = absl::Seconds(60);       // how long a watch waits for a coordinator to come back
constexpr int64_t kMaxBytes = int64_t{1} << 31;                // of a snapshot or artifact

// So that a submission which arrives twice makes one job.
std::string RandomKey() {
  std::random_device random;
  return absl::StrFormat("%08x%08x%08x%08x", random(), random(), random(), random());
}

}  // namespace

Client::Client(std::shared_ptr<grpc::Channel> channel, std::string name)
    : channel_(std::move(channel)),
      name_(std::move(name)),
      jobs_(v1::JobService::NewStub(channel_)),
      parameters_(v1::ParameterService::NewStub(channel_)) {}

void Client::EndCalls() { CancelOnInterrupt::CancelCalls(&ended_); }

absl::Status Client::Convert(const grpc::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());  // the two enums have the same numbers
  if (code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kDeadlineExceeded) {
    return absl::Status(code, absl::StrCat(name_, " cannot be reached: ", status.error_message()));
  }
  if (code == absl::StatusCode::kUnimplemented) {
    return absl::UnimplementedError(
        absl::StrCat(name_, " does not speak this version's protocol: ", status.error_message()));
  }
  return absl::Status(code, status.error_message());
}

template <typename Response, typename Method, typename Request>
absl::StatusOr<Response> Client::Call(Method method, const Request& request, absl::Duration deadline,
                                      OnInterrupt on_interrupt) {
  grpc::ClientContext context;
  std::optional<CancelOnInterrupt> cancel;
  if (on_interrupt == OnInterrupt::kCancel) cancel.emplace(&context, &ended_);
  context.set_wait_for_ready(true);
  context.set_deadline(absl::ToChronoTime(absl::Now() + deadline));
  Response response;
  RETURN_IF_ERROR(Convert((jobs_.get()->*method)(&context, request, &response)));
  return response;
}

absl::StatusOr<v1::JobStatus> Client::ById(grpc::Status (v1::JobService::Stub::*method)(grpc::ClientContext*,
                                                                                        const v1::JobRequest&,
                                                                                        v1::JobStatus*),
                                           const std::string& job_id) {
  v1::JobRequest request;
  request.set_job_id(job_id);
  return Call<v1::JobStatus>(method, request, kCallDeadline);
}

absl::StatusOr<v1::JobStatus> Client::Submit(const v1::JobSpec& spec) {
  v1::SubmitJobRequest request;
  *request.mutable_spec() = spec;
  request.set_idempotency_key(RandomKey());
  return Call<v1::JobStatus>(&v1::JobService::Stub::SubmitJob, request, kSubmitDeadline, OnInterrupt::kCancel);
}

absl::StatusOr<v1::JobStatus> Client::Fork(const std::string& job_id, int64_t version, const v1::JobSpec& spec) {
  v1::ForkJobRequest request;
  request.set_job_id(job_id);
  request.set_version(version);
  *request.mutable_overrides() = spec;
  request.set_idempotency_key(RandomKey());
  return Call<v1::JobStatus>(&v1::JobService::Stub::ForkJob, request, kSubmitDeadline, OnInterrupt::kCancel);
}

absl::StatusOr<v1::JobStatus> Client::Get(const std::string& job_id) {
  return ById(&v1::JobService::Stub::GetJob, job_id);
}
absl::StatusOr<v1::JobStatus> Client::Pause(const std::string& job_id) {
  return ById(&v1::JobService::Stub::PauseJob, job_id);
}
absl::StatusOr<v1::JobStatus> Client::Resume(const std::string& job_id) {
  return ById(&v1::JobService::Stub::ResumeJob, job_id);
}
absl::StatusOr<v1::JobStatus> Client::Cancel(const std::string& job_id) {
  return ById(&v1::JobService::Stub::CancelJob, job_id);
}

absl::StatusOr<v1::ListJobsResponse> Client::List() {
  return Call<v1::ListJobsResponse>(&v1::JobService::Stub::ListJobs, v1::ListJobsRequest(), kCallDeadline);
}

absl::StatusOr<v1::GetHistoryResponse> Client::History(const std::string& job_id) {
  v1::GetHistoryRequest request;
  request.set_job_id(job_id);
  v1::GetHistoryResponse history;
  while (true) {
    ASSIGN_OR_RETURN(v1::GetHistoryResponse page,
                     Call<v1::GetHistoryResponse>(&v1::JobService::Stub::GetHistory, request, kCallDeadline));
    history.mutable_generations()->MergeFrom(page.generations());
    if (!page.has_next_generation()) return history;
    if (page.next_generation() <= request.from_generation()) {
      return absl::InternalError(
          absl::StrCat(name_, " sent the history from ", request.from_generation(), " on without getting beyond it"));
    }
    if (Interrupted()) return absl::CancelledError("interrupted");
    request.set_from_generation(page.next_generation());
  }
}

absl::Status Client::WatchOnce(const std::string& job_id, const std::function<void(const v1::JobStatus&)>& on_status,
                               v1::JobStatus* last) {
  grpc::ClientContext context;
  const CancelOnInterrupt cancel(&context, &ended_);
  v1::JobRequest request;
  request.set_job_id(job_id);
  const auto stream = jobs_->WatchJob(&context, request);
  while (stream->Read(last)) on_status(*last);
  return Convert(stream->Finish());
}

absl::StatusOr<v1::JobStatus> Client::Watch(const std::string& job_id,
                                            const std::function<void(const v1::JobStatus&)>& on_status) {
  v1::JobStatus last;
  while (true) {
    const absl::Status status = WatchOnce(job_id, on_status, &last);
    if (status.ok()) return last;
    const bool was_connected = !last.job_id().empty();
    if (!absl::IsUnavailable(status) || !was_connected) return status;
    if (!channel_->WaitForConnected(absl::ToChronoTime(absl::Now() + kReconnect)) || Interrupted()) return status;
  }
}

absl::StatusOr<v1::EvaluationResult> Client::Evaluate(
    const v1::EvaluateJobRequest& request, const std::function<void(const v1::EvaluateJobProgress&)>& on_progress) {
  grpc::ClientContext context;
  const CancelOnInterrupt cancel(&context, &ended_);
  const auto stream = jobs_->EvaluateJob(&context, request);
  v1::EvaluateJobProgress progress;
  while (stream->Read(&progress)) on_progress(progress);
  RETURN_IF_ERROR(Convert(stream->Finish()));
  if (!progress.has_result()) return absl::InternalError(absl::StrCat(name_, " ended an evaluation without a result"));
  return progress.result();
}

absl::StatusOr<State> Client::ReadSnapshot(const std::string& job_id, int64_t at_or_below) {
  grpc::ClientContext context;
  const CancelOnInterrupt cancel(&context, &ended_);
  v1::GetSnapshotRequest request;
  request.set_job_id(job_id);
  request.set_at_or_below_version(at_or_below);
  const auto stream = parameters_->GetSnapshot(&context, request);
  BytesAssembler<v1::SnapshotChunk> pieces(kMaxBytes);
  v1::SnapshotChunk chunk;
  std::string digest;
  while (stream->Read(&chunk)) {
    if (digest.empty()) digest = chunk.digest();
    RETURN_IF_ERROR(pieces.Add(std::move(chunk)));
  }
  RETURN_IF_ERROR(Convert(stream->Finish()));
  ASSIGN_OR_RETURN(const std::string bytes, pieces.Finish());
  ASSIGN_OR_RETURN(State state, ParseState(bytes));
  if (ToBytes(StateDigest(state)) != digest) {
    return absl::DataLossError(absl::StrCat("snapshot of version ", state.version, ": digest ",
                                            ToHex(StateDigest(state)), ", expected ", absl::BytesToHexString(digest)));
  }
  return state;
}

absl::Status Client::ReadLog(const std::string& job_id, int64_t from, int64_t to,
                             const std::function<absl::Status(const v1::GenerationRecord&)>& on_record) {
  grpc::ClientContext context;
  const CancelOnInterrupt cancel(&context, &ended_);
  v1::GetLogRequest request;
  request.set_job_id(job_id);
  request.set_from_generation(from);
  request.set_to_generation(to);
  const auto stream = parameters_->GetLog(&context, request);
  v1::GenerationRecord record;
  while (stream->Read(&record)) RETURN_IF_ERROR(on_record(record));  // leaving early cancels the stream
  return Convert(stream->Finish());
}

absl::StatusOr<std::string> Client::ReadArtifact(const std::string& digest) {
  grpc::ClientContext context;
  const CancelOnInterrupt cancel(&context, &ended_);
  v1::GetArtifactRequest request;
  request.set_digest(digest);
  const auto stream = parameters_->GetArtifact(&context, request);
  ArtifactAssembler pieces(digest, kMaxBytes);
  v1::ArtifactChunk chunk;
  while (stream->Read(&chunk)) RETURN_IF_ERROR(pieces.Add(std::move(chunk)));
  RETURN_IF_ERROR(Convert(stream->Finish()));
  return pieces.Finish();
}

}  // namespace seedcast
