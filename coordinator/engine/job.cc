#include "coordinator/engine/job.h"

#include <algorithm>

namespace seedcast::engine {

bool Generation::complete() const {
  return std::all_of(pairs.begin(), pairs.end(), [](const Work& work) { return work.table.complete(); }) &&
         (!validation || validation->table.complete());
}

int64_t Generation::failed() const {
  int64_t sum = 0;
  for (const Work& work : pairs) sum += work.failed + work.not_finite;
  return sum;
}

std::vector<Work*> Job::OpenWork() {
  std::vector<Work*> works;
  for (const auto& [id, work] : evaluations) works.push_back(work.get());
  if (state != v1::RUNNING || !open) return works;
  for (Work& work : open->pairs) works.push_back(&work);
  if (open->validation) works.push_back(&*open->validation);
  return works;
}

}  // namespace seedcast::engine
