#include "worker/runtime/grpc_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "absl/synchronization/notification.h"
#include "common/digest.h"
#include "tests/worker/runtime/fake_coordinator.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class RecordingReceiver final : public Transport::Receiver {
 public:
  void OnMessage(const v1::CoordinatorMessage& message) override {
    if (message.has_welcome()) welcomed.Notify();
  }
  void OnClosed(const absl::Status& status) override {
    closed_status = status;
    closed.Notify();
  }

  absl::Notification welcomed, closed;
  absl::Status closed_status;
};

template <typename T>
absl::StatusOr<T> Wait(const std::function<void(Transport::Callback<T>)>& fetch) {
  std::promise<absl::StatusOr<T>> promise;
  fetch([&](absl::StatusOr<T> answer) { promise.set_value(std::move(answer)); });
  return promise.get_future().get();
}

class GrpcTransportTest : public ::testing::Test {
 protected:
  std::unique_ptr<Transport> Make(GrpcTransportOptions options = {}) {
    return MakeGrpcTransport(coordinator_.Channel(), coordinator_.Channel(), options);
  }
  absl::StatusOr<std::string> FetchArtifact(Transport& transport, const std::string& digest) {
    return Wait<std::string>([&](auto done) { transport.FetchArtifact(digest, done); });
  }

  FakeCoordinator coordinator_{SmallJob()};
};

TEST_F(GrpcTransportTest, DeliversWhatWasSentBeforeItDisconnects) {
  int results = 0;
  coordinator_.Play([&](FakeCoordinator::Stream* stream) {
    FakeCoordinator::ReadHello(stream);
    FakeCoordinator::SendWelcome(stream);
    v1::WorkerMessage message;
    while (stream->Read(&message)) results += message.has_result();
    return grpc::Status::OK;
  });
  RecordingReceiver receiver;
  const auto transport = Make();
  transport->Connect({}, &receiver);
  receiver.welcomed.WaitForNotification();
  v1::WorkerMessage message;
  message.mutable_result();
  for (int i = 0; i < 1000; ++i) transport->Send(message);
  transport->Disconnect();
  receiver.closed.WaitForNotification();
  EXPECT_EQ(results, 1000);
  EXPECT_TRUE(receiver.closed_status.ok());
}

TEST_F(GrpcTransportTest, TheSecondDisconnectDoesNotWaitForThePeer) {
  // Shared: the script may still be on its way out of the wait when this function has ended.
  const auto cancelled = std::make_shared<absl::Notification>();
  coordinator_.Play([cancelled](FakeCoordinator::Stream* stream) {
    FakeCoordinator::SendWelcome(stream);
    cancelled->WaitForNotification();
    return grpc::Status::OK;
  });
  RecordingReceiver receiver;
  const auto transport = Make();
  transport->Connect({}, &receiver);
  receiver.welcomed.WaitForNotification();
  transport->Disconnect();
  transport->Disconnect();
  receiver.closed.WaitForNotification();
  cancelled->Notify();
  EXPECT_EQ(receiver.closed_status.code(), absl::StatusCode::kCancelled);
}

TEST_F(GrpcTransportTest, TellsWhyTheStreamWasRefused) {
  RecordingReceiver receiver;
  const auto transport = Make();
  transport->Connect({}, &receiver);
  receiver.closed.WaitForNotification();
  EXPECT_EQ(receiver.closed_status, absl::FailedPreconditionError("no script is left"));
}

TEST_F(GrpcTransportTest, AnUnreachableAddressIsUnavailable) {
  RecordingReceiver receiver;
  const auto transport = MakeGrpcTransport(MakeChannel("127.0.0.1:1", ChannelUse::kControl),
                                           MakeChannel("127.0.0.1:1", ChannelUse::kBulk));
  transport->Connect({}, &receiver);
  receiver.closed.WaitForNotification();
  EXPECT_EQ(receiver.closed_status.code(), absl::StatusCode::kUnavailable);
}

TEST_F(GrpcTransportTest, ItsEndEndsTheStream) {
  coordinator_.Play([](FakeCoordinator::Stream* stream) {
    FakeCoordinator::SendWelcome(stream);
    FakeCoordinator::ReadToEnd(stream);
    return grpc::Status::OK;
  });
  RecordingReceiver receiver;
  auto transport = Make();
  transport->Connect({}, &receiver);
  receiver.welcomed.WaitForNotification();
  transport.reset();
  EXPECT_TRUE(receiver.closed.HasBeenNotified());
}

TEST_F(GrpcTransportTest, FetchesTheLog) {
  const auto transport = Make();
  const auto records =
      Wait<std::vector<v1::GenerationRecord>>([&](auto done) { transport->FetchLog("job-1", 3, 7, std::move(done)); });
  ASSERT_TRUE(records.ok());
  ASSERT_THAT(*records, SizeIs(4));
  EXPECT_EQ(records->back().generation(), 6);
}

TEST_F(GrpcTransportTest, PutsASnapshotTogether) {
  const auto transport = Make();
  const auto bytes = Wait<std::string>([&](auto done) { transport->FetchSnapshot("job-1", 5, std::move(done)); });
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(*bytes, SerializeState(coordinator_.history.at(5)));
}

TEST_F(GrpcTransportTest, PutsAnArtifactTogetherAndChecksItsDigest) {
  coordinator_.artifact = std::string(1000, 'x') + "y";
  const auto transport = Make();
  const std::string digest = ToHex(Sha256Of(coordinator_.artifact));
  EXPECT_EQ(FetchArtifact(*transport, digest).value(), coordinator_.artifact);
  const std::string other = ToHex(Sha256Of("other"));
  const absl::Status status = FetchArtifact(*transport, other).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr(digest));
}

TEST_F(GrpcTransportTest, RefusesSizesThatAreNotTrueOrTooLarge) {
  struct Case {
    int64_t extra_bytes, max_bytes;
    absl::StatusCode code;
  };
  coordinator_.artifact = std::string(100, 'x');
  for (const Case& c : {Case{5, 1000, absl::StatusCode::kDataLoss}, Case{-5, 1000, absl::StatusCode::kDataLoss},
                        Case{-101, 1000, absl::StatusCode::kResourceExhausted},
                        Case{int64_t{1} << 60, 1000, absl::StatusCode::kResourceExhausted},
                        Case{0, 99, absl::StatusCode::kResourceExhausted}}) {
    SCOPED_TRACE(c.extra_bytes);
    coordinator_.announced_extra_bytes = c.extra_bytes;
    const auto transport = Make({.max_artifact_bytes = c.max_bytes});
    EXPECT_EQ(FetchArtifact(*transport, ToHex(Sha256Of(coordinator_.artifact))).status().code(), c.code);
  }
}

}  // namespace
}  // namespace seedcast
