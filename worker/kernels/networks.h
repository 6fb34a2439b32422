// The networks behind the Kernels seam, one maker a numeric class and instruction set. Call a maker only on a machine
// that has the instructions: AvailableConvNetKernels() knows.
#pragma once

#include <memory>

#include "worker/kernels/bf16_kernels.h"
#include "worker/kernels/convnet.h"
#include "worker/kernels/f32_kernels.h"

namespace seedcast {

std::unique_ptr<ConvNet> MakeReferenceConvNet(const ConvNetShape& shape);
std::unique_ptr<ConvNet> MakeF32ConvNet(const ConvNetShape& shape, const F32Kernels& kernels);
// `f32` for what stays float32.
std::unique_ptr<ConvNet> MakeBf16ConvNet(const ConvNetShape& shape, const F32Kernels& f32, const Bf16Kernels& bf16);

}  // namespace seedcast
