#include "common/http/health_check.h"

#include <curl/curl.h>

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace seedcast {
namespace {

constexpr size_t kMaxAnswerBytes = 1024;

size_t Append(const char* data, size_t, size_t bytes, void* answer) {
  auto* text = static_cast<std::string*>(answer);
  text->append(data, std::min(bytes, kMaxAnswerBytes - text->size()));
  return bytes;
}

}  // namespace

absl::Status CheckHealthAt(const std::string& address, absl::Duration patience) {
  const std::unique_ptr<CURL, void (*)(CURL*)> request(curl_easy_init(), curl_easy_cleanup);
  const std::string url = absl::StrCat("http://", address, "/healthz");
  std::string answer;
  curl_easy_setopt(request.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(request.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(patience)));
  curl_easy_setopt(request.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(request.get(), CURLOPT_NOPROXY, "*");
  curl_easy_setopt(request.get(), CURLOPT_PROTOCOLS_STR, "http");
  curl_easy_setopt(request.get(), CURLOPT_WRITEFUNCTION, Append);
  curl_easy_setopt(request.get(), CURLOPT_WRITEDATA, &answer);
  if (const CURLcode code = curl_easy_perform(request.get()); code != CURLE_OK) {
    return absl::UnavailableError(curl_easy_strerror(code));
  }
  long status = 0;
  curl_easy_getinfo(request.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status == 200) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(status, " ", absl::StripSuffix(answer, "\n")));
}

}  // namespace seedcast
