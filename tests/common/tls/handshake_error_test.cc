#include "common/tls/handshake_error.h"

#include <gtest/gtest.h>

namespace seedcast {
namespace {

TEST(HandshakeErrorTest, NamesTheFileOrTheHost) {
  const TlsFiles files = {"/etc/tls.crt", "/etc/tls.key", "/etc/ca.crt"};
  const struct {
    const char* message;
    const char* address;
    const char* says;  // empty: no more than `message` does
  } cases[] = {
      {"failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:7070: Tls handshake failed: "
       "SSL_ERROR_SSL: error:0A000086:SSL routines::certificate verify failed",
       "host:7070",
       "the certificate of the coordinator is not of the authority in tls-ca /etc/ca.crt, or not valid now (seedcast "
       "doctor "
       "tells which)"},
      {"last error: UNKNOWN: Custom verification check failed with error: UNAUTHENTICATED: Hostname Verification Check "
       "failed.",
       "[::1]:7070",
       "the certificate of the coordinator is not for the host ::1 (seedcast certs DIR --host ::1 makes one that is)"},
      {"Hostname Verification Check failed.", "dns:///host:7070",
       "the certificate of the coordinator is not for the host dns:///host:7070 (seedcast certs DIR --host "
       "dns:///host:7070 "
       "makes one that is)"},
      {"connection refused", "host:7070", ""},
      {"", "host:7070", ""},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(ExplainHandshake(c.message, files, c.address).value_or(""), c.says);
  }
}

}  // namespace
}  // namespace seedcast
