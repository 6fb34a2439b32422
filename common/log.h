// One line a log entry on standard error: time, level, event, key=value pairs, as text or as JSON. Values are quoted
// and escaped where they need it, so a peer's bytes cannot forge a line. Thread-safe.
//
//   LogInfo("worker joined", {{"worker", id}, {"slots", absl::StrCat(n)}});
//   2026-11-21T02:14:00Z info "worker joined" worker=w1 slots=2
//   {"time":"2026-11-21T02:14:00Z","level":"info","event":"worker joined","worker":"w1","slots":"2"}
#pragma once

#include <initializer_list>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace seedcast {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };
enum class LogFormat { kText, kJson };

using LogFields = std::initializer_list<std::pair<absl::string_view, std::string>>;

// Messages below this level are dropped. Default kInfo. Call before threads start.
void SetLogLevel(LogLevel level);
void SetLogFormat(LogFormat format);  // default kText

void LogDebug(absl::string_view event, LogFields fields = {});
void LogInfo(absl::string_view event, LogFields fields = {});
void LogWarning(absl::string_view event, LogFields fields = {});
void LogError(absl::string_view event, LogFields fields = {});

// The line of an entry, with its end. For tests.
std::string FormatLogLine(LogFormat format, absl::Time time, absl::string_view level, absl::string_view event,
                          LogFields fields);

}  // namespace seedcast
