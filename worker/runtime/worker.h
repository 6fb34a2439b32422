// A running worker: the core on one thread, slots on theirs, parameters and data on one more.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "seedcast/v1/worker.pb.h"
#include "worker/runtime/figures.h"
#include "worker/runtime/transport.h"

namespace seedcast {

struct WorkerOptions {
  std::string id;  // unique among the coordinator's workers. Required.
  int slots = 1;   // threads that evaluate, one pair at a time each, 1 .. 4096
  // Where data sets are kept that were fetched from the coordinator; empty: the user's cache directory.
  std::string cache_directory;
  // Memory for inner trainings that go on in the next generation (estimators with carried state), MiB, 0 .. 2^20. What
  // does not fit is unrolled again. Default 1024.
  int inner_state_mb = 1024;
  // Bytes that evaluations may take; a job of which a slot's share is too little is left to other workers. 0 (default):
  // three quarters of what this process can come to use.
  int64_t memory_bytes = 0;

  absl::Status Validate() const;  // INVALID_ARGUMENT names the field, its value and what is expected
};

class Worker {
 public:
  // Takes valid options; owns the transport.
  Worker(WorkerOptions options, std::unique_ptr<Transport> transport);
  // Drains at once if nobody did before.
  ~Worker();

  // Connects and works until drained (OK) or refused by the coordinator (its status: FAILED_PRECONDITION,
  // INVALID_ARGUMENT, ALREADY_EXISTS or UNIMPLEMENTED). CANCELLED after a second RequestDrain.
  absl::Status Run();

  // The same in the background: Start once, then Join once.
  void Start();
  absl::Status Join();

  // Finish the leases in hand, take no more, say goodbye. The second call stops at once. Any thread, not a signal
  // handler.
  void RequestDrain();

  // Any thread.
  WorkerFigures figures() const;
  v1::WorkerStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace seedcast
