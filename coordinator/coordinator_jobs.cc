// Coordinator: what users ask for.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/log.h"
#include "common/spec/field_checks.h"
#include "common/spec/resolve.h"
#include "common/spec/shape.h"
#include "common/status_macros.h"
#include "common/strategy/estimator.h"
#include "common/strategy/update.h"
#include "coordinator/coordinator_impl.h"

namespace seedcast {

namespace {

// Most memory that a worker's slot can be expected to have for one evaluation.
constexpr int64_t kMaxEvaluationBytes = int64_t{64} << 30;
// Noise values, two for each that an update draws: at 2 billion a second and core it draws for ten minutes.
constexpr int64_t kMaxNoise = int64_t{1} << 41;

// Of a generation's gradients, 4 GiB: all are kept while that of the first pair is missing.
constexpr int64_t kMaxGradientValues = int64_t{1} << 30;

absl::Status CheckGradients(const v1::JobSpec& spec, int64_t num_parameters) {
  const int64_t most = 2 * (kMaxGradientValues / num_parameters);
  const bool by_gradient = spec.strategy().estimator() == v1::Strategy::GRADIENT;
  if (!by_gradient || FitnessCount(spec) <= most) return absl::OkStatus();
  return BadField("strategy.population_size", absl::StrCat(spec.strategy().population_size()),
                  absl::StrCat("population_size * clusters <= ", most, " with estimator GRADIENT and ", num_parameters,
                               " parameters, for each pair sends so many values"));
}

absl::Status CheckUpdate(const v1::JobSpec& spec, int64_t num_parameters) {
  const int64_t population = spec.strategy().population_size();
  if (population <= kMaxNoise / num_parameters) return absl::OkStatus();
  return BadField("strategy.population_size", absl::StrCat(population),
                  absl::StrCat("population_size * num_parameters <= ", kMaxNoise, " with ", num_parameters,
                               " parameters, for each update draws half as much noise"));
}

absl::Status CheckEstimator(const v1::JobSpec& spec, const Task& task) {
  const v1::Strategy::Estimator asked = spec.strategy().estimator();
  if (task.Supports(asked)) return absl::OkStatus();
  std::vector<std::string> supported;
  for (int i = v1::Strategy::Estimator_MIN; i <= v1::Strategy::Estimator_MAX; ++i) {
    const auto estimator = static_cast<v1::Strategy::Estimator>(i);
    if (i != 0 && task.Supports(estimator)) supported.push_back(v1::Strategy::Estimator_Name(estimator));
  }
  return absl::InvalidArgumentError(absl::StrCat("strategy.estimator: ", v1::Strategy::Estimator_Name(asked),
                                                 ", expected one of ", absl::StrJoin(supported, ", "), " with task ",
                                                 TaskName(spec)));
}

}  // namespace

absl::StatusOr<JobRecord*> Coordinator::Impl::Find(const std::string& job_id) {
  const auto job = jobs_.find(job_id);
  if (job == jobs_.end()) return absl::NotFoundError(absl::StrCat("unknown job '", job_id, "'"));
  return &job->second;
}

const JobRecord* Coordinator::Impl::FindByKey(const std::string& idempotency_key) const {
  if (idempotency_key.empty()) return nullptr;
  for (const auto& [job_id, job] : jobs_) {
    if (job.row.idempotency_key == idempotency_key) return &job;
  }
  return nullptr;
}

// ---- New jobs.

absl::StatusOr<v1::JobStatus> Coordinator::Impl::Submit(const v1::SubmitJobRequest& request, absl::Time now) {
  if (const JobRecord* known = FindByKey(request.idempotency_key())) return StatusOf(*known, now);
  RETURN_IF_ERROR(CheckRoom());
  JobRow row;
  ASSIGN_OR_RETURN(row.spec, Resolve(request.spec()));
  row.spec.clear_first_generation();  // of the fork that the spec was copied from
  std::unique_ptr<Task> task;
  RETURN_IF_ERROR(Prepare(&row.spec, &task));
  row.idempotency_key = request.idempotency_key();
  State first = InitialState(row.spec.strategy(), task->InitialTheta());
  return Create(std::move(row), std::move(first), std::move(task), now);
}

absl::StatusOr<v1::JobStatus> Coordinator::Impl::Fork(const v1::ForkJobRequest& request, absl::Time now) {
  if (const JobRecord* known = FindByKey(request.idempotency_key())) return StatusOf(*known, now);
  RETURN_IF_ERROR(CheckRoom());
  ASSIGN_OR_RETURN(const JobRecord* parent, Find(request.job_id()));
  JobRow row;
  row.spec = parent->row.spec;
  if (request.has_overrides()) {
    ASSIGN_OR_RETURN(row.spec, Resolve(request.overrides()));
  }
  if (row.spec.generations() <= request.version()) {
    return absl::InvalidArgumentError(absl::StrCat("generations: ", row.spec.generations(),
                                                   ", expected more than the version forked at, ", request.version()));
  }
  row.spec.set_first_generation(CarriesState(row.spec) ? request.version() : 0);
  std::unique_ptr<Task> task;
  RETURN_IF_ERROR(Prepare(&row.spec, &task));
  ASSIGN_OR_RETURN(State state, StateAt(*parent, request.version()));
  if (task->num_parameters() != static_cast<int64_t>(state.theta.size())) {
    return absl::InvalidArgumentError(absl::StrCat("the task has ", task->num_parameters(),
                                                   " parameters, expected those of ", request.job_id(), ": ",
                                                   state.theta.size()));
  }
  // Another optimizer starts with an empty memory; the same one goes on with its own.
  if (row.spec.strategy().optimizer_case() != parent->row.spec.strategy().optimizer_case()) {
    state = InitialState(row.spec.strategy(), std::move(state.theta));
    state.version = request.version();
  }
  row.idempotency_key = request.idempotency_key();
  row.forked_from = absl::StrCat(request.job_id(), "@", request.version());
  return Create(std::move(row), std::move(state), std::move(task), now);
}

absl::Status Coordinator::Impl::CheckRoom() const {
  if (static_cast<int>(jobs_.size()) < options_.max_jobs) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("the store has ", jobs_.size(), " jobs, at most ", options_.max_jobs));
}

