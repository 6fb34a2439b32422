// The step of hrnn_reference.h, written once over `Vec`, a register of kLanes floats. Included by hrnn_avx2.cc and
// hrnn_avx512.cc only, after they have defined in their anonymous namespace:
//   Vec, kLanes; Load, Store, Set, Add, Sub, Mul, Div, Sqrt, Fma(a, b, c) = a*b + c, Fnma(a, b, c) = c - a*b,
//   Min(a, b) = a < b ? a : b, Max(a, b) = a > b ? a : b (b where one is NaN), And, Or, Xor, IfLess(a, b, yes, no);
//   PowerOfTwo(k) of integers in floats, Half(k) = floor(k / 2), ExponentOf(x) of x > 0;
//   Mask, FirstLanes(count), Load and Store with a mask (what is masked out is 0, untouched), Only(a, mask);
//   TileUnits(vectors): units of a cell whose sums over so many vectors are held in registers, a divisor of 10.
// No line here depends on kLanes but for where lanes begin, which is why the instruction sets agree to the bit.
#include "worker/tasks/learned_optimizer/hrnn_elementary_impl.h"

namespace seedcast {
namespace {

constexpr int kScales = 4, kFeatures = 12, kUnits0 = 10, kUnits = 20;  // kUnits: of a tensor's and the global cell
constexpr int kInputs0 = kFeatures + kUnits0;                          // of cell 0, with its own h
constexpr int kMeans = kUnits0 + kFeatures;                            // inputs of a tensor's cell
constexpr int kMeanLanes = 16;

// ---- Means ---------------------------------------------------------------------------------------------------------

// ((0+8) + (4+12)) + ... of 16 lanes.
inline float SumOfLanes(const float* lanes) {
  const __m256 eight = _mm256_add_ps(_mm256_loadu_ps(lanes), _mm256_loadu_ps(lanes + 8));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  const __m128 sum = _mm_add_ss(two, _mm_shuffle_ps(two, two, 1));
  return _mm_cvtss_f32(sum);
}

inline float MeanOfLanes(const float* lanes, int64_t count) { return SumOfLanes(lanes) / static_cast<float>(count); }

inline float MeanOfRow(const float* row, int64_t count) {
  alignas(64) float lanes[kMeanLanes] = {};
  for (int64_t i = 0; i < count; i += kLanes) {
    float* at = lanes + i % kMeanLanes;
    Store(at, Add(Load(at), Load(row + i, FirstLanes(count - i))));
  }
  return MeanOfLanes(lanes, count);
}

inline Vec WeightedMean(Vec y, Vec a, Vec b) { return Fma(y, a, Mul(Sub(Set(1.0f), y), b)); }

// ---- Cells of tensors and of the problem: lanes are units
// ------------------------------------------------------------

// y = start + x W; start, y: (kColumns)
template <int kColumns>
inline void AffineOf(const float* weights, const float* x, int inputs, const float* start, float* y) {
  constexpr int kVectors = kColumns / kLanes;
  Vec sum[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) sum[v] = Load(start + v * kLanes);
  for (int k = 0; k < inputs; ++k) {
    const Vec input = Set(x[k]);
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sum[v] = Fma(input, Load(weights + k * kColumns + v * kLanes), sum[v]);
  }
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) Store(y + v * kLanes, sum[v]);
}

// h: (20); extra: (60, readable up to 80); record may be null.
template <int kInputs>
void StepUnitCell(const HrnnPackedCell& cell, const float* x, const float* extra, float* h,
                  const HrnnCellRecord* record) {
  constexpr int kPadded = kHrnnCandidateColumns;
  alignas(64) float inputs[kInputs + kPadded], old[kPadded] = {}, start[kHrnnGateColumns];
  alignas(64) float gates[kHrnnGateColumns + kPadded] = {}, candidate[kPadded];
  __builtin_memcpy(inputs, x, kInputs * sizeof(float));
  __builtin_memcpy(inputs + kInputs, h, kUnits * sizeof(float));
  __builtin_memcpy(old, h, kUnits * sizeof(float));
  for (int j = 0; j < kHrnnGateColumns; j += kLanes)
    Store(start + j, Add(Load(cell.gates.biases + j), Load(extra + j)));
  AffineOf<kHrnnGateColumns>(cell.gates.weights, inputs, kInputs + kUnits, start, gates);
  for (int j = 0; j < kHrnnGateColumns; j += kLanes) Store(gates + j, SigmoidOf(Load(gates + j)));
  for (int j = 0; j < kPadded; j += kLanes) {
    Store(inputs + kInputs + j, Mul(Load(gates + j), Load(old + j)));
    Store(start + j, Add(Load(cell.candidate.biases + j), Load(extra + 2 * kUnits + j)));
  }
  AffineOf<kHrnnCandidateColumns>(cell.candidate.weights, inputs, kInputs + kUnits, start, candidate);
  for (int j = 0; j < kPadded; j += kLanes) {
    Store(candidate + j, TanhOf(Load(candidate + j)));
    Store(old + j, WeightedMean(Load(gates + kUnits + j), Load(old + j), Load(candidate + j)));
  }
  __builtin_memcpy(h, old, kUnits * sizeof(float));
  if (record != nullptr) {
    __builtin_memcpy(record->reset, gates, kUnits * sizeof(float));
    __builtin_memcpy(record->update, gates + kUnits, kUnits * sizeof(float));
    __builtin_memcpy(record->candidate, candidate, kUnits * sizeof(float));
  }
}

// ---- Parameters: lanes are parameters ------------------------------------------------------------------------------

// One tensor's pass over its parameters.
struct TensorPass {
  float mean_log_rate;
  bool fresh[kScales];
  alignas(64) float starts0[kHrnnExtra0Columns];  // biases of cell 0 and what the other levels add
  alignas(64) float means[kMeans][kMeanLanes];    // sums of h0 and x
  alignas(64) float square[kMeanLanes];           // sums of u^2
};

// kVectors vectors of parameters, `at` from the problem's first and `offset` from the tensor's.
template <int kVectors, bool kRecord>
class Group {
 public:
  Group(const HrnnStepArguments& arguments, TensorPass* pass, int64_t at, int64_t offset, int64_t count)
      : a_(arguments), n_(arguments.parameters), pass_(*pass), at_(at), offset_(offset) {
    for (int v = 0; v < kVectors; ++v) masks_[v] = FirstLanes(count - v * kLanes);
  }

