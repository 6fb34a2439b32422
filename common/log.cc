#include "common/log.h"

#include <atomic>
#include <cstdio>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace seedcast {
namespace {

// A test may set them while another thread logs.
std::atomic<LogLevel> minimum_level{LogLevel::kInfo};
std::atomic<LogFormat> log_format{LogFormat::kText};

std::string Quoted(absl::string_view value) {
  const bool plain = !value.empty() && value.find_first_not_of(
                                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                           "0123456789-_.:/@+%,[]") == absl::string_view::npos;
  return plain ? std::string(value) : absl::StrCat("\"", absl::CEscape(value), "\"");
}

// JSON must be UTF-8, which a peer's bytes need not be: each byte that is not ASCII stands as an escape of its own.
std::string QuotedJson(absl::string_view value) {
  std::string quoted = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) {
      absl::StrAppendFormat(&quoted, "\\u%04x", byte);
    } else {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
  }
  return quoted + '"';
}

void Write(LogLevel level, const char* name, absl::string_view event, LogFields fields) {
  if (level < minimum_level) return;
  const std::string line = FormatLogLine(log_format, absl::Now(), name, event, fields);
  std::fwrite(line.data(), 1, line.size(), stderr);  // one call: lines of several threads do not mix
}

}  // namespace

std::string FormatLogLine(LogFormat format, absl::Time time, absl::string_view level, absl::string_view event,
                          LogFields fields) {
  const std::string stamp = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
  std::string line;
  if (format == LogFormat::kText) {
    line = absl::StrCat(stamp, " ", level, " ", Quoted(event));
    for (const auto& [key, value] : fields) absl::StrAppend(&line, " ", key, "=", Quoted(value));
  } else {
    line = absl::StrCat("{\"time\":\"", stamp, "\",\"level\":\"", level, "\",\"event\":", QuotedJson(event));
    for (const auto& [key, value] : fields) absl::StrAppend(&line, ",", QuotedJson(key), ":", QuotedJson(value));
    line += '}';
  }
  return line + '\n';
}

void SetLogLevel(LogLevel level) { minimum_level = level; }
void SetLogFormat(LogFormat format) { log_format = format; }

void LogDebug(absl::string_view event, LogFields fields) { Write(LogLevel::kDebug, "debug", event, fields); }
void LogInfo(absl::string_view event, LogFields fields) { Write(LogLevel::kInfo, "info", event, fields); }
void LogWarning(absl::string_view event, LogFields fields) { Write(LogLevel::kWarning, "warning", event, fields); }
void LogError(absl::string_view event, LogFields fields) { Write(LogLevel::kError, "error", event, fields); }

}  // namespace seedcast
