#include "coordinator/rpc/listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/host_port.h"
#include "common/log.h"
#include "coordinator/rpc/peer_address.h"

namespace seedcast {
namespace {

constexpr int kBacklog = 4096;
// Kept for what the process opens itself: the store, its journal, artifacts, gRPC's own.
constexpr int kReservedDescriptors = 64;
constexpr int kErrorPauseMs = 10;  // after an error that is nobody's connection, so that it cannot spin

absl::Status CannotListen(const std::string& address, int error) {
  const std::string message = absl::StrCat("cannot listen on ", address, ": ", std::strerror(error));
  return error == EACCES ? absl::PermissionDeniedError(message) : absl::UnavailableError(message);
}

struct AddressInfoDeleter {
  void operator()(addrinfo* info) const { freeaddrinfo(info); }
};

absl::StatusOr<std::unique_ptr<addrinfo, AddressInfoDeleter>> LookUp(const std::string& address) {
  const auto [host, port] = SplitHostPort(address);
  addrinfo hints = {};
  hints.ai_flags = AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (host.empty() || port.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("cannot listen on ", address, ": expected host:port"));
  }
  if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0) {
    return absl::InvalidArgumentError(absl::StrCat("cannot listen on ", address, ": ", gai_strerror(error)));
  }
  return std::unique_ptr<addrinfo, AddressInfoDeleter>(found);
}

