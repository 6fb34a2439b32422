// Our own acceptor in front of gRPC. gRPC 1.51's wedges for ever once the process has run out of descriptors
// (CVE-2023-4785), which a peer without a certificate can bring about by connecting; this one sheds what is too much
// and goes on.
#pragma once

#include <grpcpp/server_builder.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"

namespace seedcast {

class Listener {
 public:
  // Binds "host:port" (all that the name stands for; port 0 takes a free one, the same for all) or "unix:path", and
  // listens: from now on peers may connect, and wait for Start. INVALID_ARGUMENT an address that is none, UNAVAILABLE
  // or PERMISSION_DENIED with the system's reason.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(const std::string& address);
  // Stops; nobody is accepted any more.
  ~Listener();
  Listener(const Listener&) = delete;

  int port() const { return port_; }  // 0 of a unix socket

  using Serve = std::function<void(int fd)>;  // takes the connection's descriptor; may be called by one thread
  void Start(Serve serve);
  void Stop();  // idempotent

  // Connections that were closed at once because few descriptors were left.
  int64_t shed() const { return shed_; }

 private:
  Listener() = default;
  void Run();
  void Accept(int listening_fd);
  void ShedOne(int listening_fd);
  void LogShedding();

  std::vector<int> fds_;
  std::string unix_path_;
  int port_ = 0;
  Serve serve_;
  int spare_fd_ = -1;  // given up for an instant to take, and close, a connection that found no descriptor
  int wake_[2] = {-1, -1};
  std::atomic<int64_t> shed_ = 0;
  int64_t logged_shed_ = 0;
  std::thread thread_;
};

}  // namespace seedcast
