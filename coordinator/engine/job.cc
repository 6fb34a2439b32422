#include "coordinator/engine/job.h"

#include <vector>

namespace seedcast::engine {

std::vector<Work*> Job::OpenWork() {
  std::vector<Work*> works;
  for (const auto& [id, work] : evaluations) works.push_back(work.get());
  if (state != v1::RUNNING || !open) return works;
  if (open->pairs) works.push_back(&*open->pairs);
  if (open->validation) works.push_back(&*open->validation);
  return works;
}

Work* Job::PendingWork() {
  for (const auto& [id, work] : evaluations) {
    if (work->table.pending() > 0) return work.get();
  }
  if (state != v1::RUNNING || !open) return nullptr;
  if (open->pairs && open->pairs->table.pending() > 0) return &*open->pairs;
  if (open->validation && open->validation->table.pending() > 0) return &*open->validation;
  return nullptr;
}

}  // namespace seedcast::engine
