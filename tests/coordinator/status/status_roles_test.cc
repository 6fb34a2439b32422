// What roles may do on the status page of a coordinator with TLS.
#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/server.h"
#include "seedcast/v1/job.grpc.pb.h"
#include "seedcast/v1/status.pb.h"
#include "tests/common/tls/forge.h"
#include "tests/testing/certificates.h"
#include "tests/testing/http_get.h"
#include "tests/testing/temporary_directory.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class StatusRolesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.http.address = "127.0.0.1:0";
    options.https_address = "127.0.0.1:0";
    options.tls = IssueLeaf(directory_ / "certs", Role::kCoordinator);
    auto server = CoordinatorServer::Start(options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    v1::SubmitJobRequest request;
    request.mutable_spec()->mutable_sphere()->set_dimension(10);
    request.mutable_spec()->set_generations(10);
    grpc::ClientContext context;
    v1::JobStatus status;
    ASSERT_TRUE(v1::JobService::NewStub(server_->InProcessChannel())->SubmitJob(&context, request, &status).ok());
    job_path_ = "/api/jobs/" + status.job_id();
  }

  std::unique_ptr<httplib::SSLClient> Browser(Role role) {
    const TlsFiles own = IssueLeaf(directory_ / "certs", role);
    auto browser = std::make_unique<httplib::SSLClient>("127.0.0.1", server_->https_port(), own.certificate, own.key);
    browser->set_ca_cert_path(own.authority.c_str());
    browser->enable_server_certificate_verification(true);
    return browser;
  }

  bool MayChange(httplib::SSLClient* browser) const {
    const auto answer = browser->Get("/api/jobs");
    v1::JobsView view;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(answer->body, &view).ok()) << answer->body;
    return view.may_change();
  }

  httplib::Result Change(httplib::SSLClient* browser, const std::string& change, std::string origin = "") const {
    if (origin.empty()) origin = "https://127.0.0.1:" + std::to_string(server_->https_port());
    return browser->Post(job_path_ + "/" + change, {{"X-Seedcast", "1"}, {"Origin", origin}}, "", "text/plain");
  }

  TemporaryDirectory directory_;
  std::unique_ptr<CoordinatorServer> server_;
  std::string job_path_;
};

TEST_F(StatusRolesTest, SubmittersAndAdminsPauseResumeAndCancel) {
  for (const Role role : {Role::kSubmitter, Role::kAdmin}) {
    const auto browser = Browser(role);
    EXPECT_EQ(browser->Get("/")->status, 200);
    EXPECT_TRUE(MayChange(browser.get()));
    EXPECT_THAT(Change(browser.get(), "pause")->body, HasSubstr("PAUSED"));
    EXPECT_THAT(Change(browser.get(), "resume")->body, HasSubstr("RUNNING"));
  }
  EXPECT_THAT(Change(Browser(Role::kAdmin).get(), "cancel")->body, HasSubstr("CANCELLED"));
}

TEST_F(StatusRolesTest, ObserversLook) {
  const auto browser = Browser(Role::kObserver);
  EXPECT_EQ(browser->Get("/")->status, 200);
  EXPECT_EQ(browser->Get("/metrics")->status, 200);
  EXPECT_FALSE(MayChange(browser.get()));
  for (const char* change : {"pause", "resume", "cancel"}) {
    const auto answer = Change(browser.get(), change);
    EXPECT_EQ(answer->status, 403);
    EXPECT_THAT(answer->body, HasSubstr("observer 'observer' may not call /seedcast.v1.JobService/"));
  }
  EXPECT_THAT(browser->Get(job_path_)->body, HasSubstr("RUNNING"));
}

TEST_F(StatusRolesTest, OthersSeeNothing) {
  for (const Role role : {Role::kWorker, Role::kCoordinator}) {
    const auto browser = Browser(role);
    for (const char* path : {"/", "/api/jobs", "/metrics"}) EXPECT_EQ(browser->Get(path)->status, 403) << path;
    EXPECT_EQ(Change(browser.get(), "cancel")->status, 403);
  }
}

TEST_F(StatusRolesTest, RefusalsAreCountedAsOverGrpc) {
  const auto denied = [&](const std::string& role) {
    const std::string line = absl::StrCat("seedcast_denied_calls_total{role=\"", role, "\"} ");
    const std::string metrics = HttpGet(server_->http_port(), "/metrics").body;
    const size_t found = metrics.find(line);
    return found == std::string::npos ? -1 : std::stoi(metrics.substr(found + line.size()));
  };
  EXPECT_EQ(denied("observer"), 0);
  const auto observer = Browser(Role::kObserver);
  EXPECT_FALSE(MayChange(observer.get())) << "nobody was refused by that";
  EXPECT_EQ(denied("observer"), 0);
  ::testing::internal::CaptureStderr();
  Change(observer.get(), "pause");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("\"call denied\" certificate=seedcast://role/observer/observer"));
  EXPECT_EQ(denied("observer"), 1);
  Browser(Role::kWorker)->Get("/api/jobs");
  EXPECT_EQ(denied("worker"), 1);
  const TlsFiles nobody = IssueLeaf(directory_ / "certs", Role::kSubmitter);
  ForgeNames(directory_ / "certs", nobody.certificate, "DNS:localhost");
  httplib::SSLClient browser("127.0.0.1", server_->https_port(), nobody.certificate, nobody.key);
  browser.set_ca_cert_path(nobody.authority.c_str());
  EXPECT_EQ(browser.Get("/api/jobs")->status, 403);
  EXPECT_EQ(denied("none"), 1);
}

TEST_F(StatusRolesTest, ASiteThatSendsAnAdminsBrowserChangesNothing) {
  const auto browser = Browser(Role::kAdmin);
  EXPECT_EQ(Change(browser.get(), "cancel", "https://evil.example")->status, 403);
  EXPECT_EQ(Change(browser.get(), "cancel", "http://127.0.0.1:" + std::to_string(server_->https_port()))->status, 403);
  EXPECT_EQ(browser->Post(job_path_ + "/cancel", "", "text/plain")->status, 403) << "without X-Seedcast";
  EXPECT_THAT(browser->Get(job_path_)->body, HasSubstr("RUNNING"));
}

TEST_F(StatusRolesTest, ProbesAndPrometheusNeedNoCertificate) {
  for (const char* path : {"/healthz", "/livez", "/metrics", "/api/jobs"}) {
    EXPECT_THAT(HttpGet(server_->http_port(), path).head, StartsWith("HTTP/1.1 200")) << path;
  }
}

TEST(StatusOptionsTest, HttpsNeedsCertificates) {
  ServerOptions options;
  options.https_address = "127.0.0.1:0";
  const absl::Status status = options.Validate();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("https: 127.0.0.1:0"));
}

}  // namespace
}  // namespace seedcast
