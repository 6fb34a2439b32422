// Metrics of a real coordinator and worker, against deploy/METRICS.md and the status of their jobs.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>

#include "absl/time/clock.h"
#include "common/http/http_server.h"
#include "common/tls/certificate_gauges.h"
#include "coordinator/metrics/coordinator_metrics.h"
#include "coordinator/metrics/surroundings.h"
#include "tests/coordinator/metrics/exposition.h"
#include "tests/coordinator/rpc/server_fixture.h"
#include "tests/testing/certificates.h"
#include "tests/testing/http_get.h"
#include "tests/testing/temporary_directory.h"
#include "worker/metrics/worker_http.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;
using ::testing::IsNan;
using ::testing::Not;
using ::testing::StartsWith;

class MetricsTest : public ServerTest {
 protected:
  static constexpr absl::Duration kCertificateLifetime = absl::Hours(100);

  void SetUp() override {
    ServerOptions options;
    options.store_directory = directory_ / "store";
    options.cache_directory = directory_ / "cache";
    options.http.address = "127.0.0.1:0";
    options.tls = IssueLeaf(directory_ / "certificates", Role::kCoordinator, start_, kCertificateLifetime);
    StartServer(options);
    WorkerOptions worker;
    worker.id = "w";
    worker.slots = 2;
    worker.cache_directory = directory_ / "worker-cache";
    GrpcTransportOptions transport;
    transport.bytes = &worker_bytes_;
    worker_ = std::make_unique<Worker>(worker, MakeGrpcTransport(channel_, channel_, transport));
    const TlsFiles worker_tls = IssueLeaf(directory_ / "certificates", Role::kWorker, start_, 2 * kCertificateLifetime);
    AddWorkerPages(worker_.get(), &worker_bytes_, worker_tls, absl::Now(), &worker_http_);
    ASSERT_TRUE(worker_http_.Start({.address = "127.0.0.1:0"}).ok());
  }
  void TearDown() override { worker_http_.Stop(); }

  static v1::SubmitJobRequest GlyphsJob(int64_t generations) {
    v1::SubmitJobRequest request = SphereJob(generations);
    request.mutable_spec()->set_name("glyphs");
    v1::ProtoNetTask& task = *request.mutable_spec()->mutable_proto_net();
    task.set_dataset(v1::ProtoNetTask::GLYPHS);
    task.set_way(2);
    task.set_filters(16);
    task.set_blocks(1);
    request.mutable_spec()->mutable_validation()->set_every(1);
    request.mutable_spec()->mutable_validation()->mutable_episodes()->set_episodes(2);
    return request;
  }
  static v1::SubmitJobRequest ClustersJob(int64_t generations) {
    v1::SubmitJobRequest request = SphereJob(generations);
    request.mutable_spec()->set_name("clusters");
    v1::LearnedOptimizerTask& task = *request.mutable_spec()->mutable_learned_optimizer();
    for (const char* name : {"first", "second"}) {
      v1::LearnedOptimizerTask::Cluster& cluster = *task.add_clusters();
      cluster.set_name(name);
      cluster.add_problems("bowl");
    }
    task.mutable_unroll()->set_steps(2);
    return request;
  }

