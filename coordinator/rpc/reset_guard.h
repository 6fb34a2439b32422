// Cuts off peers that open calls only to reset them (CVE-2023-44487), which costs us much and them nothing; gRPC 1.51
// has no limit against it. Looks ten times a second at how many calls there were, and at every connection only after
// many, or once a minute: then it does not matter how many connections stand.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "absl/synchronization/notification.h"

namespace seedcast {

class ResetGuard {
 public:
  // `cut_off` is called on the guard's thread with the peer of a connection (ConnectionCounts::peer), of any server of
  // this process.
  explicit ResetGuard(std::function<void(const std::string& peer)> cut_off);
  ~ResetGuard();

 private:
  void Run();

  const std::function<void(const std::string& peer)> cut_off_;
  absl::Notification stop_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace seedcast
