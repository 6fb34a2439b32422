// Findings for people and for machines.
#pragma once

#include <string>

#include "cli/doctor/finding.h"

namespace seedcast {

std::string VerdictName(Verdict verdict);  // "OK", "WARN", "FAIL"
int Count(const Findings& findings, Verdict verdict);
std::string FindingsTable(const Findings& findings);  // a line each
// {"version": "0.1.0", "ok": 12, "warn": 1, "fail": 0, "checks": [{"check": ..., "result", "found", "advice"}]}
std::string FindingsJson(const Findings& findings);  // one line

}  // namespace seedcast
