#include "coordinator/engine/worker_table.h"

#include <algorithm>

#include "coordinator/engine/check.h"
#include "coordinator/schedule/lease_size.h"

namespace seedcast::engine {

double Worker::SecondsPerUnit(const Work& work) const {
  const auto record = records.find(work.job->job_id);
  if (record == records.end()) return 0;
  const auto rate = record->second.seconds_per_unit.find({work.kind, work.cluster});
  return rate == record->second.seconds_per_unit.end() ? 0 : rate->second;
}

void Worker::RecordRate(const Work& work, double seconds, int64_t units) {
  Record& record = records[work.job->job_id];
  record.failures_in_a_row = 0;
  double& rate = record.seconds_per_unit[{work.kind, work.cluster}];
  rate = SmoothedSecondsPerUnit(rate, seconds, units);
}

void Worker::RecordFailure(const std::string& job_id, absl::Time now) {
  Record& record = records[job_id];
  record.retry_at = now + absl::Seconds(1 << std::min(record.failures_in_a_row, 5));
  ++record.failures_in_a_row;
}

bool Worker::InBackoff(const std::string& job_id, absl::Time now) const {
  const auto record = records.find(job_id);
  return record != records.end() && now < record->second.retry_at;
}

bool CanServe(const Worker& worker, const Job& job) {
  const auto proof = worker.proofs.find(job.plan.numeric_class);
  if (proof == worker.proofs.end()) return false;
  if (!job.proof.empty() && job.proof != proof->second) return false;
  return worker.tasks.contains(job.plan.task);
}

Worker& WorkerTable::Add(const WorkerJoined& joined, absl::Time now) {
  const auto [worker, added] = workers_.try_emplace(joined.worker_id);
  SEEDCAST_CHECK(added, "a worker is removed before another takes its place");
  worker->second.worker_id = joined.worker_id;
  worker->second.number =
      numbers_.try_emplace(joined.worker_id, static_cast<int32_t>(numbers_.size()) + 1).first->second;
  by_number_[worker->second.number] = &worker->second;
  worker->second.slots = joined.slots;
  worker->second.proofs = joined.proofs;
  worker->second.tasks = {joined.tasks.begin(), joined.tasks.end()};
  worker->second.last_seen = now;
  return worker->second;
}

void WorkerTable::Remove(const std::string& worker_id) {
  const auto worker = workers_.find(worker_id);
  by_number_.erase(worker->second.number);
  workers_.erase(worker);
}

const Worker* WorkerTable::FindByNumber(int32_t number) const {
  const auto found = by_number_.find(number);
  return found == by_number_.end() ? nullptr : found->second;
}

Worker* WorkerTable::Find(const std::string& worker_id) {
  const auto found = workers_.find(worker_id);
  return found == workers_.end() ? nullptr : &found->second;
}

}  // namespace seedcast::engine