absl::Status Coordinator::Impl::Prepare(v1::JobSpec* spec, std::unique_ptr<Task>* task) {
  if (options_.prepare) RETURN_IF_ERROR(options_.prepare(spec));
  ASSIGN_OR_RETURN(*task, options_.make_task(*spec));
  RETURN_IF_ERROR(CheckEstimator(*spec, **task));
  RETURN_IF_ERROR(CheckUpdate(*spec, (*task)->num_parameters()));
  RETURN_IF_ERROR(CheckGradients(*spec, (*task)->num_parameters()));
  RETURN_IF_ERROR((*task)->CheckMemory(kMaxEvaluationBytes));
  if (spec->validation().every() > 0) RETURN_IF_ERROR((*task)->CheckEvaluation(spec->validation().episodes()));
  return absl::OkStatus();
}

absl::StatusOr<v1::JobStatus> Coordinator::Impl::Create(JobRow row, State first, std::unique_ptr<Task> task,
                                                        absl::Time now) {
  JobRecord job;
  row.first_version = first.version;
  row.first_digest = StateDigest(first);
  row.num_parameters = task->num_parameters();
  row.submitted_unix_seconds = absl::ToDoubleSeconds(now - absl::UnixEpoch());
  ASSIGN_OR_RETURN(row.job_id, store_.CreateJob(row, {first.version, row.first_digest, SerializeState(first)}));
  const std::string job_id = row.job_id;
  job.version = first.version;
  job.digest = row.first_digest;
  job.chain = ChainStart(row.spec, row.first_digest);
  job.num_parameters = task->num_parameters();
  job.dataset = task->Description();
  job.snapshots = {first.version};
  job.state = std::move(first);
  job.task = std::move(task);
  job.row = std::move(row);
  job.observed.active = now;
  order_.push_back(job_id);
  const JobRecord& added = jobs_.emplace(job_id, std::move(job)).first->second;
  LogInfo("job submitted", {{"job", job_id},
                            {"num_parameters", absl::StrCat(added.num_parameters)},
                            {"forked_from", added.row.forked_from}});
  AddToEngine(added, now);
  return StatusOf(added, now);
}

// ---- Changes of state.

absl::StatusOr<v1::JobStatus> Coordinator::Impl::Change(const std::string& job_id, v1::JobState to,
                                                        const std::set<v1::JobState>& allowed_from, absl::Time now) {
  ASSIGN_OR_RETURN(JobRecord * job, Find(job_id));
  if (job->row.state == to) return StatusOf(*job, now);
  if (!allowed_from.contains(job->row.state)) {
    return absl::FailedPreconditionError(absl::StrCat("job ", job_id, " is ", v1::JobState_Name(job->row.state),
                                                      ", it cannot become ", v1::JobState_Name(to)));
  }
  RETURN_IF_ERROR(store_.SetJobState(job_id, to, ""));
  job->row.state = to;
  LogInfo("job changed", {{"job", job_id}, {"state", v1::JobState_Name(to)}});
  return StatusOf(*job, now);
}

