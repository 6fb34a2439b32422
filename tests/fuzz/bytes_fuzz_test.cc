// Parsers of files and of what comes over the network: damaged bytes are refused with a reason, or they are valid.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/job_file.h"
#include "common/spec/resolve.h"
#include "common/strategy/state.h"
#include "tests/fuzz/mutate.h"
#include "worker/data/dataset.h"

namespace seedcast {
namespace {

constexpr char kJob[] =
    "# a job\n"
    "name: fuzz-1\n"
    "seed: 18446744073709551615\n"
    "learned_optimizer:\n"
    "  clusters:\n"
    "    - {name: a, problems: [quadratic(4), 'noisy(bowl(5, 45), 0.1)'], weight: 3}\n"
    "    - name: b\n"
    "      problems: ['rescale(quadratic(5), 0.000001)']\n"
    "  unroll: &unroll {lengths: FIXED, steps: 20, count: 2}\n"
    "strategy:\n"
    "  population_size: 64\n"
    "  sigma: {initial: 0.1, decay: CONSTANT}\n"
    "  learning_rate: {initial: 1e-2, final: .5e-3, decay: cosine, warmup: 0.05}\n"
    "  adam: {beta1: 0.9, epsilon: 1.0e-8}\n"
    "validation: {every: 10, episodes: {episodes: 4}}\n"
    "generations: 1000\n";

TEST(FuzzTest, AJobFileIsRefusedInOneLineOrCanBeResolved) {
  const std::string job = kJob;
  ASSERT_TRUE(ParseJobFile(job, "job.yaml", {}).ok()) << ParseJobFile(job, "job.yaml", {}).status();
  ForMutations(
      20'000, [&] { return job; },
      [](const std::string& text) {
        const auto spec = ParseJobFile(text, "job.yaml", {});
        if (spec.ok()) {
          EXPECT_TRUE(Resolve(*spec).ok()) << Resolve(*spec).status();
          return;
        }
        EXPECT_EQ(spec.status().code(), absl::StatusCode::kInvalidArgument);
        EXPECT_FALSE(spec.status().message().empty());
      });
}

State SomeState() {
  State state;
  state.version = 17;
  state.theta = {1, -0.0f, 3e-42f, 5};
  state.first_moment = {4, 5, 6, 7};
  state.second_moment = {7, 8, 9, 10};
  return state;
}

TEST(FuzzTest, AStateIsRefusedOrWhatItsBytesSay) {
  const std::string bytes = SerializeState(SomeState());
  ForMutations(
      20'000, [&] { return bytes; },
      [](const std::string& mutation) {
        const auto state = ParseState(mutation);
        if (state.ok()) {
          EXPECT_EQ(SerializeState(*state), mutation);
        } else {
          EXPECT_EQ(state.status().code(), absl::StatusCode::kDataLoss);
        }
      });
}

// Three characters, two drawings each, with ink here and there.
Dataset SomeDataset() {
  PhiloxStream random(2, 0, 0, 0);
  Dataset dataset("small", 2);
  for (int c = 0; c < 3; ++c) {
    std::vector<uint8_t> pixels(size_t{2} * kImagePixels);
    for (uint8_t& pixel : pixels) pixel = random.Below(8) == 0 ? static_cast<uint8_t>(1 + random.Below(225)) : 0;
    dataset.Add("A/character0" + std::to_string(c + 1), static_cast<Split>(c), pixels);
  }
  return dataset;
}

TEST(FuzzTest, ADataSetIsRefusedOrWhatItsBytesSay) {
  const std::string bytes = SomeDataset().Serialize();
  int accepted = 0;
  ForMutations(
      20'000, [&] { return bytes; },
      [&](const std::string& mutation) {
        const auto dataset = Dataset::Parse(mutation);
        if (dataset.ok()) {
          ++accepted;
          EXPECT_EQ(dataset->Serialize(), mutation);
        } else {
          EXPECT_EQ(dataset.status().code(), absl::StatusCode::kDataLoss);
        }
      });
  EXPECT_GT(accepted, 0) << "the edits reach no deeper than the header";
}

}  // namespace
}  // namespace seedcast
