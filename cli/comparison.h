// A learned optimizer's comparison (worker/tasks/learned_optimizer/compare.h) for people and machines.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "cli/console.h"
#include "cli/svg_chart.h"
#include "seedcast/v1/job.pb.h"
#include "worker/tasks/learned_optimizer/compare.h"

namespace seedcast {

// Compares with a progress line. CANCELLED on an interrupt.
absl::StatusOr<Comparison> CompareWithProgress(const v1::JobSpec& spec, absl::Span<const float> theta,
                                               const ComparisonOptions& options, Console& console);

// One row a family: mean final log objectives with their intervals, the lowest marked; below, accuracies. Says so where
// no family is left that was never trained on.
std::string ComparisonTable(const Comparison& comparison);
// The table in Markdown and the curves as a picture; FILE.md and FILE.svg for the model FILE.npz.
struct ComparisonFiles {
  std::string table;
  std::string picture;
};
// `subject` says what was compared: "optimizer-1, version 450".
absl::StatusOr<ComparisonFiles> WriteComparison(const Comparison& comparison, const std::string& subject,
                                                const std::string& model);
// An array, one object a (family, optimizer).
std::string ComparisonJson(const Comparison& comparison);
// One panel a family, with bands for the 95 % intervals.
Chart ComparisonChart(const Comparison& comparison, const std::string& title);

}  // namespace seedcast
