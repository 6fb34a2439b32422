// Prints noise, scales, schedules and whole updates as JSON lines, for tests/golden/numpy_reference.py to reproduce.
// Floats are printed as the hexadecimal of their bits.
#include <google/protobuf/util/json_util.h>

#include <bit>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/noise/noise.h"
#include "common/noise/philox.h"
#include "common/spec/resolve.h"
#include "common/spec/shape.h"
#include "common/strategy/update.h"

namespace seedcast {
namespace {

constexpr size_t kParameters = 2500;  // whole and broken groups of both distributions
constexpr uint64_t kSeed = 0xFEDCBA9876543210;

std::string Bits(const std::vector<float>& values) {
  return absl::StrJoin(values, "", [](std::string* out, float value) {
    absl::StrAppend(out, absl::Hex(std::bit_cast<uint32_t>(value), absl::kZeroPad8));
  });
}

void PrintNoise(NoiseDistribution distribution, const char* name, const NoiseKey& key) {
  std::vector<int8_t> noise(kParameters);
  DrawNoise(distribution, key, absl::MakeSpan(noise));
  absl::PrintF(
      "{\"kind\": \"noise\", \"noise\": \"%s\", \"seed\": \"%u\", \"generation\": %u, \"pair\": %u, \"n\": [%s]}\n",
      name, key.seed, key.generation, key.pair, absl::StrJoin(noise, ", "));
}

std::vector<float> Uniforms(uint32_t stream_number, size_t size) {
  PhiloxStream stream(kSeed, stream_number, 0, 99);
  std::vector<float> values(size);
  for (float& value : values) value = stream.Uniform() - 0.5f;
  return values;
}

// Fitness with ties and with members that failed.
std::vector<float> Fitness(size_t population) {
  std::vector<float> fitness = Uniforms(1, population);
  fitness[3] = fitness[8] = fitness[11] = 0.25f;
  fitness[14] = fitness[15];
  fitness[20] = std::numeric_limits<float>::quiet_NaN();
  fitness[25] = std::numeric_limits<float>::infinity();
  return fitness;
}

// Two generations, so that moments and the bias correction of the second one count.
void PrintUpdate(const std::string& task_json, const std::string& strategy_json) {
  v1::JobSpec unresolved;
  const std::string json =
      absl::StrFormat("{\"generations\": 10, \"seed\": \"%u\", %s, \"strategy\": %s}", kSeed, task_json, strategy_json);
  if (!google::protobuf::util::JsonStringToMessage(json, &unresolved).ok()) return;
  const v1::JobSpec spec = Resolve(unresolved).value();
  std::string resolved_json;
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  if (!google::protobuf::util::MessageToJsonString(spec, &resolved_json, options).ok()) return;

  const std::vector<float> fitness = Fitness(static_cast<size_t>(FitnessCount(spec)));
  State state = InitialState(spec.strategy(), Uniforms(0, kParameters));
  state.version = 4;
  absl::PrintF("{\"kind\": \"update\", \"spec\": %s, \"version\": %d, \"theta\": \"%s\", \"fitness\": \"%s\"",
               resolved_json, state.version, Bits(state.theta), Bits(fitness));
  absl::PrintF(", \"noise_scale\": \"%s\"",
               Bits({NoiseScale(Distribution(spec.strategy()), SigmaAt(spec, state.version))}));
  for (int step = 0; step < 2; ++step) (void)Update(spec, {fitness, {}}, 2, &state).value();
  absl::PrintF(", \"new_theta\": \"%s\", \"first_moment\": \"%s\", \"second_moment\": \"%s\"}\n", Bits(state.theta),
               Bits(state.first_moment), Bits(state.second_moment));
}

}  // namespace
}  // namespace seedcast

int main() {
  using seedcast::NoiseDistribution;
  seedcast::PrintNoise(NoiseDistribution::kPopcount, "POPCOUNT", {seedcast::kSeed, 7, 3});
  seedcast::PrintNoise(NoiseDistribution::kSign, "SIGN", {seedcast::kSeed, 7, 3});
  const char* sphere = R"("sphere": {})";
  seedcast::PrintUpdate(sphere, R"({"population_size": 64})");
  seedcast::PrintUpdate(sphere, R"({"population_size": 64, "noise": "SIGN", "shaping": "CENTERED_RANKS",
      "weight_decay": 0.1, "sgd": {"momentum": 0.8},
      "learning_rate": {"initial": 0.3, "decay": "LINEAR", "final": 0.1, "start": 0.2}})");
  seedcast::PrintUpdate(sphere, R"({"population_size": 128, "shaping": "SIGNED_RANKS", "rms_prop": {"momentum": 0.5},
      "learning_rate": {"decay": "CONSTANT", "warmup": 0.7}, "sigma": {"initial": 0.3}})");
  seedcast::PrintUpdate(sphere, R"({"population_size": 64, "noise": "SIGN", "weight_decay": 0.01,
      "sigma": {"initial": 0.01}, "learning_rate": {"initial": 0.1, "decay": "EXPONENTIAL", "final": 0.001}})");

  const char* clusters = R"("learned_optimizer": {"unroll": {"count": 3, "restarts": 2}, "clusters": [
      {"name": "a", "problems": ["bowl"]}, {"name": "b", "problems": ["bowl"], "weight": 5}]})";
  const char* influence = R"("influence": {"unroll": {"lengths": "EXPONENTIAL", "count": 3}})";
  seedcast::PrintUpdate(clusters, R"({"population_size": 64, "rms_prop": {"initial_mean_square": 1}})");
  seedcast::PrintUpdate(clusters, R"({"population_size": 32, "estimator": "PES", "shaping": "CENTERED_RANKS"})");
  seedcast::PrintUpdate(clusters, R"({"population_size": 32, "estimator": "NRES", "noise": "SIGN"})");
  seedcast::PrintUpdate(influence, R"({"population_size": 64, "estimator": "PES", "noise": "SIGN"})");
  seedcast::PrintUpdate(influence, R"({"population_size": 64, "estimator": "NRES", "shaping": "SIGNED_RANKS"})");
}
