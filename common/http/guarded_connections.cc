#include "common/http/guarded_connections.h"

#include <sys/socket.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/log.h"

namespace seedcast {

thread_local GuardedConnections* GuardedConnections::serving_ = nullptr;
thread_local bool GuardedConnections::refusing_ = false;

// In a connection's slot of this index stands its guard, from the begin of its first handshake on.
int GuardedConnections::OwnIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, OnFree);
  return index;
}

void GuardedConnections::SetUp(SSL_CTX* context) {
  OwnIndex();
  SSL_CTX_set_info_callback(context, OnInfo);
}

void GuardedConnections::OnInfo(const SSL* connection, int where, int) {
  if (serving_ == nullptr) return;
  if (where == SSL_CB_HANDSHAKE_START) serving_->Begin(connection);
  if (where == SSL_CB_HANDSHAKE_DONE) serving_->End(connection);
}

// Before the library closes the socket, whose number may then be another connection's.
void GuardedConnections::OnFree(void* parent, void* self, CRYPTO_EX_DATA*, int, long, void*) {
  if (self != nullptr) static_cast<GuardedConnections*>(self)->End(static_cast<const SSL*>(parent));
}

void GuardedConnections::enqueue(std::function<void()> serve) {
  CutOff(absl::Now());
  if (waiting_ < limits_.waiting) {
    ++waiting_;
    return pool_.enqueue([this, serve = std::move(serve)] {
      --waiting_;
      Serve(serve, stopping_);
    });
  }
  if (const auto unsaid = log_.Take(absl::Now())) {
    LogWarning("https connection refused",
               {{"reason", absl::StrCat(limits_.waiting, " wait already")}, {"refused_unsaid", absl::StrCat(*unsaid)}});
  }
  Serve(serve, /*refused=*/true);
}

void GuardedConnections::Serve(const std::function<void()>& serve, bool refused) {
  serving_ = this;
  refusing_ = refused;
  serve();
  serving_ = nullptr;
}

void GuardedConnections::on_idle() { CutOff(absl::Now()); }

void GuardedConnections::shutdown() {
  stopping_ = true;
  CutOff(absl::InfiniteFuture());
  pool_.shutdown();
}

void GuardedConnections::Begin(const SSL* connection) {
  if (SSL_get_ex_data(connection, OwnIndex()) != nullptr) return;  // one within the connection, of a known peer
  SSL_set_ex_data(const_cast<SSL*>(connection), OwnIndex(), this);
  absl::MutexLock lock(&mutex_);
  const int fd = SSL_get_fd(connection);
  if (refusing_ || stopping_) {
    ::shutdown(fd, SHUT_RDWR);  // the handshake fails, and the library closes
  } else {
    handshakes_[connection] = {fd, absl::Now() + limits_.handshake};
  }
}

void GuardedConnections::End(const SSL* connection) {
  absl::MutexLock lock(&mutex_);
  handshakes_.erase(connection);
}

void GuardedConnections::CutOff(absl::Time now) {
  absl::MutexLock lock(&mutex_);
  for (const auto& [connection, handshake] : handshakes_) {
    if (handshake.deadline <= now) ::shutdown(handshake.fd, SHUT_RDWR);
  }
}

}  // namespace seedcast
