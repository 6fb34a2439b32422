// The hierarchical RNN optimizer (Wichrowska et al. 2017, arXiv 1703.04813, with the settings of its published code):
// one step, and its adjoint. 8,349 meta-parameters. hrnn_reference.h is the specification: the equations, in the order
// in which class F32 computes them; the AVX2 and AVX-512 forms give the same bits.
//
// Legend: n parameters in T tensors; cells of 10 (a parameter), 20 (a tensor), 20 (global) units; 4 time scales; 12
// features a parameter.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace seedcast {

inline constexpr int64_t kHrnnParameters = 8349;
inline constexpr int kHrnnScales = 4;
inline constexpr int kHrnnFeatures = 12;
inline constexpr std::array<int, 3> kHrnnCells = {10, 20, 20};

// The named tensors of theta in their order, as `seedcast export` writes them. Matrices are (inputs, outputs), row by
// row.
struct HrnnTensor {
  const char* name;
  int64_t first;
  int rows;  // 1 for vectors
  int columns;
};
absl::Span<const HrnnTensor> HrnnTensors();

// theta of version 0: the initial values of the published code, drawn from the job's seed.
std::vector<float> InitialHrnnTheta(uint64_t seed);

// What the optimizer remembers of an inner training. Parameters lie last, so that lanes are parameters. Real is float;
// double in tests of the adjoint.
template <typename Real>
struct BasicHrnnState {
  std::vector<Real> h0;                 // (10, n)
  std::vector<Real> scale_decay;        // (n), s
  std::vector<Real> input_decay;        // (n), d
  std::vector<Real> log_learning_rate;  // (n)
  std::vector<Real> accumulator;        // (4, n)
  std::vector<Real> mean_square;        // (4, n)
  std::vector<Real> h1;                 // (T, 20)
  std::vector<Real> h2;                 // (20)

  bool operator==(const BasicHrnnState&) const = default;

  void Resize(int64_t parameters, int64_t tensors);  // all zero
  int64_t Bytes() const;
};
using HrnnState = BasicHrnnState<float>;

struct HrnnOptions {
  bool global_from_last_tensor = false;  // Published.global_from_last_tensor
};

// One optimizer for one problem's tensors; scratch memory inside, one thread at a time.
class Hrnn {
 public:
  virtual ~Hrnn() = default;

  // theta's (8349) copy in the form that the kernels like; valid until the next SetTheta.
  virtual void SetTheta(absl::Span<const float> theta) = 0;

  // The state before the first step: learned initial hidden vectors, log learning rates drawn from (seed, stream,
  // substream; domain kTask, words apart from the problem's).
  virtual void Begin(uint64_t seed, uint32_t stream, uint32_t substream, HrnnState* state) = 0;

  // One step: state and parameters (n) move, gradient (n) is that at the old parameters. Allocates nothing.
  virtual void Step(absl::Span<const float> gradient, HrnnState* state, absl::Span<float> parameters) = 0;

  virtual int64_t Bytes() const = 0;  // weights and scratch
};

// "avx512", "avx2" or "scalar": all give the same bits. kernels empty: the best here; null when this machine cannot.
// Tensors are not empty.
std::unique_ptr<Hrnn> MakeHrnn(absl::Span<const int64_t> tensor_sizes, const HrnnOptions& options,
                               const std::string& kernels = "");

}  // namespace seedcast
