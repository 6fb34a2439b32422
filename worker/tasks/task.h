// The Task seam: what is trained. A task is a pure function of its resolved spec (and of the data set that the spec
// names by digest); the coordinator never interprets it.
//
// Fitness: higher is better, everywhere.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

struct EpisodeMetrics {
  float fitness;
  float accuracy;  // NaN for a task without one
};

// Names the episodes of a pair. Both members see the same ones.
struct EpisodeKey {
  int64_t generation = 0;  // for carried state: of the reset (common/strategy/estimator.h)
  int64_t pair = 0;
  int cluster = 0;  // 0 for a task without clusters
};

// Inner training in progress, for estimators that carry it from generation to generation: opaque outside of its task.
// A pure function of the theta's that it was unrolled with; a worker may lose it and build it again.
class InnerState {
 public:
  virtual ~InnerState() = default;
  virtual std::unique_ptr<InnerState> Clone() const = 0;
  virtual int64_t Bytes() const = 0;
};

// One slot's scratch memory for one task: not thread-safe, one thread at a time; made once, used for many evaluations.
class Evaluator {
 public:
  virtual ~Evaluator() = default;

  // Fitness of `theta` (num_parameters) on the episodes of this key. Both members of a pair are asked with the same
  // key, one after the other; an implementation may keep what they share from the first call to the second. A
  // non-finite fitness is a result; an error means that there is none.
  virtual absl::StatusOr<float> Evaluate(absl::Span<const float> theta, const EpisodeKey& key) = 0;

  // For tasks with unrolls (Task::Supports). Begin makes the inner training of a key, whose generation is a reset.
  // Unroll advances it by the unroll of `generation`, after a restart where BoundaryBefore says so, and returns that
  // unroll's fitness. UnrollGradient does the same and gives the fitness's gradient with respect to theta
  // (num_parameters), with the state at the unroll's start held constant.
  virtual absl::StatusOr<std::unique_ptr<InnerState>> Begin(absl::Span<const float> theta, const EpisodeKey& key);
  virtual absl::StatusOr<float> Unroll(absl::Span<const float> theta, int64_t generation, InnerState* state);
  virtual absl::StatusOr<float> UnrollGradient(absl::Span<const float> theta, int64_t generation, InnerState* state,
                                               absl::Span<float> gradient);

  // Inner trainings that left the bounds since the last call: their fitness is the worst there is, but finite.
  virtual int32_t TakeDiverged() { return 0; }

  // Episode number `episode` of `spec` (resolved), which depends on the job's seed and not on theta or generation.
  virtual absl::StatusOr<EpisodeMetrics> Measure(absl::Span<const float> theta, const v1::EvaluationSpec& spec,
                                                 int32_t episode) = 0;

  // Bytes of scratch, for the report.
  virtual int64_t ScratchBytes() const = 0;
};

class Task {
 public:
  virtual ~Task() = default;
  virtual int64_t num_parameters() const = 0;
  virtual std::vector<float> InitialTheta() const = 0;  // (num_parameters), from the job's seed
  virtual std::unique_ptr<Evaluator> NewEvaluator() const = 0;
  virtual bool Supports(v1::Strategy::Estimator estimator) const { return estimator == v1::Strategy::FULL_ES; }
  // INVALID_ARGUMENT names what makes an evaluation of a member need more memory than this, beside its scratch.
  virtual absl::Status CheckMemory(int64_t bytes) const;
  // INVALID_ARGUMENT when the evaluation asks for more than the data holds (way, shot + query).
  virtual absl::Status CheckEvaluation(const v1::EvaluationSpec& spec) const = 0;
  virtual std::string Description() const = 0;  // data set and network in words, one line
};

// Finds the bytes of an artifact (a data set) by hex digest; may block on network or disk.
using ArtifactFetcher = std::function<absl::StatusOr<std::string>(const std::string& digest)>;

// The task of a resolved spec. Errors: INVALID_ARGUMENT (spec), NOT_FOUND (artifact), DATA_LOSS (artifact is not what
// its digest says), FAILED_PRECONDITION (numeric class not available here).
absl::StatusOr<std::unique_ptr<Task>> MakeTask(const v1::JobSpec& spec, const ArtifactFetcher& fetch);

// Digest of the known-answer test of a numeric class, run with this machine's kernels; FAILED_PRECONDITION when the
// machine has none.
struct NumericClassProof {
  v1::NumericClass numeric_class;
  std::string kernels;
  std::string digest;  // hex
};
std::vector<NumericClassProof> ProveNumericClasses();
// What the F32 class must give; other classes are compared between workers only.
std::string ExpectedF32Proof();

}  // namespace seedcast
