// HTTP/2 byte by byte, for what no library would say.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "tests/testing/loopback.h"

namespace seedcast {

class RawConnection {
 public:
  // From another machine, if `from` is another address of the loopback network.
  explicit RawConnection(int port, const char* from = "127.0.0.1") : fd_(ConnectToLoopback(port, from)) {}
  RawConnection(RawConnection&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~RawConnection() { Close(); }

  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }

  // All of it, reading and dropping what comes meanwhile; false once the peer has closed.
  bool Send(absl::string_view bytes) {
    while (!bytes.empty()) {
      pollfd waiting = {fd_, POLLIN | POLLOUT, 0};
      poll(&waiting, 1, -1);
      if ((waiting.revents & POLLIN) != 0 && !Drop()) return false;
      if ((waiting.revents & POLLOUT) == 0) continue;
      const ssize_t count = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count < 0 && errno != EAGAIN) return false;
      bytes.remove_prefix(std::max<ssize_t>(count, 0));
    }
    return true;
  }

  // All of it, reading nothing.
  void Write(absl::string_view bytes) {
    EXPECT_EQ(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }

  // Reads until the peer has said `text`; false when it closes before.
  bool Await(absl::string_view text) {
    std::string said;
    char bytes[16384];
    ssize_t count;
    while ((count = recv(fd_, bytes, sizeof bytes, 0)) > 0) {
      said.append(bytes, count);
      if (said.find(std::string(text)) != std::string::npos) return true;
      said.erase(0, said.size() - std::min(said.size(), text.size()));
    }
    return false;
  }

  // How long the peer takes to close; `patience` when it does not.
  absl::Duration TimeToClose(absl::Duration patience) {
    const absl::Time start = absl::Now();
    while (absl::Now() < start + patience) {
      pollfd waiting = {fd_, POLLIN, 0};
      poll(&waiting, 1, 100);
      if (waiting.revents != 0 && !Drop()) return absl::Now() - start;
    }
    return patience;
  }

 private:
  // False at the end.
  bool Drop() {
    char bytes[16384];
    const ssize_t count = recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
    return count > 0 || (count < 0 && errno == EAGAIN);
  }

  int fd_;
};

namespace http2 {

inline constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
enum FrameType : uint8_t { kData = 0, kHeaders = 1, kResetStream = 3, kSettings = 4, kPing = 6 };
enum Flags : uint8_t { kNone = 0, kAck = 1, kEndStream = 1, kEndHeaders = 4 };

inline std::string Frame(FrameType type, uint8_t flags, uint32_t stream, absl::string_view payload) {
  std::string frame;
  for (const int shift : {16, 8, 0}) frame += static_cast<char>(payload.size() >> shift);
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) frame += static_cast<char>(stream >> shift);
  return frame.append(payload.data(), payload.size());
}

inline std::string Greeting() { return kPreface + Frame(kSettings, kNone, 0, ""); }

// A header as HPACK's literal without indexing, whatever bytes it holds.
inline std::string Header(absl::string_view name, absl::string_view value) {
  std::string header(1, '\0');
  for (const absl::string_view text : {name, value}) {
    size_t size = text.size();
    if (size < 127) {
      header += static_cast<char>(size);
    } else {
      header += static_cast<char>(127);
      for (size -= 127; size >= 128; size >>= 7) header += static_cast<char>(size % 128 + 128);
      header += static_cast<char>(size);
    }
    header.append(text.data(), text.size());
  }
  return header;
}

inline std::string CallHeaders(absl::string_view method) {
  return Header(":method", "POST") + Header(":scheme", "http") + Header(":path", method) +
         Header(":authority", "localhost") + Header("content-type", "application/grpc");
}

}  // namespace http2
}  // namespace seedcast
