#include "coordinator/start_check.h"

#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/directory.h"
#include "common/http/http_server.h"
#include "coordinator/rpc/listener.h"
#include "coordinator/store/inspect.h"
#include "worker/data/locate.h"

namespace seedcast {
namespace {

class Checker {
 public:
  explicit Checker(const ServerOptions& options) : options_(options) {}

  StartCheck Run() && {
    const bool runs = CheckStore();
    CheckDirectories();
    if (!runs) CheckAddresses();
    return std::move(check_);
  }

 private:
  void Note(const char* option, const absl::Status& status) {
    if (!status.ok()) check_.problems.emplace_back(status.code(), absl::StrCat(option, ": ", status.message()));
  }
  void Remark(const std::string& remark) { check_.remarks.push_back(remark); }

  // Whether a process has it open.
  bool CheckStore() {
    const absl::StatusOr<StoreInspection> store = InspectStore(options_.store_directory);
    Note("store", store.status());
    if (!store.ok()) return false;
    if (store->held) {
      const std::string who = store->holder == 0 ? "another process" : absl::StrCat("process ", store->holder);
      Remark(absl::StrCat("store ", options_.store_directory, " is open in ", who,
                          ", as of a coordinator that runs: neither it nor the addresses are tried"));
      return true;
    }
    if (store->schema_version > store->newest_schema_version) {
      Note("store", absl::FailedPreconditionError(absl::StrCat(
                        options_.store_directory, ": its schema has version ", store->schema_version,
                        ", expected at most ", store->newest_schema_version, ": a newer seedcast wrote it")));
    }
    Note("store", CheckWritable(options_.store_directory));
    return false;
  }

  void CheckDirectories() {
    if (!options_.cache_directory.empty()) Note("cache", CheckWritable(options_.cache_directory));
    if (!options_.data_directory.empty()) Note("data", FindOmniglotZips(options_.data_directory).status());
  }

  // All at once, so that no two of them are the same.
  void CheckAddresses() {
    const auto listen = Listen("listen", options_.address);
    const auto health = Listen("health-listen", options_.health_address);
    const auto https = Listen("https", options_.https_address);
    if (options_.http.address.empty()) return;
    HttpServer http;
    const absl::Status status = http.Start({.address = options_.http.address});
    if (status.ok()) return;
    if (options_.http.asked_for) {
      check_.problems.push_back(status);  // which names the option itself
    } else {
      Remark(absl::StrCat(status.message(), ": it would serve without; choose another --http"));
    }
  }

  // Null with a problem noted, or where there is nothing to try.
  std::unique_ptr<Listener> Listen(const char* option, const std::string& address) {
    if (address.empty() || absl::StartsWith(address, "unix:")) return nullptr;
    auto listener = Listener::Open(address);
    Note(option, listener.status());
    return listener.ok() ? *std::move(listener) : nullptr;
  }

  const ServerOptions& options_;
  StartCheck check_;
};

}  // namespace

StartCheck CheckStart(const ServerOptions& options) { return Checker(options).Run(); }

}  // namespace seedcast
