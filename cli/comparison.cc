#include "cli/comparison.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "common/status_macros.h"

namespace seedcast {
namespace {

std::string FamilyName(const FamilyResult& family) {
  return family.trained ? family.family : absl::StrCat(family.family, " (never trained on)");
}

Table TableOfOptimizers(const Comparison& comparison) {
  std::vector<Column> columns = {{"FAMILY"}};
  for (const OptimizerResult& result : comparison.families[0].optimizers) {
    columns.push_back({absl::AsciiStrToUpper(result.optimizer), Column::kRight});
  }
  return Table(std::move(columns));
}

std::string ObjectiveCell(const OptimizerResult& result, bool best) {
  const MeanAndInterval& value = result.log_objective;
  const std::string mean = absl::StrFormat("%s%.3f", best ? "*" : "", value.mean);
  return std::isfinite(value.interval) ? absl::StrFormat("%s ± %.3f", mean, value.interval)
                                       : mean;  // one seed has none
}

// What stands where the row of the untrained family would be.
std::string MissingFamilyNote(const Comparison& comparison) {
  const auto trained = [](const FamilyResult& family) { return family.trained; };
  return std::all_of(comparison.families.begin(), comparison.families.end(), trained)
             ? "no family is left that it was never trained on\n"
             : "";
}

std::string ObjectiveTable(const Comparison& comparison) {
  Table table = TableOfOptimizers(comparison);
  for (const FamilyResult& family : comparison.families) {
    const auto best =
        std::min_element(family.optimizers.begin(), family.optimizers.end(),
                         [](const auto& a, const auto& b) { return a.log_objective.mean < b.log_objective.mean; });
    std::vector<std::string> cells = {FamilyName(family)};
    for (const OptimizerResult& result : family.optimizers) cells.push_back(ObjectiveCell(result, &result == &*best));
    table.AddRow(std::move(cells));
  }
  return table.str();
}

std::string AccuracyCell(const MeanAndInterval& accuracy) {
  if (!std::isfinite(accuracy.interval)) return absl::StrFormat("%.2f %%", 100 * accuracy.mean);
  return absl::StrFormat("%.2f ± %.2f %%", 100 * accuracy.mean, 100 * accuracy.interval);
}

bool HasAccuracy(const FamilyResult& family) { return std::isfinite(family.optimizers[0].accuracy.mean); }

// Empty where no family has an accuracy.
std::string AccuracyTable(const Comparison& comparison) {
  if (std::none_of(comparison.families.begin(), comparison.families.end(), HasAccuracy)) return "";
  Table table = TableOfOptimizers(comparison);
  for (const FamilyResult& family : comparison.families) {
    if (!HasAccuracy(family)) continue;
    std::vector<std::string> cells = {FamilyName(family)};
    for (const OptimizerResult& result : family.optimizers) {
      cells.push_back(AccuracyCell(result.accuracy));
    }
    table.AddRow(std::move(cells));
  }
  return absl::StrCat("\nAccuracy at the end\n\n", table.str());
}

}  // namespace

absl::StatusOr<Comparison> CompareWithProgress(const v1::JobSpec& spec, absl::Span<const float> theta,
                                               const ComparisonOptions& options, Console& console) {
  ProgressLine progress(console);
  return Compare(spec, theta, options, [&](int done, int total) {
    progress.Show(absl::StrFormat("comparing with tuned optimizers · %d/%d", done, total), absl::Now());
    return !Interrupted();
  });
}

std::string ComparisonTable(const Comparison& comparison) {
  return absl::StrCat("Log objective after ", comparison.steps,
                      " steps on held-out problems (lower is better, * the lowest), learning rates tuned per family, ",
                      comparison.seeds, " seeds, 95 % intervals\n\n", ObjectiveTable(comparison),
                      MissingFamilyNote(comparison), AccuracyTable(comparison));
}

absl::StatusOr<ComparisonFiles> WriteComparison(const Comparison& comparison, const std::string& subject,
                                                const std::string& model) {
  const std::string title =
      absl::StrCat(subject, ": held-out problems, means with 95 % intervals over ", comparison.seeds, " seeds");
  const ComparisonFiles files = {std::filesystem::path(model).replace_extension(".md"),
                                 std::filesystem::path(model).replace_extension(".svg")};
  std::ofstream table(files.table, std::ios::binary);
  table << "# " << title << "\n\n```\n" << ComparisonTable(comparison) << "```\n";
  table.close();
  if (!table) return absl::ErrnoToStatus(errno, absl::StrCat(files.table, ": cannot be written"));
  RETURN_IF_ERROR(WriteSvg(files.picture, ComparisonChart(comparison, title)));
  return files;
}

std::string ComparisonJson(const Comparison& comparison) {
  std::vector<std::string> items;
  for (const FamilyResult& family : comparison.families) {
    for (const OptimizerResult& result : family.optimizers) {
      items.push_back(JsonObject()
                          .Text("family", family.family)
                          .Raw("trained", family.trained ? "true" : "false")
                          .Integer("problems", family.problems)
                          .Text("optimizer", result.optimizer)
                          .Number("learning_rate", result.learning_rate)
                          .Number("log_objective", result.log_objective.mean)
                          .Number("log_objective_interval", result.log_objective.interval)
                          .Number("accuracy", result.accuracy.mean)
                          .Number("accuracy_interval", result.accuracy.interval)
                          .Integer("diverged", result.diverged)
                          .Integer("steps", comparison.steps)
                          .Integer("seeds", comparison.seeds)
                          .str());
    }
  }
  return JsonArray(items);
}

Chart ComparisonChart(const Comparison& comparison, const std::string& title) {
  Chart chart{title, "inner step", "log objective", {}};
  for (const FamilyResult& family : comparison.families) {
    ChartPanel& panel = chart.panels.emplace_back(
        ChartPanel{FamilyName(family), {comparison.curve_steps.begin(), comparison.curve_steps.end()}, {}});
    for (const OptimizerResult& result : family.optimizers) {
      panel.series.push_back({result.optimizer, result.curve, result.curve_interval});
    }
  }
  return chart;
}

}  // namespace seedcast
