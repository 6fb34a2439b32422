// Jobs as tables for people.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

std::string Generations(const v1::JobStatus& status);  // "120/800"
std::string ListTable(const v1::ListJobsResponse& response, absl::Time now);
std::string ShowTable(const v1::JobStatus& status, const v1::GetHistoryResponse& history);

}  // namespace seedcast
