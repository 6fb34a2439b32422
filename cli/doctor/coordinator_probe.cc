#include "cli/doctor/coordinator_probe.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/host_port.h"
#include "common/loopback.h"
#include "coordinator/rpc/health_client.h"
#include "seedcast/v1/coordinator.grpc.pb.h"
#include "worker/runtime/grpc_transport.h"

namespace seedcast {
namespace {

constexpr absl::Duration kConnect = absl::Seconds(2);
constexpr absl::Duration kHandshake = absl::Seconds(1);
constexpr absl::Duration kCall = absl::Seconds(1);
constexpr int kDescriptions = 5;  // the quickest of them tells the clock best

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

// 0, or the system's error. The socket blocks once it is connected.
int ConnectWithin(int fd, const addrinfo& address, absl::Time deadline) {
  if (connect(fd, address.ai_addr, address.ai_addrlen) != 0 && errno != EINPROGRESS) return errno;
  pollfd waiting = {fd, POLLOUT, 0};
  const int64_t left = std::max<int64_t>(0, absl::ToInt64Milliseconds(deadline - absl::Now()));
  if (poll(&waiting, 1, static_cast<int>(left)) != 1) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
  return error;
}

absl::StatusOr<Socket> Connect(const HostPort& target) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(target.host.c_str(), target.port.c_str(), &hints, &found); error != 0) {
    return absl::UnavailableError(absl::StrCat("the name is not known: ", gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, freeaddrinfo);
  const absl::Time deadline = absl::Now() + kConnect;
  int error = 0;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    Socket connection(socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    error = connection.fd() < 0 ? errno : ConnectWithin(connection.fd(), *address, deadline);
    if (error == 0) return connection;
  }
  return absl::UnavailableError(std::strerror(error));
}

// By a connection of its own: what gRPC would say of a failed handshake is too little.
void LookAtConnection(const TlsFiles& tls, CoordinatorFacts* facts) {
  const HostPort target = SplitHostPort(facts->address);
  const absl::StatusOr<Socket> socket = Connect(target);
  facts->connected = socket.status();
  if (socket.ok()) facts->peer = ProbeTls(socket->fd(), target.host, tls, kHandshake);
}

bool MayUnderstandEachOther(const CoordinatorFacts& facts) {
  if (!facts.peer.ok()) return true;  // not looked at, or silent: gRPC may have more to say
  return facts.peer->speaks_tls == facts.certificates_given && facts.peer->verified.ok();
}

void LookAtService(const std::shared_ptr<grpc::Channel>& channel, CoordinatorFacts* facts) {
  channel->WaitForConnected(absl::ToChronoTime(absl::Now() + kConnect));
  absl::Time start = absl::Now();
  facts->serving = AskHealth(channel, kCall);
  facts->round_trip = absl::Now() - start;
  const auto stub = v1::CoordinatorService::NewStub(channel);
  for (int i = 0; i < kDescriptions && facts->serving.ok(); ++i) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kCall));
    v1::CoordinatorDescription description;
    start = absl::Now();
    const grpc::Status status = stub->Describe(&context, {}, &description);
    const absl::Time end = absl::Now();
    if (!status.ok()) {
      facts->build = absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
      return;
    }
    facts->build = description.build();
    facts->protocol_version = description.protocol_version();
    if (facts->clock && facts->round_trip <= end - start) continue;
    facts->round_trip = end - start;
    const absl::Time theirs = absl::UnixEpoch() + absl::Seconds(description.unix_seconds());
    facts->clock = ClockOffset{theirs - (start + facts->round_trip / 2), facts->round_trip / 2};
  }
}

}  // namespace

CoordinatorFacts LookAtCoordinator(const std::string& address, const TlsFiles& tls) {
  CoordinatorFacts facts;
  facts.address = address;
  facts.local = IsLoopback(address);
  facts.certificates_given = tls.configured();
  facts.connected = CheckTarget(address);
  if (facts.connected.ok() && !IsForGrpcResolver(address)) LookAtConnection(tls, &facts);
  if (!facts.connected.ok() || !MayUnderstandEachOther(facts)) return facts;
  LookAtService(MakeChannel(address, ChannelUse::kControl, tls), &facts);
  return facts;
}

}  // namespace seedcast
