#include "cli/doctor/report.h"

#include <gtest/gtest.h>

namespace seedcast {
namespace {

const Findings kFindings = {{"cores", Verdict::kOk, "2 cores", ""},
                            {"memory", Verdict::kWarn, "1 MB \"left\"", "more"},
                            {"configuration", Verdict::kFail, "SEEDCAST_X", "remove it"}};

TEST(ReportTest, ALineACheckForPeople) {
  EXPECT_EQ(FindingsTable(kFindings),
            "CHECK          RESULT  FOUND\n"
            "cores          OK      2 cores\n"
            "memory         WARN    1 MB \"left\" -> more\n"
            "configuration  FAIL    SEEDCAST_X -> remove it\n");
}

TEST(ReportTest, OneObjectForMachines) {
  EXPECT_EQ(FindingsJson({kFindings[1]}),
            R"({"version": ")" SEEDCAST_VERSION
            R"(", "ok": 0, "warn": 1, "fail": 0, "checks": [{"check": "memory", "result": "WARN", )"
            R"("found": "1 MB \"left\"", "advice": "more"}]})");
  EXPECT_EQ(Count(kFindings, Verdict::kFail), 1);
}

}  // namespace
}  // namespace seedcast
