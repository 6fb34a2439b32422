#include "coordinator/status/status_page.h"

#include <string>

#include "absl/strings/match.h"
#include "coordinator/status/assets.h"

namespace seedcast {
namespace {

// Nothing but our own files, and no other site may frame the page: its buttons change things.
constexpr char kContentSecurityPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

std::string ContentTypeOf(const std::string& path) {
  if (absl::EndsWith(path, ".html")) return "text/html; charset=utf-8";
  if (absl::EndsWith(path, ".css")) return "text/css; charset=utf-8";
  if (absl::EndsWith(path, ".svg")) return "image/svg+xml";
  return "text/javascript; charset=utf-8";
}

}  // namespace

void AddStatusPage(HttpServer* server) {
  for (const Asset& asset : Assets()) {
    const std::string path = asset.path == "/page.html" ? "/" : asset.path;
    server->Handle("GET", path, [&asset](const HttpRequest&) -> HttpResponse {
      return {200,
              asset.text,
              ContentTypeOf(asset.path),
              {{"Content-Security-Policy", kContentSecurityPolicy},
               {"Cross-Origin-Resource-Policy", "same-origin"},
               {"Referrer-Policy", "no-referrer"},
               {"Cache-Control", "no-cache"}}};
    });
  }
}

}  // namespace seedcast
