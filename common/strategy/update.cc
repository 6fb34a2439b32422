#include "common/strategy/update.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "absl/strings/str_format.h"
#include "common/strategy/optimizer.h"
#include "common/strategy/schedule.h"
#include "common/strategy/shaping.h"

namespace seedcast {
namespace {

// Parameters that are summed and stepped together: whole groups of both distributions, and small enough for the cache.
constexpr int64_t kBlock = 2048;

// Noise values that are worth a thread of their own (about a millisecond).
constexpr int64_t kValuesPerThread = int64_t{1} << 22;

absl::Status CheckFits(const v1::Strategy& strategy, absl::Span<const float> fitness, const State& state) {
  if (static_cast<int64_t>(fitness.size()) != strategy.population_size()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("update: %u fitness values, expected %d", fitness.size(), strategy.population_size()));
  }
  const size_t parameters = state.theta.size();
  const size_t second_moments = strategy.has_sgd() ? 0 : parameters;
  if (state.first_moment.size() == parameters && state.second_moment.size() == second_moments) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrFormat("update: state of %u parameters has %u first and %u second moments, expected %u and %u",
                      parameters, state.first_moment.size(), state.second_moment.size(), parameters, second_moments));
}

// One generation's update, block by block of parameters. Blocks do not depend on one another.
class BlockUpdate {
 public:
  BlockUpdate(const v1::JobSpec& spec, std::vector<int32_t> weights, State* state)
      : strategy_(spec.strategy()),
        distribution_(Distribution(strategy_)),
        key_{spec.seed(), static_cast<uint32_t>(state->version), 0},
        weights_(std::move(weights)),
        scale_(UnitScale(strategy_)),
        learning_rate_(LearningRateAt(spec, state->version)),
        state_(*state),
        squared_norms_((state->theta.size() + kBlock - 1) / kBlock) {}

  int64_t blocks() const { return static_cast<int64_t>(squared_norms_.size()); }

  void Run(int64_t first_block, int64_t end_block) {
    for (int64_t block = first_block; block < end_block; ++block) squared_norms_[block] = Step(block * kBlock);
  }

  // Summed in the order of blocks, whoever ran them.
  double Norm() const {
    double sum = 0;
    for (const double squared : squared_norms_) sum += squared;
    return std::sqrt(sum);
  }

 private:
  // Popcount noise has standard deviation 2.
  static float UnitScale(const v1::Strategy& strategy) {
    const double scale = EstimateScale(strategy.shaping(), strategy.population_size());
    return static_cast<float>(strategy.noise() == v1::Strategy::SIGN ? scale : scale / 2);
  }

  // Returns the squared norm of this block's estimate.
  double Step(int64_t first) {
    const int64_t count = std::min<int64_t>(kBlock, static_cast<int64_t>(state_.theta.size()) - first);
    int64_t sum[kBlock] = {};
    AccumulatePairs(distribution_, key_, weights_, first, absl::MakeSpan(sum, count));
    float estimate[kBlock];
    double squared_norm = 0;
    for (int64_t i = 0; i < count; ++i) {
      estimate[i] = static_cast<float>(sum[i]) * scale_;
      squared_norm += double{estimate[i]} * double{estimate[i]};
    }
    OptimizerStep(strategy_, learning_rate_, absl::MakeConstSpan(estimate, count), first, &state_);
    return squared_norm;
  }

  const v1::Strategy& strategy_;
  const NoiseDistribution distribution_;
  const NoiseKey key_;
  const std::vector<int32_t> weights_;
  const float scale_;
  const double learning_rate_;
  State& state_;
  std::vector<double> squared_norms_;  // (blocks)
};

// Each thread takes a contiguous share of the blocks; the caller's thread takes the first one.
void RunOnThreads(int threads, BlockUpdate* update) {
  const auto share = [&](int thread) { return update->blocks() * thread / threads; };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back([&, i] { update->Run(share(i), share(i + 1)); });
  update->Run(share(0), share(1));
  for (std::thread& thread : others) thread.join();
}

}  // namespace

absl::StatusOr<UpdateReport> Update(const v1::JobSpec& spec, absl::Span<const float> fitness, int threads,
                                    State* state) {
  const v1::Strategy& strategy = spec.strategy();
  if (absl::Status status = CheckFits(strategy, fitness, *state); !status.ok()) return status;
  const int64_t values = static_cast<int64_t>(state->theta.size()) * strategy.population_size() / 2;
  const int64_t useful_threads = std::clamp<int64_t>(threads, 1, 1 + values / kValuesPerThread);

  BlockUpdate update(spec, PairWeights(strategy.shaping(), fitness), state);
  RunOnThreads(static_cast<int>(useful_threads), &update);
  const UpdateReport report = {update.Norm(), LearningRateAt(spec, state->version), SigmaAt(spec, state->version)};
  ++state->version;
  return report;
}

NoiseDistribution Distribution(const v1::Strategy& strategy) {
  return strategy.noise() == v1::Strategy::SIGN ? NoiseDistribution::kSign : NoiseDistribution::kPopcount;
}

double SigmaAt(const v1::JobSpec& spec, int64_t generation) {
  return ValueAt(spec.strategy().sigma(), generation, spec.generations());
}

double LearningRateAt(const v1::JobSpec& spec, int64_t generation) {
  return ValueAt(spec.strategy().learning_rate(), generation, spec.generations());
}

}  // namespace seedcast
