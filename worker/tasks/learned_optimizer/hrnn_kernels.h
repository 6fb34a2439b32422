// The step of hrnn_reference.h on vectors, one table an instruction set, chosen once; the same bits. Plain pointers
// only: files compiled for another instruction set must not instantiate templates that the rest of the program shares.
//
// Lanes are parameters for what is done per parameter, and outputs for the cells of a tensor and of the problem, whose
// matrices are padded with zero columns to whole vectors.
#pragma once

#include <cstdint>

namespace seedcast {

inline constexpr int kHrnnGateColumns = 48;       // 2 * 20 units
inline constexpr int kHrnnCandidateColumns = 32;  // 20 units
inline constexpr int kHrnnExtra0Columns = 32;     // 3 * 10 units
inline constexpr int kHrnnExtra1Columns = 64;     // 3 * 20 units

struct HrnnPackedAffine {
  const float* weights;  // (inputs, padded outputs)
  const float* biases;   // (padded outputs)
};

struct HrnnPackedCell {
  HrnnPackedAffine gates, candidate;
};

// theta for the kernels.
struct HrnnPackedView {
  const float* gates0;      // (22, 20)
  const float* candidate0;  // (22, 10)
  const float* biases0;     // (30): gates, then candidate; padded to 32
  HrnnPackedAffine parameter_from_tensor, parameter_from_global, tensor_from_global;
  HrnnPackedCell tensor_cell, global_cell;
  const float* direction_hidden;    // (10)
  const float* direction_gradient;  // (4)
  const float* scale_decay;         // (11): weights, then bias
  const float* input_decay;         // (11)
  const float* learning_rate;       // (11)
  float rate_momentum;              // sigmoid(m)
  float rate_offset;                // o
};

struct HrnnCellRecord {
  float *reset, *update, *candidate;
};

struct HrnnStepArguments {
  const int64_t* sizes;
  const int64_t* first;
  int64_t tensors;
  int64_t parameters;
  bool global_from_last_tensor;
  HrnnPackedView theta;
  const float* gradient;
  float* values;  // the parameters
  // HrnnState
  float *h0, *scale_decay, *input_decay, *log_rate, *accumulator, *mean_square, *h1, *h2;
  // HrnnActivations: a step writes the first two, a recorded step all.
  float *direction, *step;
  float *features, *denominators, *ratios, *log_step, *norms, *inputs1, *inputs2;
  HrnnCellRecord cell0, cell1, cell2;
};

struct HrnnKernels {
  const char* name;
  void (*step)(const HrnnStepArguments&);
  void (*recorded_step)(const HrnnStepArguments&);

  // sums[c] += sum over i of a[i] b[c * stride + i], in 16 lanes and their tree: weight gradients.
  void (*add_dots)(const float* a, const float* b, int64_t stride, int columns, int64_t count, double* sums);

  // y[i] += sum over r of weights[r] rows[r * stride + i], a chain of FMAs in the order of the rows.
  void (*add_rows)(const float* weights, const float* rows, int64_t stride, int count_rows, int64_t count, float* y);

  // y = f(x), for tests: common/math to the bit. Log: x > 0 and normal, infinite or NaN.
  using Row = void (*)(const float* x, int64_t count, float* y);
  Row exp, log, sigmoid, tanh, asinh;
};

extern const HrnnKernels kAvx2Hrnn;
extern const HrnnKernels kAvx512Hrnn;  // needs AVX-512 F, DQ and VL

}  // namespace seedcast
