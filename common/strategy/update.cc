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
  // `diagnostics` is null or has an estimate of num_parameters, which is overwritten by the new one.
  BlockUpdate(const v1::JobSpec& spec, const Estimate& estimate, State* state, UpdateDiagnostics* diagnostics)
      : strategy_(spec.strategy()),
        estimate_(estimate),
        learning_rate_(LearningRateAt(spec, state->version)),
        state_(*state),
        diagnostics_(diagnostics),
        squared_norms_((state->theta.size() + Estimate::kBlock - 1) / Estimate::kBlock),
        sums_(diagnostics == nullptr ? 0 : squared_norms_.size()) {}

  int64_t blocks() const { return static_cast<int64_t>(squared_norms_.size()); }

  void Run(int64_t first_block, int64_t end_block) {
    for (int64_t block = first_block; block < end_block; ++block) {
      if (diagnostics_ == nullptr) {
        Step(block, nullptr);
      } else {
        StepAndLook(block);
      }
    }
  }

  // Summed in the order of blocks, whoever ran them.
  double Norm() const {
    double sum = 0;
    for (const double squared : squared_norms_) sum += squared;
    return std::sqrt(sum);
  }
  DiagnosticSums Sums() const {
    DiagnosticSums all;
    for (const DiagnosticSums& block : sums_) all.Add(block);
    return all;
  }

 private:
  absl::Span<float> Theta(int64_t block) {
    return absl::MakeSpan(state_.theta).subspan(block * Estimate::kBlock, Estimate::kBlock);
  }

  void Step(int64_t block, Estimate::Halves* halves) {
    float values[Estimate::kBlock];
    const absl::Span<float> g = absl::MakeSpan(values, Theta(block).size());
    estimate_.At(block * Estimate::kBlock, g, halves);
    double squared_norm = 0;
    for (const float value : g) squared_norm += double{value} * double{value};
    squared_norms_[block] = squared_norm;
    if (diagnostics_ != nullptr) CompareWithLast(block, g);
    OptimizerStep(strategy_, learning_rate_, g, block * Estimate::kBlock, &state_);
  }

  void StepAndLook(int64_t block) {
    Estimate::Halves halves;
    const std::vector<float> before(Theta(block).begin(), Theta(block).end());
    Step(block, estimate_.weights().empty() ? nullptr : &halves);
    DiagnosticSums& sums = sums_[block];
    for (size_t i = 0; i < before.size(); ++i) {
      const double step = double{Theta(block)[i]} - double{before[i]};
      sums.theta_squared += double{before[i]} * double{before[i]};
      sums.step_squared += step * step;
    }
    if (estimate_.weights().empty()) return;
    for (size_t i = 0; i < before.size(); ++i) {
      const double even = static_cast<double>(halves.even[i]), odd = static_cast<double>(halves.odd[i]);
      sums.halves_product += even * odd;
      sums.halves_difference += (even - odd) * (even - odd);
    }
  }

  // And becomes the last one itself.
  void CompareWithLast(int64_t block, absl::Span<const float> g) {
    float* const last = diagnostics_->estimate.data() + block * Estimate::kBlock;
    DiagnosticSums& sums = sums_[block];
    for (size_t i = 0; i < g.size(); ++i) {
      sums.last_squared += double{last[i]} * double{last[i]};
      sums.last_product += double{g[i]} * double{last[i]};
      last[i] = g[i];
    }
  }

  const v1::Strategy& strategy_;
  const Estimate& estimate_;
  const double learning_rate_;
  State& state_;
  UpdateDiagnostics* const diagnostics_;
  std::vector<double> squared_norms_;  // (blocks)
  std::vector<DiagnosticSums> sums_;   // (blocks) or empty
};

// Each thread takes a contiguous share of the blocks; the caller's thread takes the first one.
void RunOnThreads(int threads, BlockUpdate* update) {
  const auto share = [&](int thread) { return update->blocks() * thread / threads; };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back([&, i] { update->Run(share(i), share(i + 1)); });
  update->Run(share(0), share(1));
  for (std::thread& thread : others) thread.join();
}

double Ratio(double numerator, double denominator) {
  return denominator > 0 ? numerator / denominator : UpdateDiagnostics::kNone;
}

// `follows`: the last estimate is of the generation before.
void Conclude(const BlockUpdate& update, const Estimate& estimate, bool follows, UpdateDiagnostics* diagnostics) {
  const DiagnosticSums sums = update.Sums();
  const double norms = update.Norm() * std::sqrt(sums.last_squared);
  diagnostics->cosine = follows ? Ratio(sums.last_product, norms) : UpdateDiagnostics::kNone;
  diagnostics->signal_to_noise = Ratio(4 * sums.halves_product, sums.halves_difference);
  diagnostics->effective_utilities = EffectiveUtilities(estimate.weights());
  diagnostics->update_ratio = Ratio(std::sqrt(sums.step_squared), std::sqrt(sums.theta_squared));
}

}  // namespace

absl::StatusOr<UpdateReport> Update(const v1::JobSpec& spec, const Outcome& outcome, int threads, State* state,
                                    UpdateDiagnostics* diagnostics) {
  RETURN_IF_ERROR(CheckFits(spec, outcome, *state));
  Estimate estimate(spec, state->version, outcome);
  const bool follows = diagnostics != nullptr && diagnostics->version == state->version;
  if (diagnostics != nullptr) {
    estimate.SumByHalves();
    diagnostics->estimate.resize(state->theta.size());
    diagnostics->version = state->version + 1;
  }
  const int64_t values = static_cast<int64_t>(state->theta.size()) * estimate.noises();
  const int64_t useful_threads = std::clamp<int64_t>(threads, 1, 1 + values / kValuesPerThread);

  BlockUpdate update(spec, estimate, state, diagnostics);
  RunOnThreads(static_cast<int>(useful_threads), &update);
  const UpdateReport report = {update.Norm(), LearningRateAt(spec, state->version), SigmaAt(spec, state->version)};
  if (diagnostics != nullptr) Conclude(update, estimate, follows, diagnostics);
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
