#include "worker/runtime/build_state.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/digest.h"
#include "common/status_macros.h"
#include "common/strategy/update.h"

namespace seedcast {
namespace {

absl::StatusOr<std::shared_ptr<State>> BaseState(action::BuildState& build) {
  if (build.base) return build.in_place ? std::move(build.base) : std::make_shared<State>(*build.base);
  if (build.snapshot.empty()) {
    return std::make_shared<State>(InitialState(build.spec->strategy(), build.task->InitialTheta()));
  }
  ASSIGN_OR_RETURN(State parsed, ParseState(build.snapshot));
  std::string().swap(build.snapshot);  // a large one need not stay beside the state
  if (static_cast<int64_t>(parsed.theta.size()) != build.task->num_parameters()) {
    return absl::DataLossError(
        absl::StrCat("snapshot of ", parsed.theta.size(), " parameters, the task has ", build.task->num_parameters()));
  }
  return std::make_shared<State>(std::move(parsed));
}

absl::StatusOr<event::BuiltState> Build(action::BuildState& build, const std::atomic<bool>* cancelled) {
  ASSIGN_OR_RETURN(std::shared_ptr<State> state, BaseState(build));
  event::BuiltState built;
  for (const OutcomeValues& outcome : build.outcomes) {
    if (cancelled != nullptr && *cancelled) return absl::CancelledError("the worker stops");
    if (state->version >= build.keep_from) {
      built.thetas.push_back(std::make_shared<const std::vector<float>>(state->theta));
    }
    ASSIGN_OR_RETURN(const UpdateReport report, Update(*build.spec, outcome.view(), build.threads, state.get()));
    static_cast<void>(report);  // the coordinator keeps the metrics
  }
  built.digest = ToHex(StateDigest(*state));
  built.state = std::move(state);
  return built;
}

}  // namespace

event::StateBuilt RunBuildState(action::BuildState build, const std::atomic<bool>* cancelled) {
  return {build.id, Build(build, cancelled)};
}

}  // namespace seedcast
