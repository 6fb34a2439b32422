#include "worker/data/download.h"

#include <curl/curl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "worker/data/files.h"

namespace seedcast {
namespace {

constexpr size_t kMaxBytes = size_t{64} << 20;  // the larger archive has 9.5 MB

size_t Append(const char* data, size_t, size_t size, void* bytes) {
  auto& text = *static_cast<std::string*>(bytes);
  if (text.size() + size > kMaxBytes) return 0;  // libcurl then reports CURLE_WRITE_ERROR
  text.append(data, size);
  return size;
}

bool Cancelled(const Download& download) { return download.cancelled != nullptr && *download.cancelled; }

// Called by libcurl at least once a second; anything but 0 ends the download.
int OnProgress(void* context, curl_off_t total, curl_off_t now, curl_off_t, curl_off_t) {
  const auto& download = *static_cast<const Download*>(context);
  if (total > 0 && isatty(STDERR_FILENO)) {
    std::fprintf(stderr, "\rdownloading %s: %.1f of %.1f MB ", download.url.c_str(), 1e-6 * now, 1e-6 * total);
    if (now == total) std::fputc('\n', stderr);
  }
  return Cancelled(download) ? 1 : 0;
}

std::string Md5Hex(absl::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_md5(), nullptr);
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest), size});
}

absl::StatusOr<std::string> FetchBytes(const Download& download) {
  const std::string& url = download.url;
  static const bool initialized = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(initialized ? curl_easy_init() : nullptr, curl_easy_cleanup);
  if (curl == nullptr) return absl::UnavailableError("libcurl does not start");
  std::string bytes;
  char reason[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "https,file");
  curl_easy_setopt(curl.get(), CURLOPT_REDIR_PROTOCOLS_STR, "https");
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, 5L);
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_TIME, 20L);
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, reason);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, Append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &bytes);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, OnProgress);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &download);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code == CURLE_WRITE_ERROR) {
    return absl::ResourceExhaustedError(absl::StrCat(url, " has more than ", kMaxBytes, " bytes"));
  }
  if (Cancelled(download)) return absl::CancelledError(absl::StrCat("download of ", url, " cancelled"));
  if (code != CURLE_OK) {
    return absl::UnavailableError(absl::StrCat(url, ": ", reason[0] != '\0' ? reason : curl_easy_strerror(code)));
  }
  return bytes;
}

}  // namespace

absl::Status Fetch(const Download& download, const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, FetchBytes(download));
  if (const std::string md5 = Md5Hex(bytes); md5 != download.md5) {
    return absl::DataLossError(absl::StrCat(download.url, ": md5 is ", md5, ", expected ", download.md5));
  }
  return WriteWholeFile(path, bytes);
}

}  // namespace seedcast