  void Run() {
    for (int v = 0; v < kVectors; ++v) Features(v);
    Cell();
    for (int v = 0; v < kVectors; ++v) ReadOut(v);
  }

 private:
  static constexpr int kWidth = kVectors * kLanes;

  int64_t At(int row, int v) const { return row * n_ + at_ + v * kLanes; }
  Vec LoadRow(const float* rows, int row, int v) const { return Load(rows + At(row, v), masks_[v]); }
  void StoreRow(float* rows, int row, int v, Vec value) const { Store(rows + At(row, v), value, masks_[v]); }

  // Lanes of a mean: the v-th vector of a group holds values offset + v * kLanes and on.
  float* MeanLanes(float* lanes, int v) const { return lanes + (offset_ + v * kLanes) % kMeanLanes; }
  void AddToMean(int row, int v, Vec value) {
    float* lanes = MeanLanes(pass_.means[row], v);
    Store(lanes, Add(Load(lanes), Only(value, masks_[v])));
  }

  void SetFeature(int k, int v, Vec value) {
    Store(inputs_ + k * kWidth + v * kLanes, value);
    AddToMean(kUnits0 + k, v, value);
    if constexpr (kRecord) StoreRow(a_.features, k, v, value);
  }

  void Features(int v) {  // (1) to (5)
    const Vec gradient = LoadRow(a_.gradient, 0, v), scale_decay = LoadRow(a_.scale_decay, 0, v);
    Vec decay = LoadRow(a_.input_decay, 0, v);
    Vec scaled[kScales], logs[kScales];
#pragma GCC unroll 4
    for (int i = 0; i < kScales; ++i) {
      const Vec accumulator = WeightedMean(decay, LoadRow(a_.accumulator, i, v), gradient);
      StoreRow(a_.accumulator, i, v, accumulator);
      const Vec square = Fma(accumulator, accumulator, Set(1e-12f));
      const Vec s = pass_.fresh[i] ? Set(0.0f) : scale_decay;
      const Vec mean_square = WeightedMean(s, LoadRow(a_.mean_square, i, v), square);
      StoreRow(a_.mean_square, i, v, mean_square);
      const Vec floored = Add(mean_square, Set(1e-16f));
      const Vec denominator = Sqrt(floored);
      const Vec ratio = Div(accumulator, denominator);
      if constexpr (kRecord) {
        StoreRow(a_.denominators, i, v, denominator);
        StoreRow(a_.ratios, i, v, ratio);
      }
      scaled[i] = AsinhOf(ratio);
      logs[i] = LogOf(floored);
      if (i + 1 < kScales) decay = Sqrt(decay);
    }
    const Vec mean_log = Mul(Add(Add(logs[0], logs[1]), Add(logs[2], logs[3])), Set(0.25f));
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) SetFeature(i, v, scaled[i]);
#pragma GCC unroll 3
    for (int i = 0; i < 3; ++i) SetFeature(4 + i, v, Mul(scaled[i], scaled[i + 1]));
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) SetFeature(7 + i, v, Sub(logs[i], mean_log));
    SetFeature(11, v, Sub(LoadRow(a_.log_rate, 0, v), Set(pass_.mean_log_rate)));
    for (int j = 0; j < kUnits0; ++j) Store(Hidden(j, v), LoadRow(a_.h0, j, v));
  }

  float* Hidden(int j, int v) { return inputs_ + (kFeatures + j) * kWidth + v * kLanes; }

  // sums of units [first, first + TileUnits) of a matrix with `columns` outputs
  static constexpr int kTile = TileUnits(kVectors);
  void Tile(const float* weights, int columns, const float* starts, Vec (&sum)[kTile][kVectors]) const {
#pragma GCC unroll 10
    for (int j = 0; j < kTile; ++j) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sum[j][v] = Set(starts[j]);
    }
    for (int k = 0; k < kInputs0; ++k) {
      Vec input[kVectors];
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) input[v] = Load(inputs_ + k * kWidth + v * kLanes);
#pragma GCC unroll 10
      for (int j = 0; j < kTile; ++j) {
        const Vec weight = Set(weights[k * columns + j]);
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) sum[j][v] = Fma(input[v], weight, sum[j][v]);
      }
    }
  }

  // f of the sums of `units` units, to rows of kWidth.
  template <Vec (*kFunction)(Vec)>
  void Layer(const float* weights, int units, const float* starts, float* out) const {
    for (int first = 0; first < units; first += kTile) {
      Vec sum[kTile][kVectors];
      Tile(weights + first, units, starts + first, sum);
#pragma GCC unroll 10
      for (int j = 0; j < kTile; ++j) {
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) Store(out + (first + j) * kWidth + v * kLanes, kFunction(sum[j][v]));
      }
    }
  }

  void Cell() {  // (6)
    alignas(64) float gates[2 * kUnits0 * kWidth], candidates[kUnits0 * kWidth];
    Layer<SigmoidOf>(a_.theta.gates0, 2 * kUnits0, pass_.starts0, gates);
    for (int i = 0; i < kUnits0 * kWidth; i += kLanes) {
      float* hidden = inputs_ + kFeatures * kWidth + i;
      Store(hidden, Mul(Load(gates + i), Load(hidden)));
    }
    Layer<TanhOf>(a_.theta.candidate0, kUnits0, pass_.starts0 + 2 * kUnits0, candidates);
    for (int j = 0; j < kUnits0; ++j) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        const int i = j * kWidth + v * kLanes;
        const Vec update = Load(gates + kUnits0 * kWidth + i), candidate = Load(candidates + i);
        const Vec h0 = WeightedMean(update, LoadRow(a_.h0, j, v), candidate);
        Store(Hidden(j, v), h0);
        StoreRow(a_.h0, j, v, h0);
        AddToMean(j, v, h0);
        if constexpr (kRecord) {
          StoreRow(a_.cell0.reset, j, v, Load(gates + i));
          StoreRow(a_.cell0.update, j, v, update);
          StoreRow(a_.cell0.candidate, j, v, candidate);
        }
      }
    }
  }

  Vec ChainOverHidden(Vec sum, const float* weights, int v) {
#pragma GCC unroll 10
    for (int j = 0; j < kUnits0; ++j) sum = Fma(Load(Hidden(j, v)), Set(weights[j]), sum);
    return sum;
  }

  void ReadOut(int v) {  // (9) but for its norm, (10), (11)
    const HrnnPackedView& theta = a_.theta;
    Vec direction = ChainOverHidden(Set(0.0f), theta.direction_hidden, v);
#pragma GCC unroll 4
    for (int i = 0; i < kScales; ++i) {
      direction = Fma(Load(inputs_ + i * kWidth + v * kLanes), Set(theta.direction_gradient[i]), direction);
    }
    StoreRow(a_.direction, 0, v, direction);
    float* lanes = MeanLanes(pass_.square, v);
    const Vec counted = Only(direction, masks_[v]);
    Store(lanes, Fma(counted, counted, Load(lanes)));
    const auto read = [&](const float* w) { return ChainOverHidden(Set(w[kUnits0]), w, v); };
    StoreRow(a_.scale_decay, 0, v, SigmoidOf(read(theta.scale_decay)));
    StoreRow(a_.input_decay, 0, v, SigmoidOf(read(theta.input_decay)));
    const Vec log_rate = LoadRow(a_.log_rate, 0, v), limit = Set(33.0f);
    const Vec log_step = Max(Set(-33.0f), Min(limit, Add(log_rate, read(theta.learning_rate))));
    StoreRow(a_.step, 0, v, ExpOf(Add(log_step, Set(theta.rate_offset))));
    StoreRow(a_.log_rate, 0, v, WeightedMean(Set(theta.rate_momentum), log_rate, log_step));
    if constexpr (kRecord) StoreRow(a_.log_step, 0, v, log_step);
  }

  const HrnnStepArguments& a_;
  const int64_t n_;
  TensorPass& pass_;
  const int64_t at_, offset_;
  Mask masks_[kVectors];
  alignas(64) float inputs_[kInputs0 * kWidth];  // x, then h0, later r h0, at last the new h0
};

