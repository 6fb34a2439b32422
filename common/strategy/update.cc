#include "common/strategy/update.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "absl/strings/str_format.h"
#include "common/status_macros.h"
#include "common/strategy/estimate.h"
#include "common/strategy/estimator.h"
#include "common/strategy/optimizer.h"
#include "common/strategy/schedule.h"

namespace seedcast {
namespace {

// Noise values that are worth a thread of their own (about a millisecond).
constexpr int64_t kValuesPerThread = int64_t{1} << 22;

absl::Status CheckSize(const char* what, size_t size, int64_t expected) {
  if (static_cast<int64_t>(size) == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat("update: %u %s values, expected %d", size, what, expected));
}

absl::Status CheckFits(const v1::JobSpec& spec, const Outcome& outcome, const State& state) {
  const size_t parameters = state.theta.size();
  const bool by_gradient = spec.strategy().estimator() == v1::Strategy::GRADIENT;
  RETURN_IF_ERROR(CheckSize("fitness", outcome.fitness.size(), FitnessCount(spec)));
  RETURN_IF_ERROR(CheckSize("gradient", outcome.gradient.size(), by_gradient ? static_cast<int64_t>(parameters) : 0));
  const size_t second_moments = spec.strategy().has_sgd() ? 0 : parameters;
  if (state.first_moment.size() == parameters && state.second_moment.size() == second_moments) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrFormat("update: state of %u parameters has %u first and %u second moments, expected %u and %u",
                      parameters, state.first_moment.size(), state.second_moment.size(), parameters, second_moments));
}

// One generation's update, block by block of parameters. Blocks do not depend on one another.
class BlockUpdate {
 public:
  BlockUpdate(const v1::JobSpec& spec, const Estimate& estimate, State* state)
      : strategy_(spec.strategy()),
        estimate_(estimate),
        learning_rate_(LearningRateAt(spec, state->version)),
        state_(*state),
        squared_norms_((state->theta.size() + Estimate::kBlock - 1) / Estimate::kBlock) {}

  int64_t blocks() const { return static_cast<int64_t>(squared_norms_.size()); }

  void Run(int64_t first_block, int64_t end_block) {
    for (int64_t block = first_block; block < end_block; ++block) {
      squared_norms_[block] = Step(block * Estimate::kBlock);
    }
  }

  // Summed in the order of blocks, whoever ran them.
  double Norm() const {
    double sum = 0;
    for (const double squared : squared_norms_) sum += squared;
    return std::sqrt(sum);
  }

 private:
  // Returns the squared norm of this block's estimate.
  double Step(int64_t first) {
    float values[Estimate::kBlock];
    const int64_t count = std::min(Estimate::kBlock, static_cast<int64_t>(state_.theta.size()) - first);
    const absl::Span<float> g = absl::MakeSpan(values, count);
    estimate_.At(first, g);
    double squared_norm = 0;
    for (const float value : g) squared_norm += double{value} * double{value};
    OptimizerStep(strategy_, learning_rate_, g, first, &state_);
    return squared_norm;
  }

  const v1::Strategy& strategy_;
  const Estimate& estimate_;
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

absl::StatusOr<UpdateReport> Update(const v1::JobSpec& spec, const Outcome& outcome, int threads, State* state) {
  RETURN_IF_ERROR(CheckFits(spec, outcome, *state));
  const Estimate estimate(spec, state->version, outcome);
  const int64_t values = static_cast<int64_t>(state->theta.size()) * estimate.noises();
  const int64_t useful_threads = std::clamp<int64_t>(threads, 1, 1 + values / kValuesPerThread);

  BlockUpdate update(spec, estimate, state);
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
