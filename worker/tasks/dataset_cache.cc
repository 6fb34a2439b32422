#include "worker/tasks/dataset_cache.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/digest.h"
#include "common/status_macros.h"

namespace seedcast {
namespace {

struct Cache {
  absl::Mutex mutex;
  std::map<std::string, std::weak_ptr<const Dataset>> datasets ABSL_GUARDED_BY(mutex);
};

Cache& ProcessCache() {
  static Cache& cache = *new Cache;  // never destroyed: threads may outlive main
  return cache;
}

std::shared_ptr<const Dataset> Lookup(const std::string& digest) {
  Cache& cache = ProcessCache();
  absl::MutexLock lock(&cache.mutex);
  const auto found = cache.datasets.find(digest);
  return found != cache.datasets.end() ? found->second.lock() : nullptr;
}

std::shared_ptr<const Dataset> InsertOrGet(const std::string& digest, std::shared_ptr<const Dataset> dataset) {
  Cache& cache = ProcessCache();
  absl::MutexLock lock(&cache.mutex);
  std::weak_ptr<const Dataset>& entry = cache.datasets[digest];
  if (auto present = entry.lock()) return present;
  entry = dataset;
  return dataset;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Dataset>> SharedDataset(const std::string& digest, const ArtifactFetcher& fetch) {
  if (auto present = Lookup(digest)) return present;
  ASSIGN_OR_RETURN(const std::string bytes, fetch(digest));
  if (const std::string got = ToHex(Sha256Of(bytes)); got != digest) {
    return absl::DataLossError(absl::StrCat("data set fetched as ", digest, " has the digest ", got));
  }
  ASSIGN_OR_RETURN(Dataset dataset, Dataset::Parse(bytes));
  return InsertOrGet(digest, std::make_shared<const Dataset>(std::move(dataset)));
}

}  // namespace seedcast
