// What `seedcast run` says at the end, for people and for machines.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/comparison.h"
#include "seedcast/v1/job.pb.h"
#include "worker/tasks/learned_optimizer/compare.h"

namespace seedcast {

struct RunOutcome {
  v1::JobStatus status;
  std::vector<v1::EvaluationResult> tests;
  std::optional<Comparison> comparison;  // of a learned optimizer
  ComparisonFiles comparison_files;      // of it
  std::string model;
};

std::string OutcomeText(const RunOutcome& outcome);
std::string OutcomeJson(const RunOutcome& outcome);  // one object, without a line's end

}  // namespace seedcast
