// The known-answer test of a numeric class: noise, perturbation, forward pass and loss on fixed inputs, for a narrow
// and a wide network; in F32 also both members of a pair with noise of each distribution, and steps of the learned
// optimizer. Two workers whose digests agree may serve the same job.
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/digest.h"
#include "common/noise/noise.h"
#include "common/noise/philox.h"
#include "worker/kernels/convnet.h"
#include "worker/tasks/learned_optimizer/hrnn.h"
#include "worker/tasks/prototypes.h"
#include "worker/tasks/task.h"

namespace seedcast {
namespace {

constexpr uint64_t kSeed = 20150709;
constexpr EpisodeShape kEpisode{.way = 5, .shot = 1, .query = 1};

// Blots of every brightness, a third of each image.
std::vector<uint8_t> ProofImages() {
  PhiloxStream stream(kSeed, 0, 0, static_cast<uint32_t>(NoiseDomain::kTask));
  std::vector<uint8_t> pixels(static_cast<size_t>(kEpisode.images()) * kImagePixels);
  for (uint8_t& pixel : pixels) {
    const bool ink = stream.Below(3) == 0;
    pixel = ink ? static_cast<uint8_t>(stream.Below(kPixelMax + 1)) : 0;
  }
  return pixels;
}

// A member of the first pair, made as workers make theirs (worker/runtime/perturbation.h).
std::vector<float> ProofMember(NoiseDistribution distribution, absl::Span<const float> theta, float sign) {
  std::vector<int8_t> noise(theta.size());
  DrawNoise(distribution, {kSeed, 0, 0}, absl::MakeSpan(noise));
  std::vector<float> member(theta.size());
  Perturb(theta, noise, sign * NoiseScale(distribution, 0.1), absl::MakeSpan(member));
  return member;
}

// Gamma and beta differ from 1 and 0, too.
std::vector<float> ProofTheta(const ConvNetShape& shape) {
  return ProofMember(NoiseDistribution::kPopcount, InitialConvNetTheta(shape, kSeed), 1);
}

// Of a size that is a multiple of no vector's and no group's.
void ProveNoise(Sha256& digest) {
  constexpr size_t kParameters = 5003;
  std::vector<float> theta(kParameters);
  PhiloxStream stream(kSeed, 2, 0, static_cast<uint32_t>(NoiseDomain::kTask));
  for (float& value : theta) value = stream.Uniform() - 0.5f;
  for (const NoiseDistribution distribution : {NoiseDistribution::kPopcount, NoiseDistribution::kSign}) {
    for (const float sign : {1.0f, -1.0f}) digest.Floats(ProofMember(distribution, theta, sign));
  }
}

// A few steps of the learned optimizer on two tensors, neither of them whole vectors.
void ProveHrnn(Sha256& digest) {
  constexpr int64_t kParameters = 40;
  const std::unique_ptr<Hrnn> hrnn = MakeHrnn({37, 3}, {});
  hrnn->SetTheta(InitialHrnnTheta(kSeed));
  HrnnState state;
  hrnn->Begin(kSeed, 0, 0, &state);
  PhiloxStream stream(kSeed, 1, 0, static_cast<uint32_t>(NoiseDomain::kTask));
  std::vector<float> gradient(kParameters), parameters(kParameters);
  for (int step = 0; step < 4; ++step) {
    for (float& value : gradient) value = stream.Uniform() - 0.5f;
    hrnn->Step(gradient, &state, absl::MakeSpan(parameters));
  }
  digest.Floats(parameters).Floats(state.h0).Floats(state.h1).Floats(state.h2);
}

std::string Prove(const ConvNetKernels& kernels) {
  const std::vector<uint8_t> images = ProofImages();
  Sha256 digest;
  for (const ConvNetShape& shape : {ConvNetShape::Uniform(16, 2), ConvNetShape::Uniform(64, 4)}) {
    const std::unique_ptr<ConvNet> network = kernels.make(shape);
    network->SetImages(images, kEpisode.images(), kEpisode.support_images());
    std::vector<float> embeddings(static_cast<size_t>(kEpisode.images()) * shape.embedding_size());
    network->Embed(ProofTheta(shape), absl::MakeSpan(embeddings));
    const EpisodeMetrics metrics = PrototypeHead(kEpisode, shape.embedding_size()).Measure(embeddings);
    digest.Floats(embeddings).Floats({metrics.fitness, metrics.accuracy});
  }
  if (kernels.numeric_class == v1::F32) {
    ProveNoise(digest);
    ProveHrnn(digest);
  }
  return ToHex(digest.Finish());
}

}  // namespace

std::vector<NumericClassProof> ProveNumericClasses() {
  std::vector<NumericClassProof> proofs;
  for (const v1::NumericClass numeric_class : NumericClassesHere()) {
    const ConvNetKernels& kernels = *BestConvNetKernels(numeric_class);
    proofs.push_back({numeric_class, kernels.name, Prove(kernels)});
  }
  return proofs;
}

std::string ExpectedF32Proof() { return "2bedbd7218fe2baa697f479ff3839eae3b7317624f339dfc221d9112efcec6ff"; }

}  // namespace seedcast
