#include "coordinator/rpc/method_roles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "seedcast/v1/coordinator.pb.h"
#include "seedcast/v1/job.pb.h"
#include "seedcast/v1/parameters.pb.h"
#include "seedcast/v1/worker.pb.h"

namespace seedcast {
namespace {

std::set<std::string> MethodsOf(const google::protobuf::FileDescriptor& file) {
  std::set<std::string> methods;
  for (int i = 0; i < file.service_count(); ++i) {
    const auto& service = *file.service(i);
    for (int j = 0; j < service.method_count(); ++j) {
      methods.insert(absl::StrCat("/", service.full_name(), "/", service.method(j)->name()));
    }
  }
  return methods;
}

// That there are as many rows as methods is checked when the table is compiled; here, that they are the same ones.
TEST(MethodRolesTest, EachRowIsAMethodAndEachMethodHasARow) {
  std::set<std::string> methods;
  for (const auto* file : {v1::JobStatus::descriptor()->file(), v1::WorkerMessage::descriptor()->file(),
                           v1::GenerationRecord::descriptor()->file(), v1::DescribeRequest::descriptor()->file()}) {
    methods.merge(MethodsOf(*file));
  }
  std::set<std::string> rows;
  for (const MethodRow& row : kMethodRoles) {
    if (absl::StartsWith(row.method, "/seedcast.")) rows.emplace(row.method);
  }
  EXPECT_EQ(rows, methods);
}

TEST(MethodRolesTest, WhatStandsInNoRowIsDeniedToEverybody) {
  for (const char* method : {"", "/", "/seedcast.v1.JobService/", "/seedcast.v1.JobService/DeleteEverything",
                             "/seedcast.v1.JobService/GetJobs", "/grpc.channelz.v1.Channelz/GetServers",
                             "/grpc.health.v1.Healthy/Check", "x/grpc.health.v1.Health/Check"}) {
    for (const Role role : kAllRoles) EXPECT_FALSE(RolesFor(method).contains(role)) << method;
  }
}

TEST(MethodRolesTest, EachRoleMayDoItsWorkAndNoMore) {
  const struct {
    const char* method;
    std::set<Role> roles;
  } cases[] = {
      {"/seedcast.v1.WorkerService/Connect", {Role::kWorker}},
      {"/seedcast.v1.JobService/SubmitJob", {Role::kSubmitter, Role::kAdmin}},
      {"/seedcast.v1.JobService/CancelJob", {Role::kSubmitter, Role::kAdmin}},
      {"/seedcast.v1.JobService/WatchJob", {Role::kSubmitter, Role::kObserver, Role::kAdmin}},
      {"/seedcast.v1.ParameterService/GetLog", {Role::kWorker, Role::kSubmitter, Role::kObserver, Role::kAdmin}},
      {"/grpc.health.v1.Health/Check",
       {Role::kCoordinator, Role::kWorker, Role::kSubmitter, Role::kObserver, Role::kAdmin}},
      {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", {Role::kAdmin}},
  };
  for (const auto& c : cases) {
    for (const Role role : kAllRoles) {
      EXPECT_EQ(RolesFor(c.method).contains(role), c.roles.contains(role)) << c.method << " " << RoleName(role);
    }
  }
}

}  // namespace
}  // namespace seedcast
