#include "cli/job_views.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/client.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "common/spec/job_state.h"
#include "common/spec/resolve.h"

namespace seedcast {
namespace {

constexpr size_t kCurveWidth = 48;

// The validation curve and that of fitness, oldest to newest, of what is finite.
void AddCurves(const v1::JobStatus& status, const v1::GetHistoryResponse& history, Table* table) {
  std::vector<double> validation, fitness;
  const auto keep = [](double value, std::vector<double>* values) {
    if (std::isfinite(value)) values->push_back(value);
  };
  for (const v1::GenerationMetrics& generation : history.generations()) {
    // The last version is validated, but no generation is evaluated on it.
    if (generation.generation() < status.spec().generations()) keep(generation.fitness_mean(), &fitness);
    if (!generation.has_validation()) continue;
    const double accuracy = generation.validation().accuracy();
    const bool by_accuracy = std::isfinite(accuracy) && !status.spec().has_learned_optimizer();
    keep(by_accuracy ? accuracy : generation.validation().fitness(), &validation);
  }
  const auto add = [&](const char* name, const std::vector<double>& values) {
    if (values.empty()) return;
    table->AddRow(
        {name, absl::StrFormat("%s  %.4f to %.4f", Sparkline(values, kCurveWidth), values.front(), values.back())});
  };
  add("validation curve", validation);
  add("fitness curve", fitness);
}

// Whether it got better, cluster by cluster; and what a cluster costs.
std::string ClusterTable(const v1::GetHistoryResponse& history, const v1::GenerationMetrics& last) {
  Table table({{"CLUSTER"},
               {"FITNESS", Column::kRight},
               {"SINCE THE START"},
               {"SECONDS", Column::kRight},
               {"GROUP", Column::kRight},
               {"FAILED", Column::kRight},
               {"DIVERGED", Column::kRight}});
  for (int c = 0; c < last.clusters_size(); ++c) {
    const v1::ClusterMetrics& cluster = last.clusters(c);
    std::vector<double> curve;
    for (const v1::GenerationMetrics& generation : history.generations()) {
      if (c < generation.clusters_size()) curve.push_back(generation.clusters(c).fitness_mean());
    }
    const double fitness = cluster.fitness_mean();
    table.AddRow({cluster.name(), std::isfinite(fitness) ? absl::StrFormat("%.4f", fitness) : "-",
                  Sparkline(curve, kCurveWidth / 2), absl::StrFormat("%.3f", cluster.seconds()),
                  absl::StrCat(cluster.group() + 1), absl::StrCat(cluster.failed() + cluster.not_finite()),
                  absl::StrCat(cluster.diverged())});
  }
  return absl::StrCat("\n", table.str());
}

// What the plan said of the last generation, and how it came out.
std::string GroupTable(const v1::GenerationMetrics& last) {
  Table table({{"GROUP", Column::kRight},
               {"CLUSTERS"},
               {"WORKERS", Column::kRight},
               {"SLOTS", Column::kRight},
               {"PREDICTED", Column::kRight},
               {"MEASURED", Column::kRight},
               {"FINISHED AFTER", Column::kRight},
               {"STOLEN PAIRS", Column::kRight}});
  for (int g = 0; g < last.groups_size(); ++g) {
    const v1::GroupMetrics& group = last.groups(g);
    std::vector<std::string> names;
    for (const v1::ClusterMetrics& cluster : last.clusters()) {
      if (cluster.group() == g) names.push_back(cluster.name());
    }
    table.AddRow({absl::StrCat(g + 1), absl::StrJoin(names, ", "), absl::StrCat(group.workers()),
                  absl::StrCat(group.slots()), absl::StrFormat("%.3f s", group.predicted_seconds()),
                  absl::StrFormat("%.3f s", group.measured_seconds()),
                  absl::StrFormat("%.3f s", group.finished_seconds()), absl::StrCat(group.stolen_pairs())});
  }
  return absl::StrFormat("\n%simbalance %.1f %%, idle %.1f %%\n", table.str(), 100 * GroupImbalance(last),
                         100 * last.idle_share());
}

// Over the finite members of a generation, of which there may be none.
std::string FormatFitness(const v1::GenerationMetrics& generation) {
  if (!std::isfinite(generation.fitness_mean())) return "no finite fitness";
  return absl::StrFormat("%.4f (%.4f to %.4f)", generation.fitness_mean(), generation.fitness_min(),
                         generation.fitness_max());
}

// The speed of one that runs without workers, as after a crash, is that of before.
bool IsTraining(const v1::JobStatus& status) { return status.state() == v1::RUNNING && status.slots() > 0; }

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
                  job.has_best() ? FormatResult(job.spec(), job.best()) : "-",
                  IsTraining(job) || HasEnded(job.state()) ? FormatCount(job.evaluations_per_second()) : "-",
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
  add("best", status.has_best()
                  ? absl::StrCat(FormatResult(status.spec(), status.best()), " at version ", status.best().version())
                  : "");
  AddCurves(status, history, &table);
  if (status.has_last()) {
    add("fitness", FormatFitness(status.last()));
    add("sigma, learning rate", absl::StrFormat("%.4g, %.4g", status.last().sigma(), status.last().learning_rate()));
  }
  if (!HasEnded(status.state())) add("workers", absl::StrCat(status.workers(), " with ", status.slots(), " slots"));
  if (HasEnded(status.state()) || IsTraining(status))
    add("evaluations/s", FormatCount(status.evaluations_per_second()));
  // Counted since this coordinator started.
  if (status.bytes_per_generation() > 0) add("bytes a generation", FormatBytes(status.bytes_per_generation()));
  add("failed evaluations", FormatCount(static_cast<double>(status.failed_evaluations())));
  add("training time", FormatSeconds(status.running_seconds()));
  if (IsTraining(status)) add("time left", FormatSeconds(status.eta_seconds()));
  add("digest", status.digest());
  std::string text = table.str();
  if (status.last().clusters_size() > 0) text += ClusterTable(history, status.last());
  if (status.last().groups_size() > 0) text += GroupTable(status.last());
  return text;
}

}  // namespace seedcast
