#include "cli/run_outcome.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "cli/json.h"
#include "cli/table.h"

namespace seedcast {
namespace {

// Then validation is no measure of what was not seen, and the version tested is the last.
bool TrainsOnValidation(const v1::JobStatus& status) {
  return status.spec().proto_net().characters() == v1::ProtoNetTask::TRAIN_AND_VALIDATION;
}

std::string TestTable(const RunOutcome& outcome) {
  const bool support = outcome.status.spec().proto_net().statistics() != v1::ProtoNetTask::EPISODE;
  Table table({{"TEST"}, {"ACCURACY", Column::kRight}, {"EPISODES", Column::kRight}});
  for (const v1::EvaluationResult& test : outcome.tests) {
    table.AddRow({absl::StrCat(test.spec().way(), "-way ", test.spec().shot(), "-shot"), FormatAccuracy(test),
                  FormatCount(test.spec().episodes())});
  }
  return absl::StrCat("Held-out characters, version ", outcome.tests[0].version(),
                      ", 95 % intervals, batch statistics ",
                      support ? "from the support images" : "from the whole episode",
                      TrainsOnValidation(outcome.status) ? ", trained on train and validation characters" : "", "\n\n",
                      table.str(), "\n");
}

std::string TestsJson(const std::vector<v1::EvaluationResult>& results) {
  std::vector<std::string> tests;
  tests.reserve(results.size());
  for (const v1::EvaluationResult& test : results) {
    tests.push_back(JsonObject()
                        .Integer("way", test.spec().way())
                        .Integer("shot", test.spec().shot())
                        .Integer("query", test.spec().query())
                        .Integer("episodes", test.spec().episodes())
                        .Number("accuracy", test.accuracy())
                        .Number("interval", test.interval())
                        .Integer("version", test.version())
                        .str());
  }
  return JsonArray(tests);
}

}  // namespace

std::string OutcomeText(const RunOutcome& outcome) {
  const v1::JobStatus& status = outcome.status;
  Table facts({{""}, {""}});
  facts.AddRow({"job", status.job_id()});
  facts.AddRow({"generations", FormatCount(static_cast<double>(status.version()))});
  if (status.has_last()) {
    const double fitness = status.last().fitness_mean();
    facts.AddRow({"fitness", std::isfinite(fitness) ? absl::StrCat(fitness) : "no finite fitness"});
  }
  if (status.has_best()) {
    facts.AddRow({TrainsOnValidation(status) ? "last validation (trained on)" : "best validation",
                  absl::StrCat(FormatResult(status.spec(), status.best()), " at version ", status.best().version())});
  }
  facts.AddRow({"training time", FormatSeconds(status.running_seconds())});
  facts.AddRow({"evaluations/s", FormatCount(status.evaluations_per_second())});
  if (status.bytes_per_generation() > 0) {
    facts.AddRow({"bytes a generation", FormatBytes(status.bytes_per_generation())});
  }
  facts.AddRow({"digest", status.digest()});
  facts.AddRow({"model", outcome.model});
  if (outcome.comparison) {
    const ComparisonFiles& files = outcome.comparison_files;
    facts.AddRow({"picture", absl::StrCat(files.picture, ", and the table above in ", files.table)});
  }
  return absl::StrCat(outcome.tests.empty() ? "" : TestTable(outcome),
                      outcome.comparison ? ComparisonTable(*outcome.comparison) + "\n" : "", facts.str());
}

std::string OutcomeJson(const RunOutcome& outcome) {
  const v1::JobStatus& status = outcome.status;
  JsonObject object;
  object.Text("job_id", status.job_id())
      .Integer("generations", status.version())
      .Text("digest", status.digest())
      .Number("seconds", status.running_seconds())
      .Number("evaluations_per_second", status.evaluations_per_second())
      .Number("bytes_per_generation", KeptBytesPerGeneration(status))
      .Raw("test", TestsJson(outcome.tests))
      .Text("model", outcome.model)
      .Text("dataset", status.dataset())
      .Integer("num_parameters", status.num_parameters());
  if (status.has_best()) object.Raw("best", ToJson(status.best()));
  if (outcome.comparison) {
    object.Raw("comparison", ComparisonJson(*outcome.comparison))
        .Text("picture", outcome.comparison_files.picture)
        .Text("table", outcome.comparison_files.table);
  }
  if (status.spec().has_proto_net()) {
    object.Text("statistics", v1::ProtoNetTask::Statistics_Name(status.spec().proto_net().statistics()));
    object.Text("characters", v1::ProtoNetTask::Characters_Name(status.spec().proto_net().characters()));
  }
  return object.str();
}

}  // namespace seedcast
