// `seedcast certs DIR`: a development authority and its leaf certificates, made or renewed.
#include <algorithm>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/table.h"
#include "common/status_macros.h"
#include "common/tls/certificate_authority.h"

namespace seedcast {
namespace {

constexpr const char* kFooter =
    "Each leaf is DIR/NAME/{tls.crt,tls.key,ca.crt}, for --tls-cert, --tls-key and --tls-ca. Running it again renews\n"
    "every leaf in DIR, each for the hosts that it was made for, and keeps the authority; processes that use\n"
    "them take up the new ones within seconds. Keep DIR/ca.key to yourself: who has it can make certificates.\n"
    "\n"
    "Examples:\n"
    "  seedcast certs certs --host coordinator --host 10.0.0.7\n"
    "  seedcast certs certs --role worker:gpu-3 --role observer\n"
    "  seedcast certs certs                                              renew all that are there\n"
    "  seedcast certs certs --role coordinator --host coordinator --days 30";

struct CertsFlags {
  std::string directory;
  std::vector<std::string> hosts;
  std::vector<std::string> roles;
  int days = 90;
  bool json = false;
};

// "worker:gpu-3"; without a name the role's own.
absl::StatusOr<Identity> ParseIdentity(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, absl::MaxSplits(':', 1));
  ASSIGN_OR_RETURN(const Role role, ParseRole(parts.front()));
  return Identity{role, parts.back()};
}

// As --role says; else what is there, or one of each role where nothing is.
absl::StatusOr<std::vector<Identity>> IdentitiesOf(const CertsFlags& flags) {
  std::vector<Identity> identities;
  for (const std::string& text : flags.roles) {
    ASSIGN_OR_RETURN(identities.emplace_back(), ParseIdentity(text));
  }
  if (identities.empty()) {
    ASSIGN_OR_RETURN(const std::vector<LeafRequest> leaves, FindLeaves(flags.directory));
    for (const LeafRequest& leaf : leaves) identities.push_back(leaf.identity);
  }
  if (identities.empty()) {
    for (const Role role : kAllRoles) identities.push_back({role, std::string(RoleName(role))});
  }
  return identities;
}

// As --host says; else those of the leaf whose place it takes.
absl::StatusOr<std::vector<std::string>> HostsOf(const CertsFlags& flags, const std::string& name) {
  std::vector<std::string> hosts = {"localhost", "127.0.0.1", "::1"};  // for itself, and for trying things out
  hosts.insert(hosts.end(), flags.hosts.begin(), flags.hosts.end());
  if (!flags.hosts.empty()) return hosts;
  const absl::StatusOr<LeafRequest> leaf = FindLeaf(flags.directory, name);
  if (absl::IsNotFound(leaf.status())) return hosts;
  if (!leaf.ok()) return leaf.status();
  return leaf->identity.role == Role::kCoordinator ? leaf->hosts : hosts;
}

// A leaf takes the place of the one of its name, so that a name is one's alone.
absl::Status CheckNames(const CertsFlags& flags, const std::vector<Identity>& identities) {
  std::set<std::string> names;
  for (const auto& [role, name] : identities) {
    RETURN_IF_ERROR(CheckIdentityName(name));
    if (!names.insert(name).second) {
      return absl::InvalidArgumentError(absl::StrCat("name: '", name, "' is asked for twice, expected one of each"));
    }
    const absl::StatusOr<LeafRequest> there = FindLeaf(flags.directory, name);
    if (there.ok() && there->identity.role != role) {
      return absl::InvalidArgumentError(absl::StrCat("name: '", name, "' has a certificate of the role ",
                                                     RoleName(there->identity.role), ", expected another name"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckHostsAreForSomebody(const CertsFlags& flags, const std::vector<Identity>& identities) {
  const bool coordinator = std::any_of(identities.begin(), identities.end(),
                                       [](const Identity& identity) { return identity.role == Role::kCoordinator; });
  if (flags.hosts.empty() || coordinator) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("host: '", flags.hosts.front(), "', is for a coordinator, expected --role coordinator with it"));
}

absl::Status CheckDays(int days) {
  const int64_t kMaxDays = kMaxLeafLifetime / absl::Hours(24);
  if (days >= 1 && days <= kMaxDays) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("days: ", days, ", expected 1 .. ", kMaxDays));
}

absl::StatusOr<std::vector<LeafRequest>> RequestsOf(const CertsFlags& flags) {
  RETURN_IF_ERROR(CheckDays(flags.days));
  ASSIGN_OR_RETURN(const std::vector<Identity> identities, IdentitiesOf(flags));
  RETURN_IF_ERROR(CheckNames(flags, identities));
  RETURN_IF_ERROR(CheckHostsAreForSomebody(flags, identities));
  std::vector<LeafRequest> requests;
  for (const Identity& identity : identities) {
    LeafRequest request;
    request.identity = identity;
    request.lifetime = absl::Hours(24) * flags.days;
    if (identity.role == Role::kCoordinator) {
      ASSIGN_OR_RETURN(request.hosts, HostsOf(flags, identity.name));
    }
    RETURN_IF_ERROR(request.Validate());  // all, before the first is made
    requests.push_back(std::move(request));
  }
  return requests;
}

absl::Status MakeCertificates(const CertsFlags& flags, Console& console) {
  ASSIGN_OR_RETURN(const std::vector<LeafRequest> requests, RequestsOf(flags));
  const absl::Time now = absl::Now();
  ASSIGN_OR_RETURN(const CertificateAuthority authority, CertificateAuthority::OpenOrCreate(flags.directory, now));
  if (authority.created()) console.err << "made an authority in " << Printable(flags.directory) << std::endl;
  Table table({{"ROLE"}, {"NAME"}, {"DIRECTORY"}, {"EXPIRES"}});
  std::vector<std::string> leaves;
  for (const LeafRequest& request : requests) {
    ASSIGN_OR_RETURN(const IssuedLeaf issued, authority.Issue(request, now));
    const std::string role(RoleName(request.identity.role));
    if (issued.not_after < now + request.lifetime) {
      console.err << Printable(request.identity.name) << ": ends with its authority" << std::endl;
    }
    const std::string expires = absl::FormatTime("%Y-%m-%d", issued.not_after, absl::UTCTimeZone());
    table.AddRow({role, request.identity.name, issued.directory, expires});
    leaves.push_back(JsonObject()
                         .Text("role", role)
                         .Text("name", request.identity.name)
                         .Text("directory", issued.directory)
                         .Text("expires", expires)
                         .str());
  }
  console.out << (flags.json ? JsonObject().Raw("certificates", JsonArray(leaves)).str() + "\n" : table.str());
  return absl::OkStatus();
}

}  // namespace

void AddCertsCommand(CLI::App& app, Console& console, Action* action) {
  auto flags = std::make_shared<CertsFlags>();
  CLI::App* command = app.add_subcommand("certs", "Make or renew certificates for TLS, for development");
  command->add_option("DIR", flags->directory, "Where the authority and its certificates are")->required();
  command
      ->add_option("--host", flags->hosts,
                   "Name or address under which the coordinator is reached; may be repeated. Default: those of the "
                   "certificate that is there")
      ->type_name("HOST");
  command
      ->add_option("--role", flags->roles,
                   "ROLE or ROLE:NAME to make; may be repeated. Default: all that are there, or one of each role")
      ->type_name("ROLE");
  command->add_option("--days", flags->days, "How long the certificates hold, 1 .. 825; none outlives the authority")
      ->capture_default_str();
  command->add_flag("--json", flags->json, "Print JSON on standard output, and nothing else there");
  command->footer(kFooter);
  command->callback(
      [flags, &console, action] { *action = [flags, &console] { return MakeCertificates(*flags, console); }; });
}

}  // namespace seedcast
