// Where a job's data set comes from. In this order: the directory that the user named, ./data, the user's cache
// directory, a download of the official archives into it, the generated glyphs.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "seedcast/v1/job.pb.h"
#include "worker/data/artifacts.h"
#include "worker/data/download.h"
#include "worker/data/omniglot.h"

namespace seedcast {

struct DataOptions {
  // Directory that must hold the Omniglot zips, in itself or in its folder "omniglot": when it does not, that is an
  // error and nothing else is tried. Empty (default): the usual places.
  std::string directory;
  // Looked at before the cache. Default "data", relative to the working directory.
  std::string local_directory = "data";
  // Holds downloaded zips, and decoded sets in artifacts/. Empty (default): none.
  std::string cache_directory;
  // No downloads. Default false.
  bool offline = false;
  // Told of what takes seconds, before it is begun: "reading Omniglot from DIR"; and by the coordinator, in place of
  // its log, why glyphs were taken. Null (default): nobody.
  std::function<void(const std::string& what)> announce;
  // What is downloaded. Default: the official archives.
  Download background = OfficialBackgroundZip();
  Download evaluation = OfficialEvaluationZip();

  static Download OfficialBackgroundZip();
  static Download OfficialEvaluationZip();

  // The defaults, with $SEEDCAST_DATA as directory, $SEEDCAST_OFFLINE (not empty, not "0") as offline, and
  // $XDG_CACHE_HOME/seedcast/omniglot or ~/.cache/seedcast/omniglot as cache directory.
  static DataOptions FromEnvironment();

  // Where the ArtifactStore of this cache belongs; empty without a cache directory.
  std::string ArtifactDirectory() const { return cache_directory.empty() ? "" : cache_directory + "/artifacts"; }
};

// The zips in a directory, or in its folder "omniglot". NOT_FOUND says where they were expected.
absl::StatusOr<OmniglotFiles> FindOmniglotZips(const std::string& directory);

struct ResolvedDataset {
  std::string digest;       // `artifacts` holds it
  std::string description;  // which data, from where, and why not better: one plain line
};

// Finds or makes the data set of `kind`, puts its bytes into `artifacts`. Errors: NOT_FOUND (OMNIGLOT, and it is
// nowhere; or the named directory lacks it), DATA_LOSS (the archives found are not Omniglot). May take a second to
// decode, minutes to download; a second call with the same zips takes tens of milliseconds.
absl::StatusOr<ResolvedDataset> ResolveDataset(v1::ProtoNetTask::Dataset kind, const DataOptions& options,
                                               ArtifactStore* artifacts);

}  // namespace seedcast
