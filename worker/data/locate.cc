#include "worker/data/locate.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "common/digest.h"
#include "common/status_macros.h"
#include "worker/data/dataset.h"
#include "worker/data/glyphs.h"
#include "worker/data/omniglot.h"

namespace seedcast {
namespace {

bool IsFile(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

// Path, size and time of change: what is remembered about a file whose content has been checked.
std::string IdentityOf(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return absl::StrCat(path, " absent");
  return absl::StrCat(path, " ", info.st_dev, " ", info.st_ino, " ", info.st_size, " ", info.st_mtim.tv_sec, ".",
                      info.st_mtim.tv_nsec);
}

// The digest of what these zips decode to. Decodes them, unless they were decoded before, have not changed since and
// the result is still there, undamaged.
absl::StatusOr<std::string> DecodeZips(const OmniglotFiles& files, const DataOptions& options,
                                       ArtifactStore* artifacts) {
  const std::string name = absl::StrCat("omniglot\n", IdentityOf(files.background), "\n", IdentityOf(files.evaluation));
  if (const auto known = artifacts->Find(name);
      known.ok() && *known == kOmniglotDigest && artifacts->Get(*known).ok()) {
    return *known;
  }
  if (options.announce) {
    const std::string folder = std::filesystem::path(files.background).parent_path();
    options.announce(absl::StrCat("reading Omniglot from ", folder));
  }
  ASSIGN_OR_RETURN(const Dataset dataset, ReadOmniglot(files));
  const std::string bytes = dataset.Serialize();
  if (const std::string digest = ToHex(Sha256Of(bytes)); digest != kOmniglotDigest) {
    return absl::DataLossError(absl::StrCat(files.background, " and ", files.evaluation,
                                            ": complete, but not the published drawings (digest of the decoded set is ",
                                            digest, ", expected ", kOmniglotDigest, ")"));
  }
  std::string digest = artifacts->Put(bytes);
  // Without this the next start takes a second longer, no more; Put has warned where the directory cannot be written.
  artifacts->Remember(name, digest).IgnoreError();
  return digest;
}

absl::StatusOr<ResolvedDataset> FromZips(const OmniglotFiles& files, const DataOptions& options,
                                         ArtifactStore* artifacts) {
  ASSIGN_OR_RETURN(std::string digest, DecodeZips(files, options, artifacts));
  return ResolvedDataset{std::move(digest), absl::StrCat("Omniglot from ", files.background, " and ", kEvaluationZip)};
}

absl::StatusOr<ResolvedDataset> FromDownload(const DataOptions& options, ArtifactStore* artifacts) {
  if (options.offline) return absl::UnavailableError("downloads are switched off");
  if (options.cache_directory.empty()) return absl::UnavailableError("there is no cache directory to download to");
  const OmniglotFiles files{absl::StrCat(options.cache_directory, "/", kBackgroundZip),
                            absl::StrCat(options.cache_directory, "/", kEvaluationZip)};
  if (!IsFile(files.background)) RETURN_IF_ERROR(Fetch(options.background, files.background));
  if (!IsFile(files.evaluation)) RETURN_IF_ERROR(Fetch(options.evaluation, files.evaluation));
  return FromZips(files, options, artifacts);
}

absl::StatusOr<ResolvedDataset> FindOmniglot(const DataOptions& options, ArtifactStore* artifacts) {
  if (!options.directory.empty()) {
    ASSIGN_OR_RETURN(const OmniglotFiles files, FindOmniglotZips(options.directory));
    return FromZips(files, options, artifacts);
  }
  std::vector<std::string> places = {options.local_directory};
  if (!options.cache_directory.empty()) places.push_back(options.cache_directory);
  for (const std::string& place : places) {
    if (const auto files = FindOmniglotZips(place); files.ok()) return FromZips(*files, options, artifacts);
  }
  if (artifacts->Get(kOmniglotDigest).ok()) {
    return ResolvedDataset{std::string(kOmniglotDigest),
                           absl::StrCat("Omniglot, decoded earlier, from ", artifacts->directory())};
  }
  auto downloaded = FromDownload(options, artifacts);
  if (downloaded.ok()) return downloaded;
  return absl::NotFoundError(
      absl::StrCat("Omniglot is not in ", absl::StrJoin(places, ", "),
                   " (--data names another place) and cannot be downloaded: ", downloaded.status().message()));
}

ResolvedDataset FromGlyphs(absl::string_view description, ArtifactStore* artifacts) {
  std::string digest(kGlyphsDigest);
  if (!artifacts->Get(digest).ok()) digest = artifacts->Put(GenerateGlyphs({}).Serialize());
  return {std::move(digest), std::string(description)};
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string DefaultCacheDirectory() {
  // Both must be absolute; the XDG specification says to ignore a relative one.
  if (const std::string cache = Environment("XDG_CACHE_HOME"); cache.starts_with('/'))
    return cache + "/seedcast/omniglot";
  if (const std::string home = Environment("HOME"); home.starts_with('/')) return home + "/.cache/seedcast/omniglot";
  return "";
}

}  // namespace

Download DataOptions::OfficialBackgroundZip() {
  return {"https://raw.githubusercontent.com/brendenlake/omniglot/master/python/images_background.zip",
          "68d2efa1b9178cc56df9314c21c6e718"};
}

Download DataOptions::OfficialEvaluationZip() {
  return {"https://raw.githubusercontent.com/brendenlake/omniglot/master/python/images_evaluation.zip",
          "6b91aef0f799c5bb55b94e3f2daec811"};
}

DataOptions DataOptions::FromEnvironment() {
  DataOptions options;
  options.directory = Environment("SEEDCAST_DATA");
  options.cache_directory = DefaultCacheDirectory();
  const std::string offline = Environment("SEEDCAST_OFFLINE");
  options.offline = !offline.empty() && offline != "0";
  return options;
}

absl::StatusOr<OmniglotFiles> FindOmniglotZips(const std::string& directory) {
  for (const std::string& place : {directory, directory + "/omniglot"}) {
    OmniglotFiles files{absl::StrCat(place, "/", kBackgroundZip), absl::StrCat(place, "/", kEvaluationZip)};
    if (IsFile(files.background) && IsFile(files.evaluation)) return files;
  }
  return absl::NotFoundError(absl::StrCat(directory, ": expected ", kBackgroundZip, " and ", kEvaluationZip,
                                          " in it or in its folder omniglot"));
}

absl::StatusOr<ResolvedDataset> ResolveDataset(v1::ProtoNetTask::Dataset kind, const DataOptions& options,
                                               ArtifactStore* artifacts) {
  if (kind == v1::ProtoNetTask::GLYPHS) return FromGlyphs("generated glyphs, as the job asks", artifacts);
  auto found = FindOmniglot(options, artifacts);
  // Only absence leads to the glyphs: archives that are there but damaged, or a directory that the user named, are for
  // the user to put right.
  const bool may_replace = kind == v1::ProtoNetTask::AUTO && options.directory.empty();
  if (found.ok() || !may_replace || !absl::IsNotFound(found.status())) return found;
  return FromGlyphs(absl::StrCat("generated glyphs, because ", found.status().message()), artifacts);
}

}  // namespace seedcast
