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
  app->add_option("--tls-cert", files->certificate,
                  "This process's certificate, PEM; with --tls-key and --tls-ca, or none of them. Read again when it "
                  "changes")
      ->type_name("FILE");
  app->add_option("--tls-key", files->key, "The certificate's private key, without a password")->type_name("FILE");
  app->add_option("--tls-ca", files->authority, "Certificates of the authority whose peers are believed")
      ->type_name("FILE");
}

void LogOptions::Apply() const {
  SetLogLevel(Levels().at(level));
  SetLogFormat(format == "json" ? LogFormat::kJson : LogFormat::kText);
}

void AddLogOptions(CLI::App* app, LogOptions* options) {
  app->add_option("--log-level", options->level, "What is logged: debug, info, warning or error")
      ->check(CLI::IsMember(Levels()).description(""))
      ->type_name("WORD")
      ->capture_default_str();
  app->add_option("--log-format", options->format, "How: text or json, a line an entry")
      ->check(CLI::IsMember({"text", "json"}).description(""))
      ->type_name("WORD")
      ->capture_default_str();
}

}  // namespace seedcast
