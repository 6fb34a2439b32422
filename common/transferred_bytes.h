// Bytes of messages between a coordinator and its workers, as protobuf counts them, by direction and purpose.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace seedcast {

class TransferredBytes {
 public:
  enum Direction { kSent, kReceived, kDirections };
  enum Kind { kStream, kLog, kSnapshot, kArtifact, kKinds };

  // Any thread.
  void Add(Direction direction, Kind kind, int64_t bytes) {
    bytes_[direction][kind].fetch_add(bytes, std::memory_order_relaxed);
  }
  int64_t Get(Direction direction, Kind kind) const { return bytes_[direction][kind].load(std::memory_order_relaxed); }

 private:
  std::array<std::array<std::atomic<int64_t>, kKinds>, kDirections> bytes_ = {};
};

}  // namespace seedcast
