// Takes connections on loopback and never says a word.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/testing/loopback.h"

namespace seedcast {

class SilentServer {
 public:
  SilentServer() {
    const timeval patience = {.tv_sec = 60, .tv_usec = 0};  // of Accept
    EXPECT_EQ(setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
  }
  ~SilentServer() { close(fd_); }
  SilentServer(const SilentServer&) = delete;

  int port() const { return port_; }
  // The next connection, which is the caller's; -1 after a minute.
  int Accept() const { return accept(fd_, nullptr, nullptr); }

 private:
  int port_ = 0;
  const int fd_ = ListenOnLoopback(&port_);
};

}  // namespace seedcast