// A listening socket, or -1 with errno.
int ListenOn(int family, const sockaddr* address, socklen_t size) {
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  const int one = 1, zero = 0;
  if (family != AF_UNIX) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
  if (bind(fd, address, size) == 0 && listen(fd, kBacklog) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

// Whether somebody takes connections there. A process that died leaves the socket's file behind, and nobody does.
bool IsServed(const sockaddr_un& name) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  const bool served = connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0 || errno == EAGAIN;
  close(fd);
  return served;
}

int PortOf(int fd) {
  sockaddr_storage address = {};
  socklen_t size = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                                             : reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

void SetPort(sockaddr* address, int port) {
  if (address->sa_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(address)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(address)->sin_port = htons(port);
  }
}

// A machine without IPv6, say, when a name stands for both kinds.
bool IsOfOtherFamily(int error) { return error == EAFNOSUPPORT || error == EADDRNOTAVAIL; }

int OpenSpare() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

// Descriptors that connections may have.
int64_t Capacity() {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  const auto descriptors = static_cast<int64_t>(limit.rlim_cur);
  return descriptors - std::min<int64_t>(kReservedDescriptors, descriptors / 4);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Open(const std::string& address) {
  std::unique_ptr<Listener> listener(new Listener);
  listener->spare_fd_ = OpenSpare();
  if (pipe2(listener->wake_, O_CLOEXEC) != 0) return CannotListen(address, errno);
  if (absl::StartsWith(address, "unix:")) {
    sockaddr_un name = {};
    name.sun_family = AF_UNIX;
    const std::string path = address.substr(5);
    if (path.empty() || path.size() >= sizeof name.sun_path) return CannotListen(address, ENAMETOOLONG);
    path.copy(name.sun_path, path.size());
    struct stat status = {};
    if (lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) {
      if (IsServed(name)) return CannotListen(address, EADDRINUSE);
      unlink(path.c_str());
    }
    const int fd = ListenOn(AF_UNIX, reinterpret_cast<sockaddr*>(&name), sizeof name);
    if (fd < 0) return CannotListen(address, errno);
    listener->fds_.push_back(fd);
    listener->unix_path_ = path;
    return listener;
  }
  const auto found = LookUp(address);
  if (!found.ok()) return found.status();
  int error = 0;
  for (addrinfo* info = found->get(); info != nullptr; info = info->ai_next) {
    if (listener->port_ != 0) SetPort(info->ai_addr, listener->port_);
    const int fd = ListenOn(info->ai_family, info->ai_addr, info->ai_addrlen);
    if (fd < 0) {
      error = errno;
      if (IsOfOtherFamily(error)) continue;
      return CannotListen(address, error);
    }
    listener->fds_.push_back(fd);
    listener->port_ = PortOf(fd);
  }
  if (listener->fds_.empty()) return CannotListen(address, error);
  return listener;
}

Listener::~Listener() {
  Stop();
  // While it is served still: once it is not, the name is for another to take.
  if (!unix_path_.empty()) unlink(unix_path_.c_str());
  for (const int fd : fds_) close(fd);
  for (const int fd : {spare_fd_, wake_[0], wake_[1]}) {
    if (fd >= 0) close(fd);
  }
}

void Listener::Start(Serve serve) {
  serve_ = std::move(serve);
  thread_ = std::thread([this] { Run(); });
}

void Listener::Stop() {
  if (!thread_.joinable()) return;
  const char byte = 0;
  [[maybe_unused]] const ssize_t written = write(wake_[1], &byte, 1);
  thread_.join();
}

void Listener::Run() {
  std::vector<pollfd> waiting = {{wake_[0], POLLIN, 0}};
  for (const int fd : fds_) waiting.push_back({fd, POLLIN, 0});
  while (true) {
    const int ready = poll(waiting.data(), waiting.size(), /*timeout=*/-1);
    if (ready < 0 && errno != EINTR) poll(nullptr, 0, kErrorPauseMs);
    if (waiting[0].revents != 0) return;
    for (size_t i = 1; i < waiting.size(); ++i) {
      if (ready > 0 && (waiting[i].revents & POLLIN) != 0) Accept(waiting[i].fd);
    }
    LogShedding();
  }
}

// One connection a call, so that no flood on one address keeps another one, or Stop, waiting.
void Listener::Accept(int listening_fd) {
  sockaddr_storage peer = {};
  socklen_t size = sizeof peer;
  const int fd = accept4(listening_fd, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
  const std::string source = SourceOf(peer);
  if (fd >= 0 && Refuses(source)) {
    close(fd);
    ++cut_off_;
  } else if (fd >= 0 && HasRoomFor(fd, source)) {
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);  // fails, as it may, on a unix socket
    serve_(fd);
  } else if (fd >= 0) {
    close(fd);
    ++shed_;
  } else if (errno == EMFILE || errno == ENFILE) {
    ShedOne(listening_fd);
  } else if (errno == ENOBUFS || errno == ENOMEM) {
    poll(nullptr, 0, kErrorPauseMs);
  }  // else the peer was gone before it was accepted
}

// The kernel hands out the lowest free number: a high one says how few are left, the lowest that a connection ever had
// how many are not for connections. Three quarters of the rest are generous for many workers behind one address, and
// leave others a quarter.
bool Listener::HasRoomFor(int fd, const std::string& source) {
  const int64_t capacity = Capacity();
  first_connection_fd_ = std::min(first_connection_fd_, fd);
  const int64_t most = (capacity - first_connection_fd_) / 4 * 3;
  return fd < capacity && (source.empty() || sources_.Take(fd, source, most, clock_.Now()));
}

void Listener::ShedOne(int listening_fd) {
  close(spare_fd_);
  const int fd = accept4(listening_fd, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd >= 0) {
    close(fd);
    ++shed_;
  }
  spare_fd_ = OpenSpare();
  if (fd < 0) poll(nullptr, 0, kErrorPauseMs);  // another thread was faster: it holds what we gave up
}

bool Listener::CutOff(const std::string& peer, absl::Duration refusal) {
  const std::optional<sockaddr_storage> address = EndConnection(peer, port_);
  if (!address) return false;
  ++cut_off_;
  const absl::Time now = clock_.Now();
  absl::MutexLock lock(&mutex_);
  for (auto it = refused_.begin(); it != refused_.end();) it = it->second <= now ? refused_.erase(it) : std::next(it);
  refused_[SourceOf(*address)] = now + refusal;
  return true;
}

bool Listener::Refuses(const std::string& source) {
  absl::MutexLock lock(&mutex_);
  const auto refused = refused_.find(source);
  return refused != refused_.end() && clock_.Now() < refused->second;
}

void Listener::LogShedding() {
  static constexpr int64_t kEvery = 1000;
  if (shed_ == logged_shed_ || (logged_shed_ > 0 && shed_ - logged_shed_ < kEvery)) return;
  logged_shed_ = shed_;
  LogWarning("connections shed", {{"total", absl::StrCat(logged_shed_)}, {"reason", "few file descriptors are left"}});
}

}  // namespace seedcast
