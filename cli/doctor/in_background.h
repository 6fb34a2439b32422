// Looks that may hang (a file system, a name server) and must not hold up the rest.
#pragma once

#include <chrono>
#include <future>
#include <optional>
#include <thread>
#include <utility>

#include "absl/time/time.h"

namespace seedcast {

// `look` on a thread of its own, which is left behind if it never ends: it must own what it uses.
template <typename Look>
auto InBackground(Look look) {
  std::packaged_task<decltype(look())()> task(std::move(look));
  auto result = task.get_future();
  std::thread(std::move(task)).detach();
  return result;
}

// Nothing when it is not there by `deadline`.
template <typename T>
std::optional<T> TakeBy(absl::Time deadline, std::future<T>& result) {
  if (result.wait_until(absl::ToChronoTime(deadline)) != std::future_status::ready) return std::nullopt;
  return result.get();
}

}  // namespace seedcast
