// Who may call what: the one table. What stands in no row is denied to everybody; a method of our services without a
// row does not compile.
#pragma once

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "common/tls/role.h"

namespace seedcast {

class RoleSet {
 public:
  constexpr RoleSet() = default;
  template <typename... Roles>
  constexpr explicit RoleSet(Roles... roles) : bits_((Bit(roles) | ...)) {}

  constexpr bool contains(Role role) const { return (bits_ & Bit(role)) != 0; }

 private:
  static constexpr uint32_t Bit(Role role) { return uint32_t{1} << static_cast<int>(role); }
  uint32_t bits_ = 0;
};

struct MethodRow {
  absl::string_view method;  // as HTTP/2 names it, "/package.Service/Method"; ending in '*', all that begin so
  RoleSet roles;
};

inline constexpr RoleSet kEverybody{Role::kCoordinator, Role::kWorker, Role::kSubmitter, Role::kObserver, Role::kAdmin};
inline constexpr RoleSet kPeople{Role::kSubmitter, Role::kObserver, Role::kAdmin};
inline constexpr RoleSet kSubmitters{Role::kSubmitter, Role::kAdmin};
inline constexpr RoleSet kReaders{Role::kWorker, Role::kSubmitter, Role::kObserver, Role::kAdmin};

inline constexpr std::array kMethodRoles = {
    MethodRow{"/seedcast.v1.JobService/SubmitJob", kSubmitters},
    MethodRow{"/seedcast.v1.JobService/ListJobs", kPeople},
    MethodRow{"/seedcast.v1.JobService/GetJob", kPeople},
    MethodRow{"/seedcast.v1.JobService/WatchJob", kPeople},
    MethodRow{"/seedcast.v1.JobService/GetHistory", kPeople},
    MethodRow{"/seedcast.v1.JobService/PauseJob", kSubmitters},
    MethodRow{"/seedcast.v1.JobService/ResumeJob", kSubmitters},
    MethodRow{"/seedcast.v1.JobService/CancelJob", kSubmitters},
    MethodRow{"/seedcast.v1.JobService/ForkJob", kSubmitters},
    MethodRow{"/seedcast.v1.JobService/EvaluateJob", kSubmitters},
    MethodRow{"/seedcast.v1.WorkerService/Connect", RoleSet{Role::kWorker}},
    MethodRow{"/seedcast.v1.ParameterService/GetLog", kReaders},
    MethodRow{"/seedcast.v1.ParameterService/GetSnapshot", kReaders},
    MethodRow{"/seedcast.v1.ParameterService/GetArtifact", kReaders},
    MethodRow{"/seedcast.v1.CoordinatorService/Describe", kEverybody},
    MethodRow{"/grpc.health.v1.Health/*", kEverybody},
    MethodRow{"/grpc.reflection.v1alpha.ServerReflection/*", RoleSet{Role::kAdmin}},
};

// Nobody, for a method without a row.
RoleSet RolesFor(absl::string_view method);

}  // namespace seedcast
