#include "coordinator/status/access.h"

#include <gtest/gtest.h>

#include <string>

namespace seedcast {
namespace {

HttpRequest RequestFrom(const std::string& peer, const std::string& host) {
  HttpRequest request;
  request.peer = peer;
  request.headers = {{"host", host}, {"x-seedcast", "1"}};
  return request;
}

TEST(AccessTest, OnlyThisMachineUnderItsOwnNamesMayChange) {
  const struct {
    const char* peer;
    const char* host;
    bool allowed;
  } kCases[] = {
      {"127.0.0.1", "127.0.0.1:7071", true},
      {"127.0.0.1", "localhost:7071", true},
      {"127.0.0.1", "localhost", true},
      {"::1", "[::1]:7071", true},
      {"::ffff:127.0.0.1", "127.0.0.1:7071", true},
      {"10.0.0.7", "127.0.0.1:7071", false},
      {"10.0.0.7", "localhost:7071", false},
      {"::ffff:10.0.0.7", "localhost:7071", false},
      {"", "localhost:7071", false},
      {"127.0.0.1", "evil.example:7071", false},
      {"127.0.0.1", "localhost.evil.example:7071", false},
      {"127.0.0.1", "127.0.0.1.evil.example", false},
      {"127.0.0.1", "[::1", false},
      {"127.0.0.1", "", false},
  };
  for (const auto& row : kCases) {
    EXPECT_EQ(MayChange(RequestFrom(row.peer, row.host), /*tls=*/false), row.allowed) << row.peer << " " << row.host;
    EXPECT_FALSE(MayChange(RequestFrom(row.peer, row.host), /*tls=*/true)) << row.peer << " " << row.host;
  }
}

TEST(AccessTest, OverTlsTheRoleCounts) {
  HttpRequest request = RequestFrom("10.0.0.7", "seedcast.example");
  for (const Role role : kAllRoles) {
    request.identity = {role, "somebody"};
    EXPECT_EQ(MayChange(request, /*tls=*/true), role == Role::kSubmitter || role == Role::kAdmin) << RoleName(role);
  }
}

TEST(AccessTest, OnlyOurOwnPageMayAskForAChange) {
  const struct {
    const char* mark;    // header X-Seedcast
    const char* origin;  // null: none
    bool allowed;
  } kCases[] = {
      {"1", nullptr, true},  // a script, not a browser
      {"1", "http://localhost:7071", true},
      {"", nullptr, false},
      {"", "http://localhost:7071", false},
      {"1", "http://localhost:8080", false},
      {"1", "https://localhost:7071", false},
      {"1", "http://evil.example", false},
      {"1", "null", false},
  };
  for (const auto& row : kCases) {
    HttpRequest request = RequestFrom("127.0.0.1", "localhost:7071");
    request.headers["x-seedcast"] = row.mark;
    if (row.origin != nullptr) request.headers["origin"] = row.origin;
    EXPECT_EQ(CheckSameOrigin(request).ok(), row.allowed) << row.mark << " " << (row.origin ? row.origin : "-");
  }
}

}  // namespace
}  // namespace seedcast
