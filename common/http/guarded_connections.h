// What cpp-httplib 0.11 leaves open to strangers, of the connections of an HTTPS server: it would queue as many as
// come, and a handshake may take for ever as long as now and then a byte arrives.
#pragma once

#include <httplib.h>
#include <openssl/ssl.h>

#include <atomic>
#include <functional>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/log_budget.h"

namespace seedcast {

struct ConnectionLimits {
  size_t threads = 8;                           // connections that are served at a time
  size_t waiting = 24;                          // those that may wait for a thread; more are closed as they come
  absl::Duration handshake = absl::Seconds(5);  // from its begin on a thread to its end
};

// The server's task queue. It tells the connections' sockets, which the library keeps to itself, by OpenSSL's callbacks
// on the thread that serves them.
class GuardedConnections final : public httplib::TaskQueue {
 public:
  explicit GuardedConnections(const ConnectionLimits& limits) : limits_(limits), pool_(limits.threads) {}

  // Of a server whose task queue is of this class; before its first connection.
  static void SetUp(SSL_CTX* context);

  void enqueue(std::function<void()> serve) override;
  void on_idle() override;
  void shutdown() override;  // handshakes are cut off, requests in hand waited for

 private:
  static void OnInfo(const SSL* connection, int where, int result);
  static void OnFree(void* parent, void* self, CRYPTO_EX_DATA*, int, long, void*);
  static int OwnIndex();

  void Serve(const std::function<void()>& serve, bool refused);
  void Begin(const SSL* connection);
  void End(const SSL* connection);
  void CutOff(absl::Time now);  // those whose time is up

  struct Handshake {
    int fd;
    absl::Time deadline;
  };
  static thread_local GuardedConnections* serving_;  // of the connection that this thread serves
  static thread_local bool refusing_;                // it is to be closed

  const ConnectionLimits limits_;
  std::atomic<size_t> waiting_ = 0;
  std::atomic<bool> stopping_ = false;
  LogBudget log_{1, absl::Minutes(1)};
  absl::Mutex mutex_;
  std::map<const SSL*, Handshake> handshakes_ ABSL_GUARDED_BY(mutex_);
  httplib::ThreadPool pool_;
};

}  // namespace seedcast
