// The known-answer test of a numeric class: noise, perturbation, forward pass and loss on fixed inputs, for a narrow
// and a wide network. Two workers whose digests agree may serve the same job.
#include <memory>
#include <string>
#include <vector>

#include "common/digest.h"
#include "common/noise/noise.h"
#include "common/noise/philox.h"
#include "worker/kernels/convnet.h"
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

// A member of the first pair: also gamma and beta differ from 1 and 0.
std::vector<float> ProofTheta(const ConvNetShape& shape) {
  const std::vector<float> theta = InitialConvNetTheta(shape, kSeed);
  std::vector<float> member(theta.size());
  DrawAndPerturb(NoiseDistribution::kPopcount, {kSeed, 0, 0}, theta, NoiseScale(NoiseDistribution::kPopcount, 0.1),
                 absl::MakeSpan(member));
  return member;
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
  return ToHex(digest.Finish());
}

}  // namespace

std::vector<NumericClassProof> ProveNumericClasses() {
  std::vector<NumericClassProof> proofs;
  for (const v1::NumericClass numeric_class : {v1::F32, v1::BF16_AMX, v1::BF16_AVX512}) {
    if (const ConvNetKernels* kernels = BestConvNetKernels(numeric_class)) {
      proofs.push_back({numeric_class, kernels->name, Prove(*kernels)});
    }
  }
  return proofs;
}

std::string ExpectedF32Proof() { return "b10ce2897625ea2fb768f332fb0741deeb7e57afdc3067b951e56687d7ede454"; }

}  // namespace seedcast
