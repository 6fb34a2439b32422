// Our own acceptor in front of gRPC. gRPC 1.51's wedges for ever once the process has run out of descriptors
// (CVE-2023-4785), which a peer without a certificate can bring about by connecting; this one sheds what is too much
// and goes on. Who is cut off for what it did on a connection is not let in again for a while.
#pragma once

#include <grpcpp/server_builder.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "coordinator/rpc/source_limit.h"

namespace seedcast {

class Listener {
 public:
  // Binds "host:port" (all that the name stands for; port 0 takes a free one, the same for all) or "unix:path", and
  // listens: from now on peers may connect, and wait for Start. A socket's file that a dead process left behind is
  // replaced. INVALID_ARGUMENT an address that is none, UNAVAILABLE or PERMISSION_DENIED with the system's reason.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(const std::string& address);
  // Stops; nobody is accepted any more.
  ~Listener();
  Listener(const Listener&) = delete;

  int port() const { return port_; }  // 0 of a unix socket

  using Serve = std::function<void(int fd)>;  // takes the connection's descriptor; may be called by one thread
  void Start(Serve serve);
  void Stop();  // idempotent

  // Connections that were closed at once because few descriptors were left, or most were taken from the same address.
  int64_t shed() const { return shed_; }

  // Ends the connection of `peer` (peer_address.h), and those that come from its address within `refusal`. False when
  // it is none of ours. Any thread.
  bool CutOff(const std::string& peer, absl::Duration refusal) ABSL_LOCKS_EXCLUDED(mutex_);
  // Connections that this ended.
  int64_t cut_off() const { return cut_off_; }

 private:
  Listener() = default;
  void Run();
  void Accept(int listening_fd);
  bool HasRoomFor(int fd, const std::string& source);
  bool Refuses(const std::string& source) ABSL_LOCKS_EXCLUDED(mutex_);
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
  SourceLimit sources_;
  int first_connection_fd_ = std::numeric_limits<int>::max();  // the lowest
  std::atomic<int64_t> cut_off_ = 0;
  const SteadyClock clock_;
  absl::Mutex mutex_;
  std::map<std::string, absl::Time> refused_ ABSL_GUARDED_BY(mutex_);  // sources, and until when
  std::thread thread_;
};

}  // namespace seedcast