absl::StatusOr<v1::JobStatus> Coordinator::Impl::Pause(const std::string& job_id, absl::Time now) {
  RETURN_IF_ERROR(Change(job_id, v1::PAUSED, {v1::RUNNING}, now).status());
  Handle(engine::JobPaused{job_id}, now);
  Notify(job_id);
  return Get(job_id, now);
}

absl::StatusOr<v1::JobStatus> Coordinator::Impl::Resume(const std::string& job_id, absl::Time now) {
  RETURN_IF_ERROR(Change(job_id, v1::RUNNING, {v1::PAUSED}, now).status());
  Handle(engine::JobResumed{job_id}, now);
  Notify(job_id);
  return Get(job_id, now);
}

absl::StatusOr<v1::JobStatus> Coordinator::Impl::Cancel(const std::string& job_id, absl::Time now) {
  RETURN_IF_ERROR(Change(job_id, v1::CANCELLED, {v1::RUNNING, v1::PAUSED}, now).status());
  Handle(engine::JobCancelled{job_id}, now);
  PutAway(jobs_.at(job_id));
  Notify(job_id);
  return Get(job_id, now);
}

// ---- What is to be seen.

v1::JobStatus Coordinator::Impl::StatusOf(const JobRecord& job, absl::Time now) const {
  v1::JobStatus status = MakeStatus(job);
  const engine::Job* in_engine = engine_->FindJob(job.row.job_id);
  if (in_engine == nullptr || job.ended()) return status;
  status.set_workers(static_cast<int32_t>(in_engine->eligible_workers));
  status.set_slots(static_cast<int32_t>(in_engine->eligible_slots));
  status.set_numeric_class_note(engine_->Note(job.row.job_id, now));
  return status;
}

absl::StatusOr<v1::JobStatus> Coordinator::Impl::Get(const std::string& job_id, absl::Time now) {
  ASSIGN_OR_RETURN(JobRecord * job, Find(job_id));
  Describe(*job);
  return StatusOf(*job, now);
}

// Size and data set in words, once somebody asks; a job whose data is not to be had goes without. Data that is missing
// may yet come.
void Coordinator::Impl::Describe(JobRecord& job) {
  constexpr const char* kMissing = "(data set not here)";
  if (!job.dataset.empty() && job.dataset != kMissing) return;
  if (job.task == nullptr) {
    absl::StatusOr<std::unique_ptr<Task>> task = options_.make_task(job.row.spec);
    if (!task.ok()) {
      if (job.dataset.empty()) {
        LogWarning("task not to be had", {{"job", job.row.job_id}, {"error", task.status().ToString()}});
      }
      job.dataset = absl::IsNotFound(task.status()) ? kMissing : "(data set not to be had)";
      return;
    }
    job.task = *std::move(task);
  }
  job.num_parameters = job.task->num_parameters();
  job.dataset = job.task->Description();
}

v1::ListJobsResponse Coordinator::Impl::List(absl::Time now) {
  v1::ListJobsResponse response;
  for (const std::string& job_id : order_) *response.add_jobs() = StatusOf(jobs_.at(job_id), now);
  return response;
}

// A page, as long as this much of the log is read in a moment of the coordinator's thread; the answer is smaller. A
// generation needs the record behind it, too, which knows the norm of its estimate.
constexpr size_t kMaxHistoryBytes = size_t{4} << 20;

absl::StatusOr<v1::GetHistoryResponse> Coordinator::Impl::History(const v1::GetHistoryRequest& request) {
  ASSIGN_OR_RETURN(const JobRecord* job, Find(request.job_id()));
  v1::GetHistoryResponse response;
  const int64_t at_once = RecordsPerRead(job->row);
  int64_t from = request.from_generation();
  size_t bytes_read = 0;
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<v1::GenerationRecord> records,
                     store_.ReadLog(request.job_id(), from, std::numeric_limits<int64_t>::max(), at_once));
    if (records.empty()) break;
    for (const v1::GenerationRecord& record : records) {
      if (response.generations_size() > 0) {
        response.mutable_generations()->rbegin()->set_estimate_norm(record.previous_estimate_norm());
      }
      if (bytes_read >= kMaxHistoryBytes) {
        response.set_next_generation(record.generation());
        return response;
      }
      bytes_read += record.ByteSizeLong();
      *response.add_generations() = record.metrics();
    }
    from = records.back().generation() + 1;
  }
  if (response.generations_size() > 0 && !job->closed) {  // no record says it yet
    response.mutable_generations()->rbegin()->set_estimate_norm(job->last.estimate_norm());
  }
  return response;
}

