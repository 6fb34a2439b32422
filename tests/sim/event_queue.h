// Virtual time: what shall happen, and when. Equal times happen in the order in which they were put in.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "absl/time/time.h"

namespace seedcast::sim {

class EventQueue {
 public:
  absl::Time now() const { return now_; }
  bool empty() const { return events_.empty(); }

  void At(absl::Time time, std::function<void()> event) {
    events_.emplace(std::make_pair(std::max(time, now_), next_++), std::move(event));
  }
  void In(absl::Duration delay, std::function<void()> event) { At(now_ + delay, std::move(event)); }

  // Time jumps to the next event, which happens.
  void RunNext() {
    auto next = events_.extract(events_.begin());
    now_ = next.key().first;
    next.mapped()();
  }

 private:
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  int64_t next_ = 0;
  std::map<std::pair<absl::Time, int64_t>, std::function<void()>> events_;
};

}  // namespace seedcast::sim
