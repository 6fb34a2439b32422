#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/digest.h"
#include "common/noise/noise.h"
#include "worker/data/glyphs.h"
#include "worker/tasks/dataset_cache.h"
#include "worker/tasks/task.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;

std::string GlyphBytes(uint64_t seed) {
  return GenerateGlyphs({.seed = seed, .train = 5, .validation = 2, .test = 2}).Serialize();
}

v1::JobSpec ProtoNetSpec(const std::string& digest) {
  v1::JobSpec spec;
  spec.set_seed(1);
  spec.set_numeric_class(v1::F32);
  v1::ProtoNetTask& task = *spec.mutable_proto_net();
  task.set_dataset_digest(digest);
  task.set_way(2);
  task.set_shot(1);
  task.set_query(1);
  task.set_filters(16);
  task.set_blocks(1);
  task.set_episodes_per_pair(1);
  return spec;
}

TEST(RegistryTest, MakesAProtoNetFromTheNamedArtifact) {
  const std::string bytes = GlyphBytes(1);
  const std::string digest = ToHex(Sha256Of(bytes));
  std::string asked;
  const auto task = MakeTask(ProtoNetSpec(digest), [&](const std::string& wanted) {
    asked = wanted;
    return absl::StatusOr<std::string>(bytes);
  });
  ASSERT_TRUE(task.ok()) << task.status();
  EXPECT_EQ(asked, digest);
  EXPECT_TRUE((*task)->NewEvaluator()->Evaluate((*task)->InitialTheta(), {0, 0}).ok());
}

TEST(RegistryTest, ErrorsSayWhatIsMissing) {
  const std::string bytes = GlyphBytes(2);
  const std::string digest = ToHex(Sha256Of(bytes));
  const std::string garbage = "garbage";
  const auto give = [](const std::string& what) -> ArtifactFetcher {
    return [what](const std::string&) { return absl::StatusOr<std::string>(what); };
  };
  struct Case {
    v1::JobSpec spec;
    ArtifactFetcher fetch;
    absl::StatusCode code;
    std::string message;
  };
  v1::JobSpec unknown_class = ProtoNetSpec(digest);
  unknown_class.set_numeric_class(static_cast<v1::NumericClass>(77));
  const Case cases[] = {
      {v1::JobSpec(), give(bytes), absl::StatusCode::kInvalidArgument,
       "task: none that this build knows, expected one of proto_net, sphere, learned_optimizer, influence"},
      {ProtoNetSpec(digest), [](const std::string&) { return absl::NotFoundError("nowhere"); },
       absl::StatusCode::kNotFound, "nowhere"},
      {ProtoNetSpec(digest), give(bytes + "x"), absl::StatusCode::kDataLoss, "fetched as " + digest},
      {ProtoNetSpec(ToHex(Sha256Of(garbage))), give(garbage), absl::StatusCode::kDataLoss, "data set, byte 0"},
      {unknown_class, give(bytes), absl::StatusCode::kFailedPrecondition, "not available on this machine"},
  };
  for (const Case& c : cases) {
    const auto task = MakeTask(c.spec, c.fetch);
    EXPECT_EQ(task.status().code(), c.code) << task.status();
    EXPECT_THAT(task.status().message(), HasSubstr(c.message));
  }
}

TEST(RegistryTest, DatasetsAreSharedWhileSomebodyHoldsThem) {
  const std::string bytes = GlyphBytes(3);
  const std::string digest = ToHex(Sha256Of(bytes));
  int fetched = 0;
  const ArtifactFetcher fetch = [&](const std::string&) {
    ++fetched;
    return absl::StatusOr<std::string>(bytes);
  };
  {
    const auto first = SharedDataset(digest, fetch);
    const auto second = SharedDataset(digest, fetch);
    EXPECT_EQ(first->get(), second->get());
    EXPECT_EQ(fetched, 1);
  }
  EXPECT_TRUE(SharedDataset(digest, fetch).ok());
  EXPECT_EQ(fetched, 2);
}

TEST(NumericProofTest, F32IsProvenHere) {
  const auto proofs = ProveNumericClasses();
  ASSERT_FALSE(proofs.empty());
  EXPECT_EQ(proofs[0].numeric_class, v1::F32);
  EXPECT_EQ(proofs[0].digest, ExpectedF32Proof()) << "kernels " << proofs[0].kernels;
}

TEST(NumericProofTest, F32IsProvenWithEveryNoise) {
  const std::string chosen = NoiseIsa();
  for (const char* isa : {"scalar", "avx2", "avx512"}) {
    if (!SetNoiseIsa(isa)) continue;
    EXPECT_EQ(ProveNumericClasses()[0].digest, ExpectedF32Proof()) << "noise " << isa;
  }
  EXPECT_TRUE(SetNoiseIsa(chosen.c_str()));
}

TEST(NumericProofTest, ProofsAreRepeatable) {
  const auto first = ProveNumericClasses(), second = ProveNumericClasses();
  ASSERT_EQ(first.size(), second.size());
  for (size_t i = 0; i < first.size(); ++i) EXPECT_EQ(first[i].digest, second[i].digest) << first[i].kernels;
}

}  // namespace
}  // namespace seedcast