  Exposition Scrape() const {
    const HttpAnswer answer = HttpGet(server_->http_port(), "/metrics");
    EXPECT_THAT(answer.head, StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(answer.head, HasSubstr("Content-Type: text/plain; version=0.0.4"));
    return ParseExposition(answer.body);
  }

  v1::JobStatus Call(grpc::Status (v1::JobService::Stub::*method)(grpc::ClientContext*, const v1::JobRequest&,
                                                                  v1::JobStatus*),
                     const std::string& job_id) {
    Context context;
    v1::JobRequest request;
    request.set_job_id(job_id);
    v1::JobStatus status;
    const grpc::Status called = (jobs_.get()->*method)(&context, request, &status);
    EXPECT_TRUE(called.ok()) << called.error_message();
    return status;
  }

  // Metrics follow within a second or so; a minute is a failure.
  template <typename Condition>
  Exposition ScrapeUntil(Condition condition) const {
    for (int i = 0; i < 600; ++i) {
      Exposition scraped = Scrape();
      if (condition(scraped)) return scraped;
      absl::SleepFor(absl::Milliseconds(100));
    }
    ADD_FAILURE() << "never";
    return {};
  }

  TemporaryDirectory directory_;
  const absl::Time start_ = absl::Now();
  TransferredBytes worker_bytes_;
  std::unique_ptr<Worker> worker_;
  HttpServer worker_http_;
};

void ExpectForms(const std::map<std::string, MetricForm>& found, const std::map<std::string, MetricForm>& documented) {
  for (const auto& [name, form] : documented) {
    const auto there = found.find(name);
    ASSERT_NE(there, found.end()) << name << " is documented but not there";
    EXPECT_EQ(there->second, form) << name;
  }
  for (const auto& [name, form] : found) EXPECT_TRUE(documented.contains(name)) << name << " is not documented";
}

TEST_F(MetricsTest, AreThoseOfTheDocument) {
  worker_->Start();
  const std::string ended = Submit(SphereJob(3)).job_id();
  EXPECT_EQ(WatchToTheEnd(ended).state(), v1::SUCCEEDED);
  const std::string glyphs = Submit(GlyphsJob(1'000'000)).job_id();
  const std::string clusters = Submit(ClustersJob(1'000'000)).job_id();
  const Exposition scraped = ScrapeUntil([&](const Exposition& e) {
    return e.At("seedcast_job_generation{job=\"" + glyphs + "\"}") >= 2 &&
           e.At("seedcast_job_generation{job=\"" + clusters + "\"}") >= 2;
  });
  ExpectForms(scraped.forms, DocumentedMetrics("Coordinator"));
  for (const auto& [sample, value] : scraped.samples) EXPECT_THAT(sample, Not(HasSubstr("job=\"" + ended)));

  ExpectForms(ParseExposition(HttpGet(worker_http_.port(), "/metrics").body).forms, DocumentedMetrics("Worker"));
}

// Of a coordinator whose one job this is, on one worker of two slots.
void ExpectTotals(const Exposition& e, const v1::JobStatus& status) {
  const auto generations = static_cast<double>(status.version());
  EXPECT_EQ(e.At("seedcast_generation_seconds_count"), generations);
  EXPECT_EQ(e.At("seedcast_update_seconds_count"), generations);
  EXPECT_EQ(e.At("seedcast_commit_seconds_count"), generations);
  EXPECT_GT(e.At("seedcast_commit_seconds_sum"), 0);
  EXPECT_GE(e.At("seedcast_evaluations_total"), 32 * generations);
  EXPECT_LE(e.At("seedcast_evaluations_total"), 32 * (generations + 1));
  EXPECT_EQ(e.At("seedcast_failed_evaluations_total{kind=\"failed\"}"), 0);
  EXPECT_GE(e.At("seedcast_failed_evaluations_total{kind=\"not_finite\"}"),
            static_cast<double>(status.failed_evaluations()));
  EXPECT_GE(e.At("seedcast_leases_total{event=\"granted\"}"), e.At("seedcast_leases_total{event=\"completed\"}"));
  EXPECT_EQ(e.At("seedcast_workers{class=\"F32\"}"), 1);
  EXPECT_EQ(e.At("seedcast_worker_slots{class=\"F32\"}"), 2);
  EXPECT_GT(e.At("seedcast_store_bytes"), 0);
}

TEST_F(MetricsTest, AgreeWithTheJobsStatus) {
  worker_->Start();
  v1::SubmitJobRequest request = SphereJob(1'000'000, 500);
  request.mutable_spec()->mutable_sphere()->set_fitness_noise(0.1);
  request.mutable_spec()->mutable_sphere()->set_not_finite_rate(0.01);
  request.mutable_spec()->mutable_validation()->set_every(1);
  const std::string job_id = Submit(request).job_id();
  const auto of_job = [&](const std::string& name) { return "seedcast_job_" + name + "{job=\"" + job_id + "\"}"; };
  const Exposition running = ScrapeUntil([&](const Exposition& e) { return e.At(of_job("generation")) >= 10; });
  EXPECT_EQ(running.At(of_job("running")), 1);
  Call(&v1::JobService::Stub::PauseJob, job_id);
  absl::SleepFor(absl::Milliseconds(300));  // what was out comes in
  const v1::JobStatus status = Call(&v1::JobService::Stub::GetJob, job_id);
  const Exposition e = ScrapeUntil([&](const Exposition& scraped) {
    return scraped.At("seedcast_jobs{state=\"PAUSED\"}") == 1 &&
           scraped.At(of_job("generation")) == static_cast<double>(status.version());
  });

  EXPECT_EQ(e.At(of_job("running")), 0);
  EXPECT_EQ(e.At(of_job("generations")), 1'000'000);
  EXPECT_NEAR(e.At(of_job("estimate_norm")), status.last().estimate_norm(), 1e-9);
  EXPECT_NEAR(e.At(of_job("validation_fitness")), status.last_validation().fitness(), 1e-9);
  EXPECT_THAT(e.At(of_job("validation_accuracy")), IsNan());
  EXPECT_EQ(e.At(of_job("failed_evaluations")), static_cast<double>(status.failed_evaluations()));
  EXPECT_GT(status.failed_evaluations(), 0);
  EXPECT_NEAR(e.At(of_job("evaluations_per_second")), status.evaluations_per_second(),
              1e-6 * status.evaluations_per_second());
  EXPECT_EQ(e.At(of_job("sigma")), status.last().sigma());
  const auto fitness = [&](const char* q) {
    return e.At("seedcast_job_fitness{job=\"" + job_id + "\",rank=\"" + q + "\"}");
  };
  EXPECT_NEAR(fitness("0"), status.last().fitness_min(), 1e-6);
  EXPECT_NEAR(fitness("1"), status.last().fitness_max(), 1e-6);
  EXPECT_LE(fitness("0.25"), fitness("0.5"));
  EXPECT_LE(fitness("0.5"), fitness("0.75"));
  EXPECT_LE(std::fabs(e.At(of_job("estimate_cosine"))), 1);
  EXPECT_GT(e.At(of_job("effective_utilities")), 0);
  EXPECT_LE(e.At(of_job("effective_utilities")), 1);

  ExpectTotals(e, status);
  EXPECT_NEAR(e.At("seedcast_certificate_expiry_timestamp_seconds"), absl::ToUnixSeconds(start_ + kCertificateLifetime),
              1);

  const Exposition worker = ParseExposition(HttpGet(worker_http_.port(), "/metrics").body);
  EXPECT_EQ(worker.At("seedcast_worker_connected"), 1);
  EXPECT_NEAR(worker.At("seedcast_certificate_expiry_timestamp_seconds"),
              absl::ToUnixSeconds(start_ + 2 * kCertificateLifetime), 1);
  EXPECT_EQ(e.At("seedcast_certificate_usable"), 1);
  EXPECT_EQ(worker.At("seedcast_certificate_usable"), 1);
  EXPECT_GE(worker.At("seedcast_worker_evaluations_total"), e.At("seedcast_evaluations_total"));
  EXPECT_GT(worker.At("seedcast_worker_transferred_bytes_total{direction=\"sent\",kind=\"stream\"}"), 0);
  EXPECT_GT(e.At("seedcast_transferred_bytes_total{direction=\"sent\",kind=\"stream\"}"), 0);
}

TEST_F(MetricsTest, HealthOfCoordinatorAndWorker) {
  EXPECT_THAT(HttpGet(server_->http_port(), "/healthz").head, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(HttpGet(worker_http_.port(), "/livez").head, StartsWith("HTTP/1.1 200"));
  const HttpAnswer apart = HttpGet(worker_http_.port(), "/healthz");
  EXPECT_THAT(apart.head, StartsWith("HTTP/1.1 503"));
  EXPECT_EQ(apart.body, "not connected to the coordinator\n");
  worker_->Start();
  ScrapeUntil([](const Exposition& e) { return e.At("seedcast_workers{class=\"F32\"}") == 1; });
  EXPECT_THAT(HttpGet(worker_http_.port(), "/healthz").head, StartsWith("HTTP/1.1 200"));
}

TEST(CoordinatorMetricsTextTest, EscapesLabelsAndLeavesOutWhatIsNotThere) {
  CoordinatorFigures figures;
  JobFigures& job = figures.active_jobs.emplace_back();
  job.job_id = "a\"b\\c\nd";
  job.update_ratio = std::nan("");
  const TransferredBytes bytes;
  const std::string text = CoordinatorMetricsText(figures, {.version = "1",
                                                            .started = absl::UnixEpoch(),
                                                            .bytes = &bytes,
                                                            .denied_calls = {},
                                                            .store_bytes = std::nan(""),
                                                            .store_free_bytes = std::nan(""),
                                                            .certificate = {}});
  EXPECT_THAT(text, HasSubstr("seedcast_job_generation{job=\"a\\\"b\\\\c\\nd\"} 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("seedcast_job_update_ratio")));
  EXPECT_THAT(text, Not(HasSubstr("seedcast_job_sigma")));
  EXPECT_THAT(text, Not(HasSubstr("seedcast_store_bytes")));
  EXPECT_THAT(text, Not(HasSubstr("seedcast_certificate_")));
}

TEST(HttpAddressTest, NeedsALoopbackOrAWord) {
  EXPECT_TRUE(CheckHttpAddress({"127.0.0.1:7071"}, /*secured=*/false, /*insecure=*/false).ok());
  EXPECT_TRUE(CheckHttpAddress({""}, false, false).ok());
  EXPECT_TRUE(CheckHttpAddress({"0.0.0.0:7071"}, true, false).ok());
  EXPECT_TRUE(CheckHttpAddress({"0.0.0.0:7071"}, false, true).ok());
  const absl::Status refused = CheckHttpAddress({"0.0.0.0:7071"}, false, false);
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("0.0.0.0:7071"));
}

TEST(HttpAddressTest, ADefaultThatIsTakenIsGivenUp) {
  HttpServer first, second;
  ASSERT_TRUE(first.Start({.address = "127.0.0.1:0"}).ok());
  const std::string taken = absl::StrCat("127.0.0.1:", first.port());
  EXPECT_TRUE(StartHttp({taken, /*asked_for=*/false}, &second).ok());
  EXPECT_EQ(second.port(), 0);
  EXPECT_EQ(StartHttp({taken, /*asked_for=*/true}, &second).code(), absl::StatusCode::kUnavailable);
}

TEST(CertificateGaugesTest, KeepTheLastEndAndTellThatTheFilesCannotBeUsed) {
  TemporaryDirectory directory;
  const absl::Time now = absl::Now();
  const TlsFiles files = IssueLeaf(directory.path(), Role::kCoordinator, now, absl::Hours(1));
  CertificateGauges gauges(files, TlsSide::kServer, now);
  const double end = absl::ToUnixSeconds(now + absl::Hours(1));
  EXPECT_NEAR(gauges.Look(now).expiry_unix_seconds, end, 1);
  EXPECT_EQ(gauges.Look(now).usable, 1);
  EXPECT_NEAR(gauges.Look(now + absl::Hours(2)).expiry_unix_seconds, end, 1);  // expired: the alert must not go away
  EXPECT_EQ(gauges.Look(now + absl::Hours(2)).usable, 0);
}

TEST(CertificateGaugesTest, KnowTheEndThoughTheFilesAreDamagedBeforeTheFirstScrape) {
  TemporaryDirectory directory;
  const absl::Time now = absl::Now();
  const TlsFiles files = IssueLeaf(directory.path(), Role::kCoordinator, now, absl::Hours(1));
  CertificateGauges gauges(files, TlsSide::kServer, now);
  std::ofstream(files.key) << "damaged";
  EXPECT_NEAR(gauges.Look(now).expiry_unix_seconds, absl::ToUnixSeconds(now + absl::Hours(1)), 1);
  EXPECT_EQ(gauges.Look(now).usable, 0);
}

TEST(CertificateGaugesTest, AreNoneInPlainText) {
  CertificateGauges gauges({}, TlsSide::kServer, absl::Now());
  EXPECT_THAT(gauges.Look(absl::Now()).expiry_unix_seconds, IsNan());
  EXPECT_THAT(gauges.Look(absl::Now()).usable, IsNan());
}

}  // namespace
}  // namespace seedcast
