// The status page while the coordinator's thread is busy: most who ask are sent away at once, so that the HTTP server
// keeps threads for those who ask for health.
#include <future>
#include <map>
#include <optional>
#include <string>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "coordinator/status/status_api.h"
#include "tests/coordinator/coordinator/coordinator_fixture.h"

namespace seedcast {
namespace {

class StatusTurnsTest : public CoordinatorTest {
 protected:
  // The coordinator's thread, as it comes to a generation's record, waits until that is let go.
  struct Gate {
    absl::Notification reached, open;
  };

  void SetUp() override {
    job_ = Submit(Spec(40, 0));
    Join("w");
    RunTo(job_, 40);
    store_.on_read_log = [this](int64_t generation) {
      const auto gate = gates_.find(generation);
      if (gate == gates_.end() || gate->second.reached.HasBeenNotified()) return;
      gate->second.reached.Notify();
      gate->second.open.WaitForNotification();
    };
    loop_.emplace(coordinator_.get(), &clock_, [](absl::Time) {});
    status_.emplace(&*loop_, &figures_, /*gate=*/nullptr);
    status_->AddTo(&server_);
  }
  void TearDown() override { loop_->Stop(); }

  int Ask() {
    int status = 0;
    HttpRequest request;
    request.method = "GET";
    request.path = "/api/jobs/" + job_;
    return (*server_.routes().Find("GET", "/api/jobs/*", &status))(request).status;
  }
  std::future<int> AskMeanwhile() {
    return std::async(std::launch::async, [this] { return Ask(); });
  }

  std::string job_;
  std::map<int64_t, Gate> gates_;
  const SteadyClock clock_;
  FiguresBoard figures_;
  std::optional<CoordinatorLoop> loop_;
  std::optional<StatusApi> status_;
  HttpServer server_;  // is not started
};

// One reads a long history, one waits until that is read: both count.
TEST_F(StatusTurnsTest, WhoWaitsForAnothersHistoryHasATurnToo) {
  Gate& first_page = gates_[0];
  Gate& second_page = gates_[32];
  std::future<int> reads = AskMeanwhile();
  first_page.reached.WaitForNotification();
  std::future<int> waits = AskMeanwhile();
  absl::SleepFor(absl::Milliseconds(50));  // until it has asked for the job's status
  first_page.open.Notify();
  second_page.reached.WaitForNotification();
  absl::SleepFor(absl::Milliseconds(50));  // until it has the status, and waits for the history
  const absl::Time start = absl::Now();
  EXPECT_EQ(Ask(), 503);
  EXPECT_LT(absl::Now() - start, absl::Seconds(1)) << "sent away at once";
  second_page.open.Notify();
  EXPECT_EQ(reads.get(), 200);
  EXPECT_EQ(waits.get(), 200);
  EXPECT_EQ(Ask(), 200) << "the turns are given back";
}

}  // namespace
}  // namespace seedcast
