// estimator_bench [--trainings N] [--json]: what each estimator's estimate of the meta-gradient is worth, for unrolls
// of several lengths that make up the same inner training (estimator_study.h).
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "bench/estimator_study.h"

namespace seedcast {
namespace {

struct Problem {
  const char* name;
  int horizon;
  double theta, sigma;
};
// sigma is small enough for the quadratic, whose fitness is no quadratic of theta; for influence any would do.
constexpr Problem kProblems[] = {{"influence", 200, 0.5, 0.05}, {"quadratic", 200, 0.3, 0.002}};
constexpr int kUnrollSteps[] = {5, 10, 20, 50, 100, 200};
constexpr v1::Strategy::Estimator kEstimators[] = {v1::Strategy::FULL_ES, v1::Strategy::TRUNCATED_ES, v1::Strategy::PES,
                                                   v1::Strategy::NRES, v1::Strategy::GRADIENT};

struct Row {
  StudyOptions options;
  std::string estimator;
  double truth;
  StudyResult result;
};

std::vector<Row> Measure(const Problem& problem, int64_t trainings) {
  std::vector<Row> rows;
  for (const int steps : kUnrollSteps) {
    const StudyOptions options{.problem = problem.name,
                               .steps = steps,
                               .count = problem.horizon / steps,
                               .theta = problem.theta,
                               .sigma = problem.sigma,
                               .trainings = trainings};
    for (const auto estimator : kEstimators) {
      rows.push_back({options, absl::AsciiStrToLower(v1::Strategy::Estimator_Name(estimator)), TrueGradient(options),
                      EstimateGradient(options, estimator)});
    }
  }
  return rows;
}

// Rounding of float32 fitness is no bias: a differentiated estimate has no noise, and an interval of nearly 0.
bool TruthInside(const Row& row) {
  return std::abs(row.result.mean - row.truth) <= row.result.interval + 1e-5 * std::abs(row.truth);
}

std::string Json(const Row& row) {
  return absl::StrFormat(
      "{\"problem\": \"%s\", \"steps\": %d, \"count\": %d, \"theta\": %g, \"sigma\": %g, \"estimator\": \"%s\", "
      "\"truth\": %.9g, \"mean\": %.9g, \"interval\": %.9g, \"deviation\": %.9g, \"trainings\": %d, \"inside\": %s}",
      row.options.problem, row.options.steps, row.options.count, row.options.theta, row.options.sigma, row.estimator,
      row.truth, row.result.mean, row.result.interval, row.result.deviation, row.result.trainings,
      TruthInside(row) ? "true" : "false");
}

void PrintTable(const std::vector<Row>& rows) {
  std::printf("| problem | unrolls | estimator | mean +- 95 %% | truth | mean - truth | truth inside | deviation |\n");
  std::printf("|---|---|---|---|---|---|---|---|\n");
  for (const Row& row : rows) {
    std::printf("| %s | %d x %d | %s | %.4g +- %.2g | %.4g | %+.2g | %s | %.3g |\n", row.options.problem.data(),
                row.options.count, row.options.steps, row.estimator.c_str(), row.result.mean, row.result.interval,
                row.truth, row.result.mean - row.truth, TruthInside(row) ? "yes" : "NO", row.result.deviation);
  }
}

int Main(int argc, char** argv) {
  int64_t trainings = 20'000;
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) {
      json = true;
    } else if (std::strcmp(argv[i], "--trainings") == 0 && i + 1 < argc && std::atoll(argv[i + 1]) > 1) {
      trainings = std::atoll(argv[++i]);
    } else {
      std::fprintf(stderr, "usage: %s [--trainings N] [--json]\n", argv[0]);
      return 2;
    }
  }
  std::vector<Row> rows;
  for (const Problem& problem : kProblems) {
    for (Row& row : Measure(problem, trainings)) rows.push_back(std::move(row));
  }
  if (!json) {
    PrintTable(rows);
    return 0;
  }
  const auto append = [](std::string* out, const Row& row) { absl::StrAppend(out, Json(row)); };
  std::printf("[%s]\n", absl::StrJoin(rows, ",\n ", append).c_str());
  return 0;
}

}  // namespace
}  // namespace seedcast

int main(int argc, char** argv) { return seedcast::Main(argc, argv); }
