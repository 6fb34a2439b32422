// What the status page asks for, as JSON (proto/seedcast/v1/status.proto); for scripts, too.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "common/http/http_server.h"
#include "coordinator/metrics/figures_board.h"
#include "coordinator/rpc/loop.h"
#include "coordinator/rpc/role_gate.h"
#include "coordinator/status/job_curves.h"
#include "seedcast/v1/status.pb.h"

namespace seedcast {

class StatusApi {
 public:
  // Borrows all for as long as the server runs that AddTo was given. `gate`: the coordinator knows people by their
  // certificates, and nobody changes anything in plain text (access.h); null without TLS.
  StatusApi(CoordinatorLoop* loop, const FiguresBoard* figures, RoleGate* gate);

  void AddTo(HttpServer* server);

 private:
  using Answerer = HttpResponse (StatusApi::*)(const HttpRequest& request);
  // All ask the coordinator's thread, two of them at a time at most: 503 when so many wait for it already that others
  // who ask this server something (its health) would have to wait with them.
  HttpHandler InTurn(Answerer answer);

  HttpResponse Jobs(const HttpRequest& request);
  HttpResponse Workers(const HttpRequest& request);
  HttpResponse Job(const HttpRequest& request);
  HttpResponse Change(const HttpRequest& request);

  absl::StatusOr<v1::JobView> ViewOf(const std::string& job_id, int64_t after);
  v1::GenerationTime TimeOf(const v1::JobStatus& status) const;

  absl::Status CheckMayChange(const HttpRequest& request, absl::string_view method);

  // What `question` answers on the coordinator's thread. UNAVAILABLE when that is busy for long.
  template <typename Answer>
  absl::StatusOr<Answer> Ask(std::function<absl::StatusOr<Answer>(Coordinator&, absl::Time)> question);

  CoordinatorLoop& loop_;
  const FiguresBoard& figures_;
  RoleGate* const gate_;  // null without TLS
  JobCurves curves_;
  std::atomic<int> in_turn_ = 0;
};

}  // namespace seedcast