absl::StatusOr<std::vector<v1::GenerationMetrics>> Coordinator::Impl::Metrics(const std::string& job_id,
                                                                              const std::vector<int64_t>& generations) {
  ASSIGN_OR_RETURN(const JobRecord* job, Find(job_id));
  std::vector<v1::GenerationMetrics> metrics;  // with the norms that History has
  for (const int64_t generation : generations) {
    ASSIGN_OR_RETURN(std::vector<v1::GenerationRecord> records,
                     store_.ReadLog(job_id, generation, generation + 2, /*limit=*/2));
    if (records.empty() || records[0].generation() != generation) continue;
    metrics.push_back(std::move(*records[0].mutable_metrics()));
    if (records.size() > 1) metrics.back().set_estimate_norm(records[1].previous_estimate_norm());
    if (records.size() == 1 && !job->closed) metrics.back().set_estimate_norm(job->last.estimate_norm());
  }
  return metrics;
}

absl::StatusOr<int64_t> Coordinator::Impl::Watch(const std::string& job_id, StatusWatcher watcher, absl::Time now) {
  ASSIGN_OR_RETURN(JobRecord * job, Find(job_id));
  Describe(*job);
  const v1::JobStatus status = StatusOf(*job, now);
  const int64_t watch_id = next_watch_id_++;
  if (!job->ended()) watches_[watch_id] = {job_id, watcher, status.numeric_class_note()};
  watcher(status);
  return watch_id;
}

void Coordinator::Impl::Notify(const std::string& job_id) {
  const JobRecord& job = jobs_.at(job_id);
  std::vector<int64_t> watching;
  for (const auto& [watch_id, watch] : watches_) {
    if (watch.job_id == job_id) watching.push_back(watch_id);
  }
  if (watching.empty()) return;
  const v1::JobStatus status = StatusOf(job, now_);
  for (const int64_t watch_id : watching) {
    const auto watch = watches_.find(watch_id);
    if (watch == watches_.end()) continue;  // an earlier watcher took it away
    watch->second.note = status.numeric_class_note();
    const StatusWatcher watcher = watch->second.watcher;
    if (job.ended()) watches_.erase(watch);
    watcher(status);
  }
}

void Coordinator::Impl::NotifyChangedNotes() {
  std::map<std::string, std::string> notes;  // by job: many may watch one
  std::set<std::string> changed;
  for (const auto& [watch_id, watch] : watches_) {
    const auto [note, first] = notes.try_emplace(watch.job_id);
    if (first) note->second = engine_->Note(watch.job_id, now_);
    if (note->second != watch.note) changed.insert(watch.job_id);
  }
  for (const std::string& job_id : changed) Notify(job_id);
}

// ---- Evaluations.

absl::StatusOr<int64_t> Coordinator::Impl::Evaluate(const v1::EvaluateJobRequest& request, EvaluationWatcher watcher,
                                                    absl::Time now) {
  ASSIGN_OR_RETURN(JobRecord * job, Find(request.job_id()));
  ASSIGN_OR_RETURN(const v1::EvaluationSpec spec, Resolve(request.spec(), "evaluation"));
  if (job->task == nullptr) {
    ASSIGN_OR_RETURN(job->task, options_.make_task(job->row.spec));
  }
  RETURN_IF_ERROR(job->task->CheckEvaluation(spec));
  const int64_t version = request.has_version() ? request.version() : (job->best ? job->best->version() : job->version);
  ASSIGN_OR_RETURN(const Digest digest, DigestAt(*job, version));
  const int64_t evaluation_id = next_evaluation_id_++;
  evaluations_[evaluation_id] = {request.job_id(), version, spec, std::move(watcher), {}};
  Handle(engine::EvaluationRequested{evaluation_id, request.job_id(), version, ToHex(digest), spec}, now);
  return evaluation_id;
}

void Coordinator::Impl::CancelEvaluation(int64_t evaluation_id, absl::Time now) {
  if (evaluations_.erase(evaluation_id) > 0) Handle(engine::EvaluationCancelled{evaluation_id}, now);
}

