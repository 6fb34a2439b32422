#include "common/config/process_options.h"

#include <map>

#include "common/log.h"

namespace seedcast {
namespace {

const std::map<std::string, LogLevel>& Levels() {
  static const auto* const levels = new std::map<std::string, LogLevel>{{"debug", LogLevel::kDebug},
                                                                        {"info", LogLevel::kInfo},
                                                                        {"warning", LogLevel::kWarning},
                                                                        {"error", LogLevel::kError}};
  return *levels;
}

}  // namespace

void AddTlsOptions(CLI::App* app, TlsFiles* files) {
  app->add_option("--tls-cert", files->certificate, "this process's certificate, PEM; read again when it changes");
  app->add_option("--tls-key", files->key, "its private key");
  app->add_option("--tls-ca", files->authority, "certificates of the authority whose peers are believed");
}

void LogOptions::Apply() const {
  SetLogLevel(Levels().at(level));
  SetLogFormat(format == "json" ? LogFormat::kJson : LogFormat::kText);
}

void AddLogOptions(CLI::App* app, LogOptions* options) {
  app->add_option("--log-level", options->level, "debug, info, warning or error")
      ->check(CLI::IsMember(Levels()).description(""))
      ->capture_default_str();
  app->add_option("--log-format", options->format, "text or json, a line an entry")
      ->check(CLI::IsMember({"text", "json"}).description(""))
      ->capture_default_str();
}

}  // namespace seedcast
