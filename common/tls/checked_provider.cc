#include "common/tls/checked_provider.h"

#include <openssl/ssl.h>

#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/tls/certificate_relay.h"
#include "common/tls/credentials.h"

namespace seedcast {
namespace {

using Provider = grpc::experimental::FileWatcherCertificateProvider;

constexpr unsigned kGrpcLooksEverySeconds = 1;  // the least that it takes; it reads two files in memory

struct Watched {
  Watched(TlsFiles the_files, TlsSide the_side) : files(std::move(the_files)), side(the_side), relay(files, side) {
    relay.Refresh(absl::Now());
    provider = std::make_shared<Provider>(relay.pair_path(), relay.pair_path(), relay.authority_path(),
                                          kGrpcLooksEverySeconds);
  }

  const TlsFiles files;
  const TlsSide side;
  CertificateRelay relay;
  std::shared_ptr<Provider> provider;
};

class Watch {
 public:
  static Watch& OfProcess() {
    struct Running {
      // OpenSSL cleans up at exit. What is made after it goes before it, and so no check is under way then.
      Running() { OPENSSL_init_ssl(0, nullptr); }
      ~Running() { watch->Stop(); }
      Watch* const watch = new Watch;  // stays: gRPC's threads may read to the very end
    };
    static const Running running;
    return *running.watch;
  }

  std::shared_ptr<Provider> ProviderOf(const TlsFiles& files, TlsSide side) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    for (const auto& watched : watched_) {
      if (watched->files == files && watched->side == side) return watched->provider;
    }
    if (watched_.empty()) thread_ = std::thread([this] { Run(); });
    return watched_.emplace_back(std::make_unique<Watched>(files, side))->provider;
  }

 private:
  void Run() {
    while (!stop_.WaitForNotificationWithTimeout(kCertificateRefresh)) {
      absl::MutexLock lock(&mutex_);
      for (const auto& watched : watched_) watched->relay.Refresh(absl::Now());
    }
  }
  void Stop() {
    stop_.Notify();
    if (thread_.joinable()) thread_.join();
  }

  absl::Notification stop_;
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<Watched>> watched_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // from the first provider on
};

}  // namespace

std::shared_ptr<grpc::experimental::CertificateProviderInterface> CheckedProvider(const TlsFiles& files, TlsSide side) {
  return Watch::OfProcess().ProviderOf(files, side);
}

}  // namespace seedcast
