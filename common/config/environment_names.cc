#include "common/config/environment_names.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace seedcast {
namespace {

constexpr absl::string_view kPrefix = "SEEDCAST_";

// Options of the coordinator, the worker and the CLI, and what has no option. One environment may serve them all.
constexpr const char* kOptionsOfAllParts[] = {
    "coordinator",   "listen",          "store",          "data",      "cache",
    "config",        "offline",         "lease-ttl",      "insecure",  "update-threads",
    "reflection",    "tls-cert",        "tls-key",        "tls-ca",    "id",
    "slots",         "kernels",         "inner-state-mb", "log-level", "log-format",
    "health-listen", "connection-idle", "connection-age", "http",      "https"};

int Distance(absl::string_view a, absl::string_view b) {
  std::vector<int> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

// NAME_SERVICE_HOST, NAME_SERVICE_PORT..., NAME_PORT=tcp://... and NAME_PORT_7070_TCP...: Kubernetes puts them into
// every pod for every service of its namespace.
bool IsServiceLink(absl::string_view name, absl::string_view value) {
  if (absl::EndsWith(name, "_SERVICE_HOST") || absl::StrContains(name, "_SERVICE_PORT")) return true;
  if (absl::EndsWith(name, "_PORT")) return absl::StrContains(value, "://");
  return absl::StrContains(name, "_PORT_") && (absl::StrContains(name, "_TCP") || absl::StrContains(name, "_UDP"));
}

}  // namespace

std::string EnvironmentName(absl::string_view option) {
  return absl::StrCat(kPrefix, absl::AsciiStrToUpper(absl::StrReplaceAll(option, {{"-", "_"}})));
}

bool IsOptionOfSomePart(absl::string_view option) {
  return std::find(std::begin(kOptionsOfAllParts), std::end(kOptionsOfAllParts), option) !=
         std::end(kOptionsOfAllParts);
}

std::vector<absl::Status> CheckEnvironmentNames(const char* const* environment, const std::vector<std::string>& more) {
  std::vector<absl::Status> problems;
  std::vector<std::string> known;
  for (const char* option : kOptionsOfAllParts) known.push_back(EnvironmentName(option));
  for (const std::string& option : more) known.push_back(EnvironmentName(option));
  for (; *environment != nullptr; ++environment) {
    const absl::string_view entry = *environment;
    const absl::string_view name = entry.substr(0, entry.find('='));
    const absl::string_view value = absl::StripPrefix(entry.substr(name.size()), "=");
    if (!absl::StartsWith(name, kPrefix) || IsServiceLink(name, value)) continue;
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    problems.push_back(absl::InvalidArgumentError(
        absl::StrCat("environment: ", absl::CEscape(name), ": unknown name", DidYouMean(name, known))));
  }
  return problems;
}

std::string DidYouMean(absl::string_view written, const std::vector<std::string>& names) {
  constexpr size_t kLongest = 64;
  const std::string* nearest = nullptr;
  int best = static_cast<int>(written.size() / 4) + 2;
  for (const std::string& name : names) {
    if (written.size() > kLongest) break;
    if (const int distance = Distance(written, name); distance < best) {
      best = distance;
      nearest = &name;
    }
  }
  return nearest == nullptr ? "" : absl::StrCat("; did you mean ", *nearest, "?");
}

}  // namespace seedcast
