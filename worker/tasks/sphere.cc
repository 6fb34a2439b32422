// Noise and failures on purpose are functions of (seed, generation, pair, the first elements of theta), so every worker
// that evaluates a member sees the same.
#include "worker/tasks/sphere.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/noise/noise.h"
#include "common/noise/philox.h"

namespace seedcast {
namespace {

constexpr uint32_t kDomain = static_cast<uint32_t>(NoiseDomain::kTask);

std::vector<float> TargetOf(uint64_t seed, int dimension) {
  PhiloxStream stream(seed, 0, 0, kDomain);
  std::vector<float> target(dimension);
  for (float& value : target) value = 2 * stream.Uniform() - 1;
  return target;
}

// Tells the members of a pair apart: FNV-1a over the bits of the first eight elements.
uint64_t HashOf(absl::Span<const float> theta) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const float value : theta.first(std::min<size_t>(theta.size(), 8))) {
    hash = (hash ^ std::bit_cast<uint32_t>(value)) * 0x100000001b3;
  }
  return hash;
}

// Close to a standard normal: (number of ones in 128 random bits - 64) / sqrt(32).
double StandardNoise(PhiloxStream& stream) {
  int ones = 0;
  for (int i = 0; i < 4; ++i) ones += std::popcount(stream.Next());
  return (ones - 64) / std::sqrt(32.0);
}

class SphereEvaluator : public Evaluator {
 public:
  SphereEvaluator(uint64_t seed, const v1::SphereTask& spec)
      : seed_(seed), spec_(spec), target_(TargetOf(seed, spec.dimension())) {}

  absl::StatusOr<float> Evaluate(absl::Span<const float> theta, const EpisodeKey& key) override {
    if (theta.size() != target_.size()) return WrongSize(theta.size());
    // Substream 0 of the unhashed seed is the target's; generations start at 1 here.
    PhiloxStream stream(seed_ ^ HashOf(theta), static_cast<uint32_t>(key.pair),
                        static_cast<uint32_t>(key.generation) + 1, kDomain);
    if (stream.Uniform() < spec_.failure_rate()) {
      return absl::InternalError("failed on purpose (sphere.failure_rate)");
    }
    if (stream.Uniform() < spec_.not_finite_rate()) return std::numeric_limits<float>::quiet_NaN();
    return static_cast<float>(Value(theta) + spec_.fitness_noise() * StandardNoise(stream));
  }

  absl::StatusOr<EpisodeMetrics> Measure(absl::Span<const float> theta, const v1::EvaluationSpec&, int32_t) override {
    if (theta.size() != target_.size()) return WrongSize(theta.size());
    return EpisodeMetrics{static_cast<float>(Value(theta)), std::numeric_limits<float>::quiet_NaN()};
  }

  int64_t ScratchBytes() const override { return static_cast<int64_t>(sizeof(float) * target_.size()); }

 private:
  // Summed in double, in order of index.
  double Value(absl::Span<const float> theta) const {
    double sum = 0;
    for (size_t i = 0; i < theta.size(); ++i) {
      const double difference = static_cast<double>(theta[i]) - target_[i];
      sum += difference * difference;
    }
    return -sum / static_cast<double>(theta.size());
  }

  absl::Status WrongSize(size_t size) const {
    return absl::InvalidArgumentError(absl::StrFormat("theta has %d parameters, expected %d", size, target_.size()));
  }

  const uint64_t seed_;
  const v1::SphereTask spec_;
  const std::vector<float> target_;  // (dimension), in (-1, 1)
};

class SphereTask : public Task {
 public:
  explicit SphereTask(const v1::JobSpec& spec) : seed_(spec.seed()), spec_(spec.sphere()) {}

  int64_t num_parameters() const override { return spec_.dimension(); }
  std::vector<float> InitialTheta() const override { return std::vector<float>(spec_.dimension()); }
  std::unique_ptr<Evaluator> NewEvaluator() const override { return std::make_unique<SphereEvaluator>(seed_, spec_); }
  absl::Status CheckEvaluation(const v1::EvaluationSpec&) const override { return absl::OkStatus(); }
  std::string Description() const override { return absl::StrFormat("sphere, dimension %d", spec_.dimension()); }

 private:
  const uint64_t seed_;
  const v1::SphereTask spec_;
};

}  // namespace

std::unique_ptr<Task> MakeSphereTask(const v1::JobSpec& spec) { return std::make_unique<SphereTask>(spec); }

}  // namespace seedcast
