// Artifacts: bytes known by their SHA-256, as files in a directory. Data sets travel and are cached in this form.
//
//   <directory>/<digest>           the bytes; written under another name, synced, then renamed
//   <directory>/names/<SHA-256 of name>   the digest that a name stands for (what a pair of zips decodes to, say)
//
// A file is believed only after its digest is checked, so a cut or altered one is never used. Any number of threads and
// processes may use one directory.
#pragma once

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace seedcast {

class ArtifactStore {
 public:
  // The directory is made when the first artifact is written. Empty: there is none, everything stays in memory.
  explicit ArtifactStore(std::string directory) : directory_(std::move(directory)) {}

  // NOT_FOUND when it is not here (or `digest` is no digest); DATA_LOSS when the file is not what its name says: it is
  // then removed, so that the next Put mends it.
  absl::StatusOr<std::string> Get(absl::string_view digest) const;

  // Whether Get would find something, without reading it.
  bool Has(absl::string_view digest) const;

  // The digest (hex) of `bytes`, which Get finds from now on: a directory that cannot be written (a full disk, say)
  // costs a warning, and the bytes stay in memory for as long as this object lives.
  std::string Put(std::string bytes);

  // Which artifact a name stands for. NOT_FOUND where nothing was remembered. Names are hints: the caller must do
  // without them.
  absl::StatusOr<std::string> Find(absl::string_view name) const;
  absl::Status Remember(absl::string_view name, absl::string_view digest);

  const std::string& directory() const { return directory_; }

 private:
  std::string PathOf(absl::string_view digest) const;
  std::string PathOfName(absl::string_view name) const;

  const std::string directory_;
  mutable absl::Mutex mutex_;
  std::map<std::string, std::string, std::less<>> unwritten_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace seedcast
