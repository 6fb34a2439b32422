// `seedcast certs DIR`: a development authority and its leaf certificates, made or renewed.
#include <memory>

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
    "the leaves and keeps the authority; processes that use them take up the new ones within seconds. Keep DIR/ca.key\n"
    "to yourself: who has it can make certificates.\n"
    "\n"
    "Examples:\n"
    "  seedcast certs certs --host coordinator --host 10.0.0.7\n"
    "  seedcast certs certs --role worker:gpu-3 --role observer\n"
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

absl::StatusOr<std::vector<LeafRequest>> RequestsOf(const CertsFlags& flags) {
  std::vector<std::string> roles = flags.roles;
  if (roles.empty()) {
    for (const Role role : kAllRoles) roles.emplace_back(RoleName(role));
  }
  std::vector<LeafRequest> requests;
  for (const std::string& text : roles) {
    LeafRequest request;
    ASSIGN_OR_RETURN(request.identity, ParseIdentity(text));
    request.lifetime = absl::Hours(24) * flags.days;
    if (request.identity.role == Role::kCoordinator) {
      request.hosts = {"localhost", "127.0.0.1", "::1"};  // for itself, and for trying things out
      request.hosts.insert(request.hosts.end(), flags.hosts.begin(), flags.hosts.end());
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
  command->add_option("--host", flags->hosts, "Name or address under which the coordinator is reached; may be repeated")
      ->type_name("HOST");
  command->add_option("--role", flags->roles, "ROLE or ROLE:NAME to make; may be repeated. Default: one of each role")
      ->type_name("ROLE");
  command->add_option("--days", flags->days, "How long the certificates hold")->capture_default_str();
  command->add_flag("--json", flags->json, "Print JSON on standard output, and nothing else there");
  command->footer(kFooter);
  command->callback(
      [flags, &console, action] { *action = [flags, &console] { return MakeCertificates(*flags, console); }; });
}

}  // namespace seedcast