// ---- The step ------------------------------------------------------------------------------------------------------

inline bool AllZero(const float* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    if (values[i] != 0) return false;
  }
  return true;
}

template <bool kRecord>
void StepParameters(const HrnnStepArguments& a, int64_t t, TensorPass* pass) {
  const int64_t first = a.first[t], size = a.sizes[t];
  for (int i = 0; i < kScales; ++i) pass->fresh[i] = AllZero(a.mean_square + i * a.parameters + first, size);
  __builtin_memset(pass->means, 0, sizeof(pass->means));
  __builtin_memset(pass->square, 0, sizeof(pass->square));
  int64_t i = 0;
  for (; size - i > kLanes; i += 2 * kLanes) Group<2, kRecord>(a, pass, first + i, i, size - i).Run();
  if (i < size) Group<1, kRecord>(a, pass, first + i, i, size - i).Run();
}

// The norm of (9), and (12).
inline float Move(const HrnnStepArguments& a, int64_t t, const TensorPass& pass) {
  const float floored = MeanOfLanes(pass.square, a.sizes[t]) + 1e-16f;
  const float norm = _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(floored)));
  const int64_t end = a.first[t] + a.sizes[t];
  for (int64_t p = a.first[t]; p < end; p += kLanes) {
    const Mask mask = FirstLanes(end - p);
    const Vec q = Div(Load(a.direction + p, mask), Set(norm));
    Store(a.values + p, Fnma(Load(a.step + p, mask), q, Load(a.values + p, mask)), mask);
  }
  return norm;
}

