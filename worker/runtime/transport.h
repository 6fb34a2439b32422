// The Transport seam: a worker's view of its coordinator, messages out and messages in, so that worker.h does not link
// gRPC (grpc_transport.h does). The simulation has no use for one: it drives the pure worker_core.h.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "seedcast/v1/parameters.pb.h"
#include "seedcast/v1/worker.pb.h"

namespace seedcast {

class Transport {
 public:
  // Called from the transport's threads, one call at a time for one stream.
  class Receiver {
   public:
    virtual ~Receiver() = default;
    virtual void OnMessage(const v1::CoordinatorMessage& message) = 0;
    // Once for every Connect, last: the stream has ended, or never opened.
    virtual void OnClosed(const absl::Status& status) = 0;
  };
  template <typename T>
  using Callback = std::function<void(absl::StatusOr<T>)>;

  virtual ~Transport() = default;

  // Opens the stream and sends Hello. One stream at a time.
  virtual void Connect(const v1::Hello& hello, Receiver* receiver) = 0;
  virtual void Send(const v1::WorkerMessage& message) = 0;  // dropped when there is no stream
  // Ends the stream after what was sent; OnClosed follows once the peer has ended it too. A second call does not wait
  // for the peer.
  virtual void Disconnect() = 0;

  // ParameterService. Each answers exactly once, from any thread, within a deadline of its own.
  virtual void FetchLog(const std::string& job_id, int64_t from, int64_t to,
                        Callback<std::vector<v1::GenerationRecord>> done) = 0;
  virtual void FetchSnapshot(const std::string& job_id, int64_t at_or_below, Callback<std::string> done) = 0;
  virtual void FetchArtifact(const std::string& digest, Callback<std::string> done) = 0;
};

}  // namespace seedcast
