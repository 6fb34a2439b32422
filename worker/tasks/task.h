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

// One slot's scratch memory for one task: not thread-safe, one thread at a time; made once, used for many evaluations.
class Evaluator {
 public:
  virtual ~Evaluator() = default;

  // Fitness of `theta` (num_parameters) on the episodes of this (generation, pair). Both members of a pair are asked
  // with the same generation and pair, one after the other, and see the same episodes; an implementation may keep them
  // from the first call to the second. A non-finite fitness is a result; an error means that there is none.
  virtual absl::StatusOr<float> Evaluate(absl::Span<const float> theta, int64_t generation, int64_t pair) = 0;

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
