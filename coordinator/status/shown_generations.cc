#include "coordinator/status/shown_generations.h"

#include <set>

namespace seedcast {
namespace {

// The smallest step * 2^k of which at most kMostShown multiples are below `end`.
int64_t Stride(int64_t step, int64_t end) {
  while (end > step * kMostShown) step *= 2;
  return step;
}

}  // namespace

std::vector<int64_t> ShownGenerations(const v1::JobSpec& spec, int64_t version) {
  std::set<int64_t> shown;
  const int64_t stride = Stride(1, version);
  for (int64_t generation = 0; generation < version; generation += stride) shown.insert(generation);
  if (const int64_t every = spec.validation().every(); every > 0) {
    const int64_t validations = Stride(every, version);
    for (int64_t generation = 0; generation < version; generation += validations) shown.insert(generation);
  }
  if (version == spec.generations()) shown.insert(version);
  return {shown.begin(), shown.end()};
}

}  // namespace seedcast
