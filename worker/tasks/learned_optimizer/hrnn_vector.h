// Calls the kernels of hrnn_kernels.h: theta in their form, and their arguments.
#pragma once

#include <string>

#include "worker/kernels/aligned.h"
#include "worker/tasks/learned_optimizer/hrnn_kernels.h"
#include "worker/tasks/learned_optimizer/hrnn_reference.h"

namespace seedcast {

// The fastest that this machine runs.
const HrnnKernels& BestHrnnKernels();
// Null when this machine does not run them, or nobody knows the name.
const HrnnKernels* HrnnKernelsNamed(const std::string& name);

class HrnnPacked {
 public:
  HrnnPacked();

  void Pack(const float* theta);
  const HrnnPackedView& view() const { return view_; }
  int64_t Bytes() const;

 private:
  AlignedArray<float> values_;
  HrnnPackedView view_;
};

// One step; `recorded` fills all of the activations, else only its direction and step.
void StepWithKernels(const HrnnKernels& kernels, const HrnnShape& shape, const HrnnPacked& theta, const float* gradient,
                     HrnnState* state, float* parameters, HrnnActivations<float>* activations, bool recorded);

}  // namespace seedcast
