#include "cli/model_file.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "cli/json.h"
#include "cli/optimizer_example.h"
#include "common/spec/resolve.h"
#include "common/status_macros.h"
#include "worker/tasks/learned_optimizer/hrnn.h"

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
    int64_t channels = 1;
    int block = 1;
    for (const int64_t filters : FiltersOfBlocks(spec.proto_net())) {
      take(absl::StrCat("block", block, ".weight"), {3, 3, channels, filters});
      take(absl::StrCat("block", block, ".gamma"), {filters});
      take(absl::StrCat("block", block, ".beta"), {filters});
      channels = filters;
      ++block;
    }
  } else if (spec.has_learned_optimizer()) {
    for (const HrnnTensor& tensor : HrnnTensors()) {
      take(tensor.name,
           tensor.rows == 1 ? std::vector<int64_t>{tensor.columns} : std::vector<int64_t>{tensor.rows, tensor.columns});
    }
  } else {
    take("theta", {static_cast<int64_t>(theta.size())});
  }
  if (too_short || !rest.empty()) {
    return absl::InternalError(absl::StrCat("theta has ", theta.size(), " values, which is not what its spec says"));
  }
  return tensors;
}

absl::Status PrepareFolder(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat(folder, ": cannot be made"));
  if (access(folder.c_str(), W_OK) != 0) return absl::ErrnoToStatus(errno, absl::StrCat(folder, ": cannot be written"));
  if (std::filesystem::is_directory(path, error)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": is a folder, expected the name of a file"));
  }
  return absl::OkStatus();
}

absl::Status WriteModel(const std::string& path, const v1::JobStatus& status, const State& state) {
  ASSIGN_OR_RETURN(std::vector<Tensor> tensors, NamedTensors(status.spec(), state.theta));
  OptimizerExample example;
  if (status.spec().has_learned_optimizer()) {
    const v1::LearnedOptimizerTask::Published& published = status.spec().learned_optimizer().published();
    example = MakeOptimizerExample(state.theta, {published.global_from_last_tensor()});
    const std::vector<Tensor> extra = ExampleTensors(example);
    tensors.insert(tensors.end(), extra.begin(), extra.end());
  }
  RETURN_IF_ERROR(PrepareFolder(path));
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
