// What a command works against: a coordinator elsewhere, or one in this process on a store directory. Either way it is
// reached through a Client, so commands have one code path.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "cli/client.h"
#include "common/tls/certificate.h"
#include "coordinator/server.h"
#include "worker/runtime/worker.h"

namespace seedcast {

struct SessionOptions {
  std::string coordinator;      // "host:port" of one elsewhere; empty: embedded, and the rest counts
  TlsFiles tls;                 // for that one; in plain text without
  std::string store_directory;  // of the embedded one
  std::string data_directory;   // searched for data sets first; empty: the usual places
  std::function<void(const std::string& what)> announce;  // as in ServerOptions, of the embedded one
  // Of an embedded coordinator that is to stay a while: where to listen, "host:port". Empty: on a socket in the store's
  // directory, where other commands on this store find it.
  std::string listen;
  bool stays = false;
  bool makes_store = false;  // of the embedded one, where there is none: else that is an error
  bool insecure = false;     // plain text, though `coordinator` or `listen` is other than loopback
};

// $XDG_STATE_HOME/seedcast, else ~/.local/state/seedcast; empty when neither variable is set.
std::string DefaultStoreDirectory();

// True also where that cannot be told: who opens it is told why.
bool HoldsStore(const std::string& directory);

// INVALID_ARGUMENT when workers on this machine are not of the job's numeric class: it would wait for ever for another.
absl::Status CheckNumericClassHere(const v1::JobSpec& spec);

// INVALID_ARGUMENT begins with the option's name.
absl::Status CheckCoordinatorAddress(const std::string& address);

class Session {
 public:
  // A store that a running command has open is reached through that command. UNAVAILABLE when a coordinator elsewhere
  // does not answer within seconds, FAILED_PRECONDITION when it speaks another version of the protocol; NOT_FOUND
  // when there is no store and none is to be made; the embedded one's errors as in server.h.
  static absl::StatusOr<std::unique_ptr<Session>> Open(const SessionOptions& options);
  // Drains the worker, goes on with the jobs that were paused for an evaluation, shuts the embedded coordinator down.
  ~Session();

  Client& client() { return *client_; }
  bool embedded() const { return server_ != nullptr; }
  int port() const { return server_->port(); }  // of an embedded coordinator that listens

  // Starts a worker on the embedded coordinator, once. Jobs other than `job_id` that were left running in the store are
  // paused first, so that the machine's time goes where the user looks; returns their ids.
  absl::StatusOr<std::vector<std::string>> StartWorker(int slots, const std::string& job_id,
                                                       int inner_state_mb = WorkerOptions().inner_state_mb);
  // The same for evaluations only: every running job is paused, for as long as the session lives.
  absl::StatusOr<std::vector<std::string>> StartWorkerForEvaluation(int slots);
  // Why the coordinator refused that worker, which ends the client's calls; OK while it works.
  absl::Status worker_status() const;

 private:
  Session() = default;
  absl::Status OpenStore(const SessionOptions& options);
  // `paused` has those that were paused, whatever happens then.
  absl::Status PauseJobsExcept(const std::string& job_id, std::vector<std::string>* paused);
  absl::Status StartWorkerThread(int slots, int inner_state_mb);
  void RunWorker();

  std::unique_ptr<CoordinatorServer> server_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Worker> worker_;
  std::thread worker_thread_;
  std::vector<std::string> paused_meanwhile_;  // for an evaluation
  mutable absl::Mutex mutex_;
  absl::Status worker_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace seedcast
