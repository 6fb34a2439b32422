// From facts to findings: pure functions, one for each thing that is looked at.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cli/doctor/facts.h"
#include "cli/doctor/finding.h"

namespace seedcast {

// AVX2 and FMA are there, or this program would not run (common/processor_guard.cc).
Finding JudgeProcessor(const ProcessorFacts& facts);
Finding JudgeNumericClasses(const NumericFacts& facts);
Finding JudgeKernels(const NumericFacts& facts, const ProcessorFacts& processor);
Finding JudgeCores(const MachineFacts& facts, int slots);
Finding JudgeMemory(const MachineFacts& facts, int slots);
Finding JudgeDescriptors(const MachineFacts& facts);
Finding JudgeData(const DataFacts& facts);
Finding JudgeDirectory(const char* check, const char* option, const DirectoryFacts& facts);
Findings JudgeStore(const StoreFacts& facts);
Finding JudgeClock(const ClockFacts& facts, const std::optional<ClockOffset>& coordinator);
Findings JudgeConfiguration(const std::vector<absl::Status>& problems);
Finding JudgeCertificate(const CertificateFacts& facts, absl::Time now);

// What does not stand to reason after something before it has failed is left out.
Findings JudgeCoordinator(const CoordinatorFacts& facts, absl::Time now);
// What a role may call, as people say it: "JobService, ParameterService/{GetLog, GetSnapshot}".
std::string MethodsOf(Role role);
Finding JudgeRole(const Identity& identity);

}  // namespace seedcast
