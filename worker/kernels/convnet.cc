#include "worker/kernels/convnet.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "common/noise/noise.h"
#include "common/noise/philox.h"
#include "worker/kernels/layers.h"
#include "worker/kernels/networks.h"

namespace seedcast {
namespace {

std::unique_ptr<ConvNet> MakeAvx512(const ConvNetShape& shape) { return MakeF32ConvNet(shape, kAvx512F32Kernels); }
std::unique_ptr<ConvNet> MakeAvx2(const ConvNetShape& shape) { return MakeF32ConvNet(shape, kAvx2F32Kernels); }
std::unique_ptr<ConvNet> MakeAmx(const ConvNetShape& shape) {
  return MakeBf16ConvNet(shape, kAvx512F32Kernels, kAmxBf16Kernels);
}
std::unique_ptr<ConvNet> MakeAvx512Bf16(const ConvNetShape& shape) {
  return MakeBf16ConvNet(shape, kAvx512F32Kernels, kAvx512Bf16Kernels);
}

bool HasAvx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
bool HasAvx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

std::vector<ConvNetKernels> FindKernels() {
  std::vector<ConvNetKernels> kernels;
  if (HasAvx512()) kernels.push_back({"avx512", v1::F32, MakeAvx512});
  if (HasAvx512() && RequestAmx()) kernels.push_back({"amx", v1::BF16_AMX, MakeAmx});
  if (HasAvx512() && __builtin_cpu_supports("avx512bf16")) {
    kernels.push_back({"avx512bf16", v1::BF16_AVX512, MakeAvx512Bf16});
  }
  if (HasAvx2()) kernels.push_back({"avx2", v1::F32, MakeAvx2});
  kernels.push_back({"scalar", v1::F32, MakeReferenceConvNet});
  return kernels;
}

std::vector<ConvNetKernels>& Kernels() {
  static auto* const kernels = new std::vector<ConvNetKernels>(FindKernels());
  return *kernels;
}

}  // namespace

int64_t ConvNetShape::num_parameters() const {
  const ConvLayer last = ConvLayers(*this).back();
  return last.beta + last.filters;
}

int ConvNetShape::embedding_size() const {
  const ConvLayer last = ConvLayers(*this).back();
  return last.pooled_positions() * last.filters;
}

const std::vector<ConvNetKernels>& AvailableConvNetKernels() { return Kernels(); }

bool UseF32Kernels(const std::string& name) {
  const auto is_other = [&](const ConvNetKernels& kernels) {
    return kernels.numeric_class == v1::F32 && kernels.name != name;
  };
  const auto is_it = [&](const ConvNetKernels& kernels) {
    return kernels.numeric_class == v1::F32 && kernels.name == name;
  };
  if (std::none_of(Kernels().begin(), Kernels().end(), is_it)) return false;
  std::erase_if(Kernels(), is_other);
  return true;
}

const ConvNetKernels* BestConvNetKernels(v1::NumericClass numeric_class) {
  for (const ConvNetKernels& kernels : AvailableConvNetKernels()) {
    if (kernels.numeric_class == numeric_class) return &kernels;
  }
  return nullptr;
}

std::vector<v1::NumericClass> NumericClassesHere() {
  std::vector<v1::NumericClass> here;
  for (const v1::NumericClass numeric_class : {v1::F32, v1::BF16_AMX, v1::BF16_AVX512}) {
    if (BestConvNetKernels(numeric_class) != nullptr) here.push_back(numeric_class);
  }
  return here;
}

// Weight after weight, in theta's order, takes the next 16 bits of one Philox stream, low half first:
// popcount - 8 has mean 0 and variance 4.
std::vector<float> InitialConvNetTheta(const ConvNetShape& shape, uint64_t seed) {
  std::vector<float> theta;
  theta.reserve(shape.num_parameters());
  PhiloxStream stream(seed, 0, 0, static_cast<uint32_t>(NoiseDomain::kInitialTheta));
  for (const ConvLayer& layer : ConvLayers(shape)) {
    const float scale = static_cast<float>(std::sqrt(2.0 / (9 * layer.in_channels)) / 2);
    for (int64_t i = layer.weights; i < layer.gamma; i += 2) {
      const uint32_t bits = stream.Next();
      theta.push_back(scale * static_cast<float>(std::popcount(bits & 0xFFFF) - 8));
      theta.push_back(scale * static_cast<float>(std::popcount(bits >> 16) - 8));
    }
    theta.insert(theta.end(), layer.filters, 1.0f);
    theta.insert(theta.end(), layer.filters, 0.0f);
  }
  return theta;
}

}  // namespace seedcast
