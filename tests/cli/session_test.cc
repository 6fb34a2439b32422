// What a command does with a coordinator that is not one of its own.
#include <gmock/gmock.h>
#include <grpcpp/server_builder.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/version.h"
#include "seedcast/v1/coordinator.grpc.pb.h"
#include "tests/cli/command_fixture.h"

namespace seedcast {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Says who it is, or nothing; whatever else it is asked, it does not know.
class OtherCoordinator final : public v1::CoordinatorService::Service {
 public:
  enum class Manner { kDescribesItself, kSaysNothing, kDoesNotKnowTheQuestion };

  OtherCoordinator(Manner manner, int protocol_version = 0) : manner_(manner), protocol_version_(protocol_version) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    address_ = absl::StrCat("127.0.0.1:", port);
  }

  const std::string& address() const { return address_; }

 private:
  grpc::Status Describe(grpc::ServerContext* context, const v1::DescribeRequest*,
                        v1::CoordinatorDescription* response) override {
    while (manner_ == Manner::kSaysNothing && !context->IsCancelled()) absl::SleepFor(absl::Milliseconds(10));
    if (manner_ != Manner::kDescribesItself) return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "what?");
    response->set_build("7.8.9");
    response->set_protocol_version(protocol_version_);
    return grpc::Status::OK;
  }

  const Manner manner_;
  const int protocol_version_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

class SessionTest : public CommandTest {
 protected:
  // One of each kind: a single answer, a stream, a submission.
  std::vector<std::vector<std::string>> Commands() const {
    return {{"list"}, {"watch", "sphere-1"}, {"evaluate", "sphere-1"}, {"submit", SphereJob()}};
  }
  static CommandResult Ask(const OtherCoordinator& coordinator, std::vector<std::string> command) {
    command.insert(command.end(), {"--coordinator", coordinator.address()});
    return Command(command);
  }
};

TEST_F(SessionTest, ACoordinatorOfAnotherProtocolIsRefusedByName) {
  const OtherCoordinator coordinator(OtherCoordinator::Manner::kDescribesItself, kProtocolVersion + 1);
  for (const std::vector<std::string>& command : Commands()) {
    const CommandResult result = Ask(coordinator, command);
    EXPECT_EQ(result.code, kExitFailed) << command[0];
    EXPECT_THAT(
        result.err,
        AllOf(HasSubstr(absl::StrCat("coordinator ", coordinator.address(), " is version 7.8.9 with protocol ",
                                     kProtocolVersion + 1)),
              HasSubstr(absl::StrCat("this is seedcast ", SEEDCAST_VERSION, " with protocol ", kProtocolVersion))))
        << command[0];
    EXPECT_EQ(result.out, "");
  }
}

TEST_F(SessionTest, ACoordinatorThatDoesNotKnowTheQuestionIsRefused) {
  const OtherCoordinator coordinator(OtherCoordinator::Manner::kDoesNotKnowTheQuestion);
  const CommandResult result = Ask(coordinator, {"list"});
  EXPECT_EQ(result.code, kExitFailed);
  EXPECT_THAT(result.err, HasSubstr("does not say its version: what?; this is seedcast "));
}

TEST_F(SessionTest, ACoordinatorThatNeverAnswersIsGivenUp) {
  const OtherCoordinator coordinator(OtherCoordinator::Manner::kSaysNothing);
  const absl::Time start = absl::Now();
  const CommandResult result = Ask(coordinator, {"watch", "sphere-1"});
  EXPECT_EQ(result.code, kExitUnreachable);
  EXPECT_THAT(result.err, HasSubstr("does not answer: nothing came within 5s"));
  EXPECT_LT(absl::Now() - start, absl::Seconds(15));
}

}  // namespace
}  // namespace seedcast
