// Mutual TLS for a server that is not gRPC's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/tls/certificate.h"

struct ssl_ctx_st;
struct ssl_st;

namespace seedcast {

// Peers without a certificate of the authority are refused. The files are read again every few seconds: what is new
// holds for connections made from then on, and what cannot be used leaves what was. Thread-safe.
class TlsContext {
 public:
  explicit TlsContext(TlsFiles files) : files_(std::move(files)) {}

  // Makes `context` use this one, which must outlive it. INVALID_ARGUMENT says what is wrong with the files.
  absl::Status SetUp(ssl_ctx_st* context);

  // The URI names (common/tls/role.h) of the peer's certificate, after the handshake.
  static std::vector<std::string> PeerNames(const ssl_st* connection);

 private:
  using Loaded = std::shared_ptr<ssl_ctx_st>;
  static int OnClientHello(ssl_st* connection, int* alert, void* self);
  absl::StatusOr<Loaded> Load() const;
  Loaded Newest() ABSL_LOCKS_EXCLUDED(mutex_);

  const TlsFiles files_;
  absl::Mutex mutex_;
  Loaded loaded_ ABSL_GUARDED_BY(mutex_);
  absl::Time loaded_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace seedcast
