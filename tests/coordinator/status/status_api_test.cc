// Page and API of a whole coordinator, over HTTP.
#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "coordinator/server.h"
#include "coordinator/status/assets.h"
#include "seedcast/v1/job.grpc.pb.h"
#include "seedcast/v1/status.pb.h"
#include "tests/testing/http_get.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class StatusApiTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.http.address = "127.0.0.1:0";
    auto server = CoordinatorServer::Start(options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    jobs_ = v1::JobService::NewStub(server_->InProcessChannel());
  }

  v1::JobStatus Submit() {
    v1::SubmitJobRequest request;
    request.mutable_spec()->mutable_sphere()->set_dimension(10);
    request.mutable_spec()->set_generations(10);
    grpc::ClientContext context;
    v1::JobStatus status;
    EXPECT_TRUE(jobs_->SubmitJob(&context, request, &status).ok());
    return status;
  }

  HttpAnswer Get(const std::string& path) { return HttpGet(server_->http_port(), path); }

  template <typename Message>
  Message GetJson(const std::string& path) {
    const HttpAnswer answer = Get(path);
    EXPECT_THAT(answer.head, StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(answer.head, HasSubstr("application/json"));
    Message message;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(answer.body, &message).ok()) << answer.body;
    return message;
  }

  std::unique_ptr<CoordinatorServer> server_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
};

TEST_F(StatusApiTest, AJobAppearsInTheListAndInFull) {
  EXPECT_THAT(GetJson<v1::JobsView>("/api/jobs").jobs(), IsEmpty());
  const v1::JobStatus submitted = Submit();
  const auto list = GetJson<v1::JobsView>("/api/jobs");
  ASSERT_EQ(list.jobs_size(), 1);
  EXPECT_EQ(list.jobs(0).job_id(), submitted.job_id());
  EXPECT_EQ(list.jobs(0).spec().generations(), 10);
  EXPECT_FALSE(list.jobs(0).spec().has_sphere());
  EXPECT_FALSE(list.may_change()) << "asked under the name of another machine";

  const auto view = GetJson<v1::JobView>("/api/jobs/" + submitted.job_id());
  EXPECT_EQ(view.status().digest(), submitted.digest());
  EXPECT_EQ(view.status().spec().sphere().dimension(), 10);
  EXPECT_FALSE(view.has_time());
  EXPECT_THAT(GetJson<v1::WorkersView>("/api/workers").workers(), IsEmpty());
}

TEST_F(StatusApiTest, WhatIsNotThereIsSaidSo) {
  const HttpAnswer answer = Get("/api/jobs/nobody-1");
  EXPECT_THAT(answer.head, StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(answer.body, HasSubstr("nobody-1"));
  EXPECT_THAT(Get("/api/other").head, StartsWith("HTTP/1.1 404 "));
}

TEST_F(StatusApiTest, ThePageTakesNothingFromElsewhereAndHasNoScriptInside) {
  for (const Asset& asset : Assets()) {
    const HttpAnswer answer = Get(asset.path == "/page.html" ? "/" : asset.path);
    EXPECT_THAT(answer.head, StartsWith("HTTP/1.1 200 ")) << asset.path;
    EXPECT_THAT(answer.head, HasSubstr("Content-Security-Policy: default-src 'none'; script-src 'self'")) << asset.path;
    EXPECT_THAT(answer.head, HasSubstr("nosniff")) << asset.path;
    EXPECT_EQ(answer.body, asset.text) << asset.path;
    EXPECT_FALSE(asset.text.empty()) << asset.path;
  }
  EXPECT_THAT(Get("/").body, Not(HasSubstr("://")));
}

}  // namespace
}  // namespace seedcast
