#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/doctor/findings.h"
#include "common/version.h"
#include "coordinator/rpc/method_roles.h"

namespace seedcast {
namespace {

constexpr absl::Duration kLongRoundTrip = absl::Milliseconds(200);

Finding Fail(const char* check, const std::string& found, const std::string& advice) {
  return {check, Verdict::kFail, found, advice};
}

// Null where nothing is to be said of it: a unix socket, or when the look at it failed though gRPC gets through.
std::optional<Finding> JudgePeer(const CoordinatorFacts& facts, absl::Time now) {
  if (!facts.peer.ok()) {
    if (facts.serving.ok()) return std::nullopt;
    return Fail("tls", std::string(facts.peer.status().message()), "is that a coordinator?");
  }
  const TlsPeer& peer = *facts.peer;
  if (!peer.speaks_tls && facts.certificates_given) {
    return Fail("tls", absl::StrCat(facts.address, " speaks plain text, and certificates are given"),
                "give the coordinator --tls-cert, --tls-key and --tls-ca, or leave them out here");
  }
  if (!peer.speaks_tls && facts.local) return Finding{"tls", Verdict::kOk, "plain text, on this machine alone", ""};
  if (!peer.speaks_tls && !facts.insecure) {
    return Fail("tls",
                absl::StrCat(facts.address, " speaks plain text: workers and commands go there only with --insecure"),
                "certificates for all parts (seedcast certs), or --insecure where you trust the network");
  }
  if (!peer.speaks_tls) {
    return Finding{"tls", Verdict::kWarn, "plain text: whoever reaches the port may do everything",
                   "certificates for all parts (seedcast certs), or a network that you trust"};
  }
  if (!facts.certificates_given) {
    return Fail("tls", absl::StrCat(facts.address, " speaks TLS, and no certificates are given"),
                "--tls-cert, --tls-key and --tls-ca; seedcast certs makes them");
  }
  if (!peer.verified.ok()) {
    return Fail("tls", absl::StrCat("its certificate: ", peer.verified.message()),
                "made by the authority of --tls-ca? for this host (seedcast certs --host)? not expired?");
  }
  if (!peer.identity.ok() || peer.identity->role != Role::kCoordinator) {
    const std::string who = peer.identity.ok() ? UriOf(*peer.identity) : std::string(peer.identity.status().message());
    return Finding{"tls", Verdict::kWarn, absl::StrCat(peer.version, ", its certificate is of: ", who),
                   "a coordinator shows one of the role coordinator"};
  }
  return Finding{"tls", Verdict::kOk,
                 absl::StrCat(peer.version, ", ", UriOf(*peer.identity), ", ",
                              absl::ToInt64Hours(peer.not_after - now) / 24, " days left"),
                 ""};
}

Finding JudgeHealth(const CoordinatorFacts& facts) {
  if (!facts.serving.ok()) {
    return Fail("health", std::string(facts.serving.message()),
                "see the coordinator's log; a refused certificate is told there as well");
  }
  const std::string found =
      absl::StrFormat("serving, round trip %.2f ms", absl::ToDoubleMilliseconds(facts.round_trip));
  if (facts.round_trip < kLongRoundTrip) return {"health", Verdict::kOk, found, ""};
  return {"health", Verdict::kWarn, found,
          "far away or overloaded: generations of less than a second will wait for it"};
}

Finding JudgeVersion(const CoordinatorFacts& facts) {
  if (!facts.build.ok()) {
    return {"version", Verdict::kWarn, absl::StrCat("it does not say its version: ", facts.build.status().message()),
            "it is probably older than this program: bring both to one version"};
  }
  const std::string found = absl::StrCat("coordinator ", *facts.build, " with protocol ", facts.protocol_version,
                                         ", here ", SEEDCAST_VERSION, " with protocol ", kProtocolVersion);
  if (facts.protocol_version != kProtocolVersion) {
    return Fail("version", found, "workers of this build are refused: bring both to one version");
  }
  if (*facts.build == SEEDCAST_VERSION) return {"version", Verdict::kOk, found, ""};
  return {"version", Verdict::kWarn, found, "they understand each other; bring both to one version when it suits"};
}

}  // namespace

std::string MethodsOf(Role role) {
  std::map<std::string, std::vector<std::string>> may;  // by service
  std::map<std::string, size_t> all;
  for (const MethodRow& row : kMethodRoles) {
    const std::vector<std::string> path = absl::StrSplit(row.method.substr(1), '/');
    const std::string service = path[0].substr(path[0].rfind('.') + 1);
    ++all[service];
    if (row.roles.contains(role)) may[service].push_back(path[1]);
  }
  std::vector<std::string> parts;
  for (const auto& [service, methods] : may) {
    const bool whole = methods.size() == all[service];
    parts.push_back(whole ? service : absl::StrCat(service, "/{", absl::StrJoin(methods, ", "), "}"));
  }
  return absl::StrJoin(parts, ", ");
}

Finding JudgeRole(const Identity& identity) {
  const std::string found =
      absl::StrCat(RoleName(identity.role), " '", identity.name, "' may call ", MethodsOf(identity.role));
  if (identity.role != Role::kCoordinator) return {"role", Verdict::kOk, found, ""};
  return {"role", Verdict::kWarn, found,
          "right for the coordinator itself; workers and people need certificates of their own roles"};
}

Findings JudgeCoordinator(const CoordinatorFacts& facts, absl::Time now) {
  if (!facts.connected.ok()) {
    return {Fail("coordinator", absl::StrCat(facts.address, ": ", facts.connected.message()),
                 "does it run there, is the address right, does a firewall or network policy stand between?")};
  }
  Findings findings = {{"coordinator", Verdict::kOk, absl::StrCat(facts.address, ": connected"), ""}};
  if (const std::optional<Finding> peer = JudgePeer(facts, now)) {
    findings.push_back(*peer);
    if (peer->verdict == Verdict::kFail) return findings;
  }
  findings.push_back(JudgeHealth(facts));
  if (facts.serving.ok()) findings.push_back(JudgeVersion(facts));
  return findings;
}

}  // namespace seedcast