inline void MeanOverTensors(const HrnnStepArguments& a, float* mean) {
  for (int j = 0; j < kUnits; ++j) mean[j] = 0;
  for (int64_t t = 0; t < a.tensors; ++t) {
    for (int j = 0; j < kUnits; ++j) mean[j] += a.h1[t * kUnits + j];
  }
  for (int j = 0; j < kUnits; ++j) {
    mean[j] = a.global_from_last_tensor ? a.h1[(a.tensors - 1) * kUnits + j] : mean[j] / static_cast<float>(a.tensors);
  }
}

template <bool kRecord>
void Step(const HrnnStepArguments& a) {
  TensorPass pass;
  pass.mean_log_rate = MeanOfRow(a.log_rate, a.parameters);
  alignas(64) float from_global0[kHrnnExtra0Columns], extra1[kHrnnExtra1Columns + kLanes] = {};
  const HrnnPackedView& theta = a.theta;
  AffineOf<kHrnnExtra0Columns>(theta.parameter_from_global.weights, a.h2, kUnits, theta.parameter_from_global.biases,
                               from_global0);
  AffineOf<kHrnnExtra1Columns>(theta.tensor_from_global.weights, a.h2, kUnits, theta.tensor_from_global.biases, extra1);
  for (int64_t t = 0; t < a.tensors; ++t) {
    float* h1 = a.h1 + t * kUnits;
    AffineOf<kHrnnExtra0Columns>(theta.parameter_from_tensor.weights, h1, kUnits, theta.parameter_from_tensor.biases,
                                 pass.starts0);
    for (int j = 0; j < kHrnnExtra0Columns; j += kLanes) {
      const Vec extra = Add(Load(pass.starts0 + j), Load(from_global0 + j));
      Store(pass.starts0 + j, Add(Load(theta.biases0 + j), extra));
    }
    StepParameters<kRecord>(a, t, &pass);
    float means[kMeans];
    for (int k = 0; k < kMeans; ++k) means[k] = MeanOfLanes(pass.means[k], a.sizes[t]);
    const HrnnCellRecord record = {a.cell1.reset + t * kUnits, a.cell1.update + t * kUnits,
                                   a.cell1.candidate + t * kUnits};
    StepUnitCell<kMeans>(theta.tensor_cell, means, extra1, h1, kRecord ? &record : nullptr);
    const float norm = Move(a, t, pass);
    if constexpr (kRecord) {
      a.norms[t] = norm;
      __builtin_memcpy(a.inputs1 + t * kMeans, means, sizeof(means));
    }
  }
  float mean[kUnits];
  MeanOverTensors(a, mean);
  alignas(64) const float no_extra[kHrnnExtra1Columns + kLanes] = {};
  StepUnitCell<kUnits>(theta.global_cell, mean, no_extra, a.h2, kRecord ? &a.cell2 : nullptr);
  if constexpr (kRecord) __builtin_memcpy(a.inputs2, mean, sizeof(mean));
}

