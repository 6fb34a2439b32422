#include "cli/model_file.h"

#include <filesystem>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "cli/json.h"
#include "common/status_macros.h"

namespace seedcast {

absl::StatusOr<std::vector<Tensor>> NamedTensors(const v1::JobSpec& spec, const std::vector<float>& theta) {
  absl::Span<const float> rest = theta;
  std::vector<Tensor> tensors;
  bool too_short = false;
  const auto take = [&](std::string name, std::vector<int64_t> shape) {
    size_t size = 1;
    for (const int64_t dimension : shape) size *= dimension;
    too_short |= rest.size() < size;
    tensors.push_back({std::move(name), std::move(shape), rest.subspan(0, size)});
    rest.remove_prefix(std::min(size, rest.size()));
  };
  if (spec.has_proto_net()) {
    // The order of worker/kernels/convnet.h.
    const int64_t filters = spec.proto_net().filters();
    for (int block = 1; block <= spec.proto_net().blocks(); ++block) {
      take(absl::StrCat("block", block, ".weight"), {3, 3, block == 1 ? 1 : filters, filters});
      take(absl::StrCat("block", block, ".gamma"), {filters});
      take(absl::StrCat("block", block, ".beta"), {filters});
    }
  } else {
    take("theta", {static_cast<int64_t>(theta.size())});
  }
  if (too_short || !rest.empty()) {
    return absl::InternalError(absl::StrCat("theta has ", theta.size(), " values, which is not what its spec says"));
  }
  return tensors;
}

absl::Status WriteModel(const std::string& path, const v1::JobStatus& status, const State& state) {
  ASSIGN_OR_RETURN(const std::vector<Tensor> tensors, NamedTensors(status.spec(), state.theta));
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat(folder.string(), ": cannot be made"));
  const std::string metadata = JsonObject()
                                   .Text("job_id", status.job_id())
                                   .Integer("version", state.version)
                                   .Text("state_digest", ToHex(StateDigest(state)))
                                   .Text("program", absl::StrCat("seedcast ", SEEDCAST_VERSION))
                                   .Raw("spec", ToJson(status.spec()))
                                   .str();
  return WriteNpz(path, tensors, metadata);
}

}  // namespace seedcast
