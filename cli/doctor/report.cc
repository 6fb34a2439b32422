#include "cli/doctor/report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cli/json.h"
#include "cli/table.h"

namespace seedcast {

std::string VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "OK";
    case Verdict::kWarn:
      return "WARN";
    case Verdict::kFail:
      return "FAIL";
  }
  return "";
}

int Count(const Findings& findings, Verdict verdict) {
  return static_cast<int>(std::count_if(findings.begin(), findings.end(),
                                        [&](const Finding& finding) { return finding.verdict == verdict; }));
}

std::string FindingsTable(const Findings& findings) {
  Table table({{"CHECK"}, {"RESULT"}, {"FOUND"}});
  for (const Finding& finding : findings) {
    const std::string advice = finding.advice.empty() ? "" : " -> " + finding.advice;
    table.AddRow({finding.check, VerdictName(finding.verdict), finding.found + advice});
  }
  return table.str();
}

std::string FindingsJson(const Findings& findings) {
  std::vector<std::string> checks;
  for (const Finding& finding : findings) {
    checks.push_back(JsonObject()
                         .Text("check", finding.check)
                         .Text("result", VerdictName(finding.verdict))
                         .Text("found", finding.found)
                         .Text("advice", finding.advice)
                         .str());
  }
  return JsonObject()
      .Text("version", SEEDCAST_VERSION)
      .Integer("ok", Count(findings, Verdict::kOk))
      .Integer("warn", Count(findings, Verdict::kWarn))
      .Integer("fail", Count(findings, Verdict::kFail))
      .Raw("checks", JsonArray(checks))
      .str();
}

}  // namespace seedcast
