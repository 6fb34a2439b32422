// A job's specification, written as JSON in a test.
#pragma once

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <string>

#include "seedcast/v1/job.pb.h"

namespace seedcast {

inline v1::JobSpec Job(const std::string& json) {
  v1::JobSpec spec;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &spec);
  EXPECT_TRUE(status.ok()) << status.ToString() << " in " << json;
  return spec;
}

}  // namespace seedcast
