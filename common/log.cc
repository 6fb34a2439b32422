#include "common/log.h"

#include <atomic>
#include <cstdio>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace seedcast {
namespace {

std::atomic<LogLevel> minimum_level{LogLevel::kInfo};  // a test may set it while another thread logs

std::string Quoted(absl::string_view value) {
  const bool plain = !value.empty() && value.find_first_not_of(
                                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                           "0123456789-_.:/@+%,[]") == absl::string_view::npos;
  return plain ? std::string(value) : absl::StrCat("\"", absl::CEscape(value), "\"");
}

void Write(LogLevel level, const char* name, absl::string_view event, LogFields fields) {
  if (level < minimum_level) return;
  std::string line = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  absl::StrAppend(&line, " ", name, " ", Quoted(event));
  for (const auto& [key, value] : fields) absl::StrAppend(&line, " ", key, "=", Quoted(value));
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);  // one call: lines of several threads do not mix
}

}  // namespace

void SetLogLevel(LogLevel level) { minimum_level = level; }

void LogDebug(absl::string_view event, LogFields fields) { Write(LogLevel::kDebug, "debug", event, fields); }
void LogInfo(absl::string_view event, LogFields fields) { Write(LogLevel::kInfo, "info", event, fields); }
void LogWarning(absl::string_view event, LogFields fields) { Write(LogLevel::kWarning, "warning", event, fields); }
void LogError(absl::string_view event, LogFields fields) { Write(LogLevel::kError, "error", event, fields); }

}  // namespace seedcast