void Coordinator::Impl::Do(const engine::EvaluationProgressed& action) {
  const auto evaluation = evaluations_.find(action.evaluation_id);
  if (evaluation == evaluations_.end()) return;
  v1::EvaluateJobProgress& progress = evaluation->second.progress;
  progress.set_episodes_done(static_cast<int32_t>(action.episodes_done));
  progress.clear_note();
  if (action.episodes_done < evaluation->second.spec.episodes()) evaluation->second.watcher(progress);
}

void Coordinator::Impl::NotifyWaitingEvaluations() {
  for (auto& [evaluation_id, evaluation] : evaluations_) {
    std::string note = engine_->EvaluationNote(evaluation.job_id, now_);
    if (note == evaluation.progress.note()) continue;
    evaluation.progress.set_note(std::move(note));
    evaluation.watcher(evaluation.progress);
  }
}

void Coordinator::Impl::Do(const engine::EvaluationDone& action) {
  const auto found = evaluations_.find(action.evaluation_id);
  if (found == evaluations_.end()) return;
  const Evaluation evaluation = std::move(found->second);
  evaluations_.erase(found);
  if (action.results.failed > 0) {
    evaluation.watcher(absl::InternalError(absl::StrCat(action.results.failed, " of ", evaluation.spec.episodes(),
                                                        " episodes failed: ", action.results.last_error)));
    return;
  }
  v1::EvaluateJobProgress progress;
  progress.set_episodes_done(evaluation.spec.episodes());
  *progress.mutable_result() = Summarise(action.results, evaluation.spec, evaluation.version);
  evaluation.watcher(progress);
}

// ---- Parameters.

absl::StatusOr<State> Coordinator::Impl::StateAt(const JobRecord& job, int64_t version) {
  if (version < job.row.first_version || version > job.version) {
    return absl::InvalidArgumentError(
        absl::StrCat("version: ", version, ", expected ", job.row.first_version, " .. ", job.version));
  }
  if (job.state && version == job.version) return *job.state;
  return Timed(&figures_.replay, nullptr,
               [&] { return RebuildState(store_, job.row, version, options_.update_threads); });
}

absl::StatusOr<Digest> Coordinator::Impl::DigestAt(const JobRecord& job, int64_t version) {
  if (version == job.version && job.digest != Digest{}) return job.digest;
  if (version < job.row.first_version || version > job.version) {
    return absl::InvalidArgumentError(
        absl::StrCat("version: ", version, ", expected ", job.row.first_version, " .. ", job.version));
  }
  ASSIGN_OR_RETURN(const std::vector<v1::GenerationRecord> records,
                   store_.ReadLog(job.row.job_id, version, version + 1, 1));
  Digest digest{};
  if (records.empty() || !FromBytes(records[0].state_digest(), &digest)) {
    return absl::DataLossError(absl::StrCat("job ", job.row.job_id, ": no generation ", version, " in the log"));
  }
  return digest;
}

absl::StatusOr<std::vector<v1::GenerationRecord>> Coordinator::Impl::Log(const v1::GetLogRequest& request,
                                                                         int64_t limit) {
  RETURN_IF_ERROR(Find(request.job_id()).status());
  const int64_t to = request.to_generation() == 0 ? std::numeric_limits<int64_t>::max() : request.to_generation();
  return store_.ReadLog(request.job_id(), request.from_generation(), to, limit);
}

absl::StatusOr<Coordinator::SharedSnapshot> Coordinator::Impl::ReadSnapshot(const v1::GetSnapshotRequest& request) {
  ASSIGN_OR_RETURN(JobRecord * job, Find(request.job_id()));
  if (job->state && job->version <= request.at_or_below_version()) {
    std::shared_ptr<const std::string> bytes = job->serialized.lock();
    if (bytes == nullptr) bytes = std::make_shared<const std::string>(SerializeState(*job->state));
    job->serialized = bytes;
    return SharedSnapshot{job->version, job->digest, std::move(bytes)};
  }
  ASSIGN_OR_RETURN(Snapshot stored, store_.ReadSnapshot(request.job_id(), request.at_or_below_version()));
  return SharedSnapshot{stored.version, stored.digest, std::make_shared<const std::string>(std::move(stored.bytes))};
}

void Coordinator::Impl::CountBytes(const std::string& job_id, int64_t bytes) {
  const auto job = jobs_.find(job_id);
  if (job != jobs_.end()) job->second.bytes += bytes;
}

}  // namespace seedcast
