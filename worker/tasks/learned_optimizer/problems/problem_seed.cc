#include "worker/tasks/learned_optimizer/problems/problem_seed.h"

#include <algorithm>

#include "common/noise/noise.h"
#include "worker/tasks/learned_optimizer/problems/lanes.h"

namespace seedcast {
namespace {

constexpr uint32_t kKeyBlock = 0xFFFFFFFF;

}  // namespace

ProblemSeed::ProblemSeed(uint64_t seed, uint32_t stream, uint32_t substream)
    : ProblemSeed(Philox({kKeyBlock, stream, substream, static_cast<uint32_t>(NoiseDomain::kTask)}, seed)) {}

ProblemSeed ProblemSeed::Part(int index) const {
  return ProblemSeed(Philox({kKeyBlock, static_cast<uint32_t>(index), 0, static_cast<uint32_t>(Purpose::kPart)}, key_));
}

void FillNormals(PhiloxStream& random, absl::Span<float> values) {
  for (size_t first = 0; first < values.size(); first += 2 * kLanes) {
    float uniform[2 * kLanes];
    for (float& u : uniform) u = random.Uniform();
    const Lanes radius = Sqrt(Lanes(-2.0f) * LogOfNormal(Lanes::Load(uniform)));
    const Direction direction = DirectionOfTurn(Lanes::Load(uniform + kLanes));
    float normal[2 * kLanes];
    (radius * direction.cosine).Store(normal);
    (radius * direction.sine).Store(normal + kLanes);
    const size_t count = std::min<size_t>(2 * kLanes, values.size() - first);
    std::copy_n(normal, count, &values[first]);
  }
}

void FillUniform(PhiloxStream& random, float low, float high, absl::Span<float> values) {
  for (float& value : values) value = low + (high - low) * random.Uniform();
}

}  // namespace seedcast
