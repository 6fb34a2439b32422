#include "cli/json.h"

#include <gtest/gtest.h>

#include <cmath>

#include "seedcast/v1/job.pb.h"

namespace seedcast {
namespace {

TEST(JsonObjectTest, KeepsOrderAndEscapes) {
  EXPECT_EQ(JsonObject().Text("b", "x\"\\\n\x1b").Integer("a", -3).Raw("c", JsonArray({"1", "2"})).str(),
            R"({"b": "x\"\\\u000a\u001b", "a": -3, "c": [1, 2]})");
  EXPECT_EQ(JsonObject().str(), "{}");
}

TEST(JsonObjectTest, NumbersReadBackExactlyAndNanIsNull) {
  EXPECT_EQ(JsonObject().Number("x", 0.1).Number("y", 1e300).Number("z", std::nan("")).Number("i", 3).str(),
            R"({"x": 0.1, "y": 1e+300, "z": null, "i": 3})");
}

TEST(ToJsonTest, KeepsLargeIntegersAsNumbersAndEnumsAsNames) {
  v1::SphereTask sphere;
  sphere.set_dimension(7);
  EXPECT_EQ(ToJson(sphere), R"({"dimension": 7, "fitness_noise": 0, "failure_rate": 0, "not_finite_rate": 0})");
  v1::JobSpec spec;
  spec.set_seed(18446744073709551615u);
  spec.set_numeric_class(v1::F32);
  const std::string json = ToJson(spec);
  EXPECT_NE(json.find(R"("seed": 18446744073709551615)"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("numeric_class": "F32")"), std::string::npos) << json;
  EXPECT_EQ(json.find("proto_net"), std::string::npos) << "an unset message stays out";
}

TEST(ToJsonTest, WritesRepeatedMessagesAsArrays) {
  v1::ListJobsResponse response;
  EXPECT_EQ(ToJson(response), R"({"jobs": []})");
  response.add_jobs()->set_job_id("a-1");
  EXPECT_NE(ToJson(response).find(R"({"jobs": [{"job_id": "a-1")"), std::string::npos);
}

}  // namespace
}  // namespace seedcast
