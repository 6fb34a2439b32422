// GET from a server on this machine, for tests.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/testing/loopback.h"

namespace seedcast {

struct HttpAnswer {
  std::string head;  // status line and headers
  std::string body;
};

inline HttpAnswer HttpGet(int port, const std::string& path) {
  const int fd = ConnectToLoopback(port);
  const std::string request = absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(send(fd, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
  std::string answer;
  char buffer[4096];
  for (ssize_t size; (size = recv(fd, buffer, sizeof buffer, 0)) > 0;) answer.append(buffer, size);
  close(fd);
  const size_t end = answer.find("\r\n\r\n");
  EXPECT_NE(end, std::string::npos) << answer;
  if (end == std::string::npos) return {answer, ""};
  return {answer.substr(0, end), answer.substr(end + 4)};
}

}  // namespace seedcast
