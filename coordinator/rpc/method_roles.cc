#include "coordinator/rpc/method_roles.h"

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "seedcast/v1/coordinator.grpc.pb.h"
#include "seedcast/v1/job.grpc.pb.h"
#include "seedcast/v1/parameters.grpc.pb.h"
#include "seedcast/v1/worker.grpc.pb.h"

namespace seedcast {
namespace {

// A generated CallbackService is one class template a method, each around the next:
// WithCallbackMethod_SubmitJob<WithCallbackMethod_ListJobs<... <Service>>>.
template <typename Service>
inline constexpr int kMethods = 0;
template <template <typename> typename WithMethod, typename Base>
inline constexpr int kMethods<WithMethod<Base>> = 1 + kMethods<Base>;

constexpr int RowsOf(absl::string_view prefix) {
  int rows = 0;
  for (const MethodRow& row : kMethodRoles) rows += row.method.substr(0, prefix.size()) == prefix;
  return rows;
}

static_assert(RowsOf("/seedcast.v1.JobService/") == kMethods<v1::JobService::CallbackService>,
              "each method of JobService needs its row in kMethodRoles");
static_assert(RowsOf("/seedcast.v1.WorkerService/") == kMethods<v1::WorkerService::CallbackService>,
              "each method of WorkerService needs its row in kMethodRoles");
static_assert(RowsOf("/seedcast.v1.ParameterService/") == kMethods<v1::ParameterService::CallbackService>,
              "each method of ParameterService needs its row in kMethodRoles");
static_assert(RowsOf("/seedcast.v1.CoordinatorService/") == kMethods<v1::CoordinatorService::CallbackService>,
              "each method of CoordinatorService needs its row in kMethodRoles");

bool Matches(absl::string_view pattern, absl::string_view method) {
  return absl::ConsumeSuffix(&pattern, "*") ? absl::StartsWith(method, pattern) : method == pattern;
}

}  // namespace

RoleSet RolesFor(absl::string_view method) {
  for (const MethodRow& row : kMethodRoles) {
    if (Matches(row.method, method)) return row.roles;
  }
  return {};
}

}  // namespace seedcast
