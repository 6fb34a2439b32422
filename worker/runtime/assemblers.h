// What ParameterService streams in pieces, put together: each piece to Add, then Finish once. DATA_LOSS for pieces that
// do not make the whole that was announced or asked for, RESOURCE_EXHAUSTED for one larger than is taken.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/digest.h"
#include "seedcast/v1/parameters.pb.h"

namespace seedcast {

class LogAssembler {
 public:
  absl::Status Add(v1::GenerationRecord record) {
    records_.push_back(std::move(record));
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<v1::GenerationRecord>> Finish() { return std::move(records_); }

 private:
  std::vector<v1::GenerationRecord> records_;
};

// Bytes in chunks, the first of which announces how many there are: SnapshotChunk, ArtifactChunk.
template <typename Chunk>
class BytesAssembler {
 public:
  explicit BytesAssembler(int64_t max_bytes) : max_bytes_(max_bytes) {}

  absl::Status Add(Chunk chunk) {
    if (announced_ < 0) {
      announced_ = chunk.total_bytes();
      if (announced_ < 0 || announced_ > max_bytes_) {
        return absl::ResourceExhaustedError(
            absl::StrCat("the coordinator announces ", announced_, " bytes, at most ", max_bytes_, " are taken"));
      }
      bytes_.reserve(announced_);
    }
    bytes_ += chunk.data();
    if (static_cast<int64_t>(bytes_.size()) <= announced_) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("more than the announced ", announced_, " bytes"));
  }

  absl::StatusOr<std::string> Finish() {
    if (static_cast<int64_t>(bytes_.size()) == announced_) return std::move(bytes_);
    return absl::DataLossError(absl::StrCat("got ", bytes_.size(), " bytes, announced were ", announced_));
  }

 private:
  const int64_t max_bytes_;
  int64_t announced_ = -1;
  std::string bytes_;
};

// The same, and their SHA-256 must be what was asked for.
class ArtifactAssembler {
 public:
  ArtifactAssembler(std::string digest, int64_t max_bytes) : digest_(std::move(digest)), bytes_(max_bytes) {}

  absl::Status Add(v1::ArtifactChunk chunk) { return bytes_.Add(std::move(chunk)); }

  absl::StatusOr<std::string> Finish() {
    absl::StatusOr<std::string> bytes = bytes_.Finish();
    if (!bytes.ok()) return bytes.status();
    if (const std::string found = ToHex(Sha256Of(*bytes)); found != digest_) {
      return absl::DataLossError(absl::StrCat("artifact ", digest_, " came with digest ", found));
    }
    return bytes;
  }

 private:
  std::string digest_;
  BytesAssembler<v1::ArtifactChunk> bytes_;
};

}  // namespace seedcast
