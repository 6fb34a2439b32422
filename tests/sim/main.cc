// seedcast_sim --seeds A..B: runs these seeds of the simulation, one after another. Exit code 1 at the first that
// fails, with the command that repeats it.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include "common/log.h"
#include "tests/sim/simulation.h"

namespace {

bool ParseSeeds(const char* text, uint64_t* first, uint64_t* last) {
  unsigned long long a = 0, b = 0;
  const int fields = std::sscanf(text, "%llu..%llu", &a, &b);
  *first = a;
  *last = fields == 2 ? b : a;
  return fields >= 1 && *first <= *last;
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t first = 1, last = 300;
  seedcast::SetLogLevel(seedcast::LogLevel::kOff);
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--verbose") == 0) {
      seedcast::SetLogLevel(seedcast::LogLevel::kDebug);
    } else if (std::strcmp(argv[i], "--seeds") != 0 || i + 1 == argc || !ParseSeeds(argv[++i], &first, &last)) {
      std::fprintf(stderr, "usage: %s [--seeds A..B] [--verbose]\n", argv[0]);
      return 2;
    }
  }
  seedcast::sim::Simulation::Tally sum;
  for (uint64_t seed = first; seed <= last; ++seed) {
    seedcast::sim::Simulation simulation(seed);
    if (const std::string failure = simulation.Run(); !failure.empty()) {
      std::fprintf(stderr, "FAILED %s\nrepeat: %s --seeds %llu --verbose\n", failure.c_str(), argv[0],
                   static_cast<unsigned long long>(seed));
      return 1;
    }
    const auto& tally = simulation.tally();
    sum.restarts += tally.restarts;
    sum.broken_streams += tally.broken_streams;
    sum.crashes += tally.crashes;
    sum.freezes += tally.freezes;
    sum.doubled += tally.doubled;
    sum.evaluations_checked += tally.evaluations_checked;
    sum.forks += tally.forks;
    sum.carried_jobs += tally.carried_jobs;
    sum.clustered_jobs += tally.clustered_jobs;
    sum.rebuilt_generations += tally.rebuilt_generations;
  }
  std::printf(
      "%llu seeds passed: %lld coordinator restarts, %lld broken streams, %lld worker crashes, %lld freezes, "
      "%lld messages doubled, %lld evaluations checked, %lld forks; %lld jobs with carried state, %lld over clusters, "
      "%lld generations rebuilt\n",
      static_cast<unsigned long long>(last - first + 1), static_cast<long long>(sum.restarts),
      static_cast<long long>(sum.broken_streams), static_cast<long long>(sum.crashes),
      static_cast<long long>(sum.freezes), static_cast<long long>(sum.doubled),
      static_cast<long long>(sum.evaluations_checked), static_cast<long long>(sum.forks),
      static_cast<long long>(sum.carried_jobs), static_cast<long long>(sum.clustered_jobs),
      static_cast<long long>(sum.rebuilt_generations));
  return 0;
}
