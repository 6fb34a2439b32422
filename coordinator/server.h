// A whole coordinator as one object: store, artifacts, the Coordinator on its thread, and a gRPC server in front of it.
// The binary seedcast-coordinator runs one; the CLI embeds one for `seedcast run` and for commands on a store
// directory.
#pragma once

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/http/http_address.h"
#include "common/tls/certificate.h"

namespace seedcast {

struct ServerOptions {
  // Where to listen, "host:port"; port 0 takes a free one. Empty: no port, only InProcessChannel().
  std::string address;
  // Mutual TLS and roles (rpc/method_roles.h) when set. Without, an address other than loopback is refused unless
  // `insecure` says that the network is trusted.
  TlsFiles tls;
  bool insecure = false;
  bool reflection = false;  // gRPC server reflection, for grpcurl and the like
  // A second address, in plain text whatever `tls` says, that answers grpc.health.v1.Health and nothing else: for
  // probes that have no certificate. Empty: none.
  std::string health_address;
  // Of connections without calls, and of any (rpc/front.h); 1 s .. 24 days, or infinite where others in this process
  // use InProcessChannel().
  absl::Duration connection_idle = absl::InfiniteDuration();
  absl::Duration connection_age = absl::InfiniteDuration();

  // Plain HTTP whatever `tls` says: /metrics, /healthz, /livez and the status page. Empty: none.
  HttpAddress http;
  // The same over mutual TLS, where roles may do on the status page what they may over gRPC. Needs `tls`. Empty: none.
  std::string https_address;

  std::string store_directory;  // empty: in memory, gone at Shutdown
  // Must hold the Omniglot zips. Empty: $SEEDCAST_DATA, else the usual places (worker/data/locate.h).
  std::string data_directory;
  std::string cache_directory;  // of downloaded and decoded data sets; empty: the user's cache directory
  // Told of what takes seconds with a data set, before it is begun (worker/data/locate.h). Any thread. Null: nobody.
  std::function<void(const std::string& what)> announce;

  absl::Duration lease_ttl = absl::Seconds(30);  // a worker silent for so long loses its leases; 1 s .. 1 h
  // A worker's stream that does not say Hello, or does not read what ends it, is cut off after so long.
  absl::Duration hello_timeout = absl::Seconds(10);
  int update_threads = 1;  // for the coordinator's own Update, 1 .. 1024

  absl::Status Validate() const;  // INVALID_ARGUMENT names the option, its value and what is expected
};

class CoordinatorServer {
 public:
  // Opens the store, recovers its jobs, serves. Errors: INVALID_ARGUMENT an option or a certificate;
  // FAILED_PRECONDITION the store is held by another process or newer than this program; UNAVAILABLE the port is in
  // use; PERMISSION_DENIED a directory cannot be written; DATA_LOSS the store is damaged.
  static absl::StatusOr<std::unique_ptr<CoordinatorServer>> Start(const ServerOptions& options);

  // Shuts down with no grace if nobody did before.
  ~CoordinatorServer();

  // A channel that does not touch the network. Valid until Shutdown.
  std::shared_ptr<grpc::Channel> InProcessChannel();
  int port() const { return port_; }                      // 0 without an address
  int health_port() const { return health_port_; }        // 0 without a health_address
  int http_port() const { return http_port_; }            // 0 without HTTP
  int https_port() const { return https_port_; }          // 0 without an https_address
  int jobs_recovered() const { return jobs_recovered_; }  // found in the store at Start

  // No new leases, Drain to every worker, waits up to `grace` for results in hand, then ends every stream and call and
  // joins all threads. What was acknowledged is in the store whether or not this is called. Idempotent; one thread.
  void Shutdown(absl::Duration grace);

 private:
  class Impl;
  explicit CoordinatorServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;  // null after Shutdown
  const int port_;
  const int health_port_;
  const int http_port_;
  const int https_port_;
  const int jobs_recovered_;
};

}  // namespace seedcast