// ---- Sums of products, for the adjoint ------------------------------------------------------------------------------

// Two vectors of y at a time: their chains over the rows hide each other's latency.
void AddRows(const float* weights, const float* rows, int64_t stride, int count_rows, int64_t count, float* y) {
  for (int64_t i = 0; i < count; i += 2 * kLanes) {
    const Mask first = FirstLanes(count - i);
    const bool two = count - i > kLanes;
    const Mask second = FirstLanes(two ? count - i - kLanes : 0);
    Vec low = Load(y + i, first), high = Load(y + i + kLanes, second);
    for (int r = 0; r < count_rows; ++r) {
      const Vec weight = Set(weights[r]);
      const float* row = rows + r * stride + i;
      low = Fma(weight, Load(row, first), low);
      high = Fma(weight, Load(row + kLanes, second), high);
    }
    Store(y + i, low, first);
    if (two) Store(y + i + kLanes, high, second);
  }
}

template <int kColumns>
void DotsOf(const float* a, const float* b, int64_t stride, int64_t count, double* sums) {
  constexpr int kVectors = kMeanLanes / kLanes;
  Vec sum[kColumns][kVectors];
#pragma GCC unroll 10
  for (int c = 0; c < kColumns; ++c) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sum[c][v] = Set(0.0f);
  }
  int64_t i = 0;
  for (; i + kMeanLanes <= count; i += kMeanLanes) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      const int64_t at = i + v * kLanes;
      const Vec input = Load(a + at);
#pragma GCC unroll 10
      for (int c = 0; c < kColumns; ++c) sum[c][v] = Fma(input, Load(b + c * stride + at), sum[c][v]);
    }
  }
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
    const int64_t at = i + v * kLanes;
    if (at >= count) break;
    const Mask mask = FirstLanes(count - at);
    const Vec input = Load(a + at, mask);
#pragma GCC unroll 10
    for (int c = 0; c < kColumns; ++c) sum[c][v] = Fma(input, Load(b + c * stride + at, mask), sum[c][v]);
  }
  alignas(64) float lanes[kMeanLanes];
#pragma GCC unroll 10
  for (int c = 0; c < kColumns; ++c) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) Store(lanes + v * kLanes, sum[c][v]);
    sums[c] += SumOfLanes(lanes);
  }
}

void AddDots(const float* a, const float* b, int64_t stride, int columns, int64_t count, double* sums) {
  constexpr int kTile = TileUnits(kMeanLanes / kLanes);
  int c = 0;
  for (; c + kTile <= columns; c += kTile) DotsOf<kTile>(a, b + c * stride, stride, count, sums + c);
  for (; c < columns; ++c) DotsOf<1>(a, b + c * stride, stride, count, sums + c);
}

constexpr HrnnKernels KernelsNamed(const char* name) {
  return {name,         Step<false>,  Step<true>,       AddDots,       AddRows,
          RowOf<ExpOf>, RowOf<LogOf>, RowOf<SigmoidOf>, RowOf<TanhOf>, RowOf<AsinhOf>};
}

}  // namespace
}  // namespace seedcast
