#include "cli/job_views.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/table.h"
#include "common/spec/resolve.h"

namespace seedcast {
namespace {

constexpr size_t kCurveWidth = 48;

// The validation curve and that of fitness, oldest to newest.
void AddCurves(const v1::JobStatus& status, const v1::GetHistoryResponse& history, Table* table) {
  std::vector<double> validation, fitness;
  for (const v1::GenerationMetrics& generation : history.generations()) {
    // The last version is validated, but no generation is evaluated on it.
    if (generation.generation() < status.spec().generations()) fitness.push_back(generation.fitness_mean());
    if (!generation.has_validation()) continue;
    const double accuracy = generation.validation().accuracy();
    validation.push_back(std::isfinite(accuracy) ? accuracy : generation.validation().fitness());
  }
  const auto add = [&](const char* name, const std::vector<double>& values) {
    if (values.empty()) return;
    table->AddRow(
        {name, absl::StrFormat("%s  %.4f to %.4f", Sparkline(values, kCurveWidth), values.front(), values.back())});
  };
  add("validation curve", validation);
  add("fitness curve", fitness);
}

}  // namespace

std::string Generations(const v1::JobStatus& status) {
  return absl::StrCat(status.version(), "/", status.spec().generations());
}

std::string ListTable(const v1::ListJobsResponse& response, absl::Time now) {
  Table table({{"JOB"},
               {"STATE"},
               {"TASK"},
               {"GENERATION", Column::kRight},
               {"BEST", Column::kRight},
               {"EVALUATIONS/S", Column::kRight},
               {"SUBMITTED", Column::kRight}});
  for (const v1::JobStatus& job : response.jobs()) {
    const double age = absl::ToDoubleSeconds(now - absl::UnixEpoch()) - job.submitted_unix_seconds();
    table.AddRow({job.job_id(), v1::JobState_Name(job.state()), std::string(TaskName(job.spec())), Generations(job),
                  job.has_best() ? FormatAccuracy(job.best()) : "-",
                  job.state() == v1::RUNNING ? FormatCount(job.evaluations_per_second()) : "-",
                  absl::StrCat(FormatSeconds(std::max(0.0, age)), " ago")});
  }
  return table.str();
}

std::string ShowTable(const v1::JobStatus& status, const v1::GetHistoryResponse& history) {
  Table table({{""}, {""}});
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) table.AddRow({name, value});
  };
  add("job", status.job_id());
  add("state", v1::JobState_Name(status.state()));
  add("message", status.message());
  add("note", status.numeric_class_note());
  add("forked from", status.forked_from());
  add("task", absl::StrCat(TaskName(status.spec()), ", ", FormatCount(status.num_parameters()), " parameters"));
  add("data", status.dataset());
  add("generation", Generations(status));
  add("best",
      status.has_best() ? absl::StrCat(FormatAccuracy(status.best()), " at version ", status.best().version()) : "");
  AddCurves(status, history, &table);
  if (status.has_last()) {
    add("fitness", absl::StrFormat("%.4f (%.4f to %.4f)", status.last().fitness_mean(), status.last().fitness_min(),
                                   status.last().fitness_max()));
    add("sigma, learning rate", absl::StrFormat("%.4g, %.4g", status.last().sigma(), status.last().learning_rate()));
  }
  add("workers", absl::StrCat(status.workers(), " with ", status.slots(), " slots"));
  add("evaluations/s", FormatCount(status.evaluations_per_second()));
  add("bytes a generation", FormatBytes(status.bytes_per_generation()));
  add("failed evaluations", FormatCount(static_cast<double>(status.failed_evaluations())));
  add("training time", FormatSeconds(status.running_seconds()));
  if (status.state() == v1::RUNNING) add("time left", FormatSeconds(status.eta_seconds()));
  add("digest", status.digest());
  return table.str();
}

}  // namespace seedcast
