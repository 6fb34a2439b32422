// The step of hrnn_reference.h, written once over `Vec`, a register of kLanes floats. Included by hrnn_avx2.cc and
// hrnn_avx512.cc only, after they have defined in their anonymous namespace:
//   Vec, kLanes; Load, Store, Set, Add, Sub, Mul, Div, Sqrt, Fma(a, b, c) = a*b + c, Fnma(a, b, c) = c - a*b,
//   Min(a, b) = a < b ? a : b, Max(a, b) = a > b ? a : b (b where one is NaN), IfLess(a, b, yes, no),
//   Fnms(a, b, c) = -a*b - c, Abs, WithSignOf(magnitude, x);
//   PowerOfTwo(k) of integers in floats, Scale(x, k) = x * 2^k where that is normal, Half(k) = floor(k / 2),
//   ExponentOf(x) and MantissaOf(x) of x > 0;
//   Mask, FirstLanes(count), Load and Store with a mask (what is masked out is 0, untouched), Only(a, mask);
//   TileUnits(vectors): units of a cell whose sums over so many vectors are held in registers, a divisor of 10;
//   kMostVectors of parameters that go through a cell together, 2 or 3;
//   kCellRows: cells of tensors that are computed side by side, 1 or 4.
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

template <typename V>
SEEDCAST_INLINE V WeightedMean(const V& y, const V& a, const V& b) {
  return Fma(y, a, Mul(Sub(V(Set(1.0f)), y), b));
}

// ---- Cells of tensors and of the problem: lanes are units ----------------------------------------------------------

// kRows chains over inputs of a matrix with kColumns outputs. Rows side by side hide the latency of their chains.
template <int kColumns, int kRows>
struct AffineSums {
  static constexpr int kVectors = kColumns / kLanes;

  explicit AffineSums(const float* start) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) of[r][v] = Load(start + v * kLanes);
    }
  }
  // x: of row 0; the other rows' lie `stride` apart. weights: (kColumns)
  SEEDCAST_INLINE void Add(const float* x, int stride, const float* weights) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const Vec weight = Load(weights + v * kLanes);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) of[r][v] = Fma(Set(x[r * stride]), weight, of[r][v]);
    }
  }
  void StoreTo(float* y) const {  // (kRows, kColumns)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) Store(y + r * kColumns + v * kLanes, of[r][v]);
    }
  }

  Vec of[kRows][kVectors];
};

// y = biases + x W; x: (20)
template <int kColumns>
inline void AffineOfUnits(const HrnnPackedAffine& affine, const float* x, float* y) {
  AffineSums<kColumns, 1> sums(affine.biases);
  for (int k = 0; k < kUnits; ++k) sums.Add(x + k, 0, affine.weights + k * kColumns);
  sums.StoreTo(y);
}

// Cells that share extra (60, readable up to 80): x (kRows, kInputs), h (kRows, 20); record may be null, else it has
// rows as h has.
template <int kInputs, int kRows>
void StepUnitCells(const HrnnPackedCell& cell, const float* x, const float* extra, float* h,
                   const HrnnCellRecord* record) {
  constexpr int kGates = kHrnnGateColumns, kPadded = kHrnnCandidateColumns, kStride = kInputs + kPadded;
  alignas(64) float inputs[kRows * kStride], old[kRows][kPadded] = {}, start[kGates], candidate_start[kPadded];
  alignas(64) float gates[kRows * kGates + kPadded] = {}, candidate[kRows][kPadded];
  for (int r = 0; r < kRows; ++r) {
    __builtin_memcpy(inputs + r * kStride, x + r * kInputs, kInputs * sizeof(float));
    __builtin_memcpy(inputs + r * kStride + kInputs, h + r * kUnits, kUnits * sizeof(float));
    __builtin_memcpy(old[r], h + r * kUnits, kUnits * sizeof(float));
  }
  for (int j = 0; j < kGates; j += kLanes) Store(start + j, Add(Load(cell.gates.biases + j), Load(extra + j)));
  for (int j = 0; j < kPadded; j += kLanes) {
    Store(candidate_start + j, Add(Load(cell.candidate.biases + j), Load(extra + 2 * kUnits + j)));
  }
  AffineSums<kGates, kRows> gate_sums(start);
  AffineSums<kPadded, kRows> candidate_sums(candidate_start);
  for (int k = 0; k < kInputs; ++k) {
    gate_sums.Add(inputs + k, kStride, cell.gates.weights + k * kGates);
    candidate_sums.Add(inputs + k, kStride, cell.candidate.weights + k * kPadded);
  }
  for (int k = kInputs; k < kInputs + kUnits; ++k) {
    gate_sums.Add(inputs + k, kStride, cell.gates.weights + k * kGates);
  }
  gate_sums.StoreTo(gates);
  for (int j = 0; j < kRows * kGates; j += kLanes) Store(gates + j, SigmoidOf(Load(gates + j)));
  for (int r = 0; r < kRows; ++r) {
    for (int j = 0; j < kPadded; j += kLanes) {
      Store(inputs + r * kStride + kInputs + j, Mul(Load(gates + r * kGates + j), Load(old[r] + j)));
    }
  }
  for (int k = kInputs; k < kInputs + kUnits; ++k) {
    candidate_sums.Add(inputs + k, kStride, cell.candidate.weights + k * kPadded);
  }
  candidate_sums.StoreTo(candidate[0]);
  for (int r = 0; r < kRows; ++r) {
    const float* update = gates + r * kGates + kUnits;
    for (int j = 0; j < kPadded; j += kLanes) {
      Store(candidate[r] + j, TanhOf(Load(candidate[r] + j)));
      Store(old[r] + j, WeightedMean(Load(update + j), Load(old[r] + j), Load(candidate[r] + j)));
    }
    __builtin_memcpy(h + r * kUnits, old[r], kUnits * sizeof(float));
    if (record != nullptr) {
      __builtin_memcpy(record->reset + r * kUnits, gates + r * kGates, kUnits * sizeof(float));
      __builtin_memcpy(record->update + r * kUnits, update, kUnits * sizeof(float));
      __builtin_memcpy(record->candidate + r * kUnits, candidate[r], kUnits * sizeof(float));
    }
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

// kVectors vectors of parameters. Sums of products keep the multipliers busy, activations wait for their latency: so
// the sums of each tile of units are made beside the activations of the tile before, those of the first tile beside the
// last activations of the group before.
template <int kVectors, bool kRecord>
class Group {
 public:
  // Inputs of a cell, each a chance to do something beside.
  static constexpr int kChances = kInputs0;

  Group(const HrnnStepArguments& arguments, TensorPass* pass) : a_(arguments), n_(arguments.parameters), pass_(*pass) {}

  // Parameters from `at`, counted from the problem's first, and `offset`, from the tensor's; `count` are left of it.
  // beside(k): k = 0 .. kChances - 1. Finish is to follow.
  template <typename Beside>
  void Run(int64_t at, int64_t offset, int64_t count, const Beside& beside) {
    at_ = at;
    offset_ = offset;
    for (int v = 0; v < kVectors; ++v) masks_[v] = FirstLanes(count - v * kLanes);
    for (int v = 0; v < kVectors; ++v) Features(v);
    Cell(beside);
  }

  // The last activations, beside another group or, four at a time, alone; ReadOut is what follows from them.
  SEEDCAST_INLINE void FinishBeside(int k) {
    if (k < kValues) MoveHidden(kLastValues + k);
  }
  void Finish() {
    for (int k = 0; k < kValues; k += 4) {
      const float* sums = candidates_ + (kLastValues + k) * kLanes;
      const Vecs<4> candidates =
          TanhOf(ForEach<4>([&](int i) { return k + i < kValues ? Load(sums + i * kLanes) : Vec{}; }));
      for (int i = 0; i < 4 && k + i < kValues; ++i) MoveHidden(kLastValues + k + i, candidates.of[i]);
    }
  }

  // (9) but for its norm, (10), (11); the sums of all of them side by side
  void ReadOut() {
    const HrnnPackedView& theta = a_.theta;
    Vec direction[kVectors], scale[kVectors], input[kVectors], rate[kVectors];
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) {
      direction[v] = Set(0.0f);
      scale[v] = Set(theta.scale_decay[kUnits0]);
      input[v] = Set(theta.input_decay[kUnits0]);
      rate[v] = Set(theta.learning_rate[kUnits0]);
    }
    for (int j = 0; j < kUnits0; ++j) {
#pragma GCC unroll 3
      for (int v = 0; v < kVectors; ++v) {
        const Vec hidden = Load(hidden_ + j * kWidth + v * kLanes);
        direction[v] = Fma(hidden, Set(theta.direction_hidden[j]), direction[v]);
        scale[v] = Fma(hidden, Set(theta.scale_decay[j]), scale[v]);
        input[v] = Fma(hidden, Set(theta.input_decay[j]), input[v]);
        rate[v] = Fma(hidden, Set(theta.learning_rate[j]), rate[v]);
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < kScales; ++i) {
#pragma GCC unroll 3
      for (int v = 0; v < kVectors; ++v) {
        const Vec scaled = Load(features_ + i * kWidth + v * kLanes);
        direction[v] = Fma(scaled, Set(theta.direction_gradient[i]), direction[v]);
      }
    }
    for (int v = 0; v < kVectors; ++v) ReadOut(v, direction[v], scale[v], input[v], rate[v]);
  }

 private:
  static constexpr int kWidth = kVectors * kLanes;
  static constexpr int kTile = TileUnits(kVectors);
  static constexpr int kTiles = kUnits0 / kTile;  // of the reset gates, the update gates and the candidates each
  static constexpr int kLastValues = (kUnits0 - kTile) * kVectors;  // the first vector of the last tile
  static constexpr int kValues = kTile * kVectors;                  // vectors of a tile
  static_assert(kValues <= kChances);

  // Row `row` of an array (rows, n), at the v-th vector.
  template <typename T>
  T* At(T* rows, int row, int v) const {
    return rows + row * n_ + at_ + v * kLanes;
  }
  SEEDCAST_INLINE void StoreRow(float* rows, int row, int v, Vec value) const {
    Store(At(rows, row, v), value, masks_[v]);
  }
  SEEDCAST_INLINE Vecs<kScales> LoadScales(const float* rows, int v) const {
    return ForEach<kScales>([&](int i) { return Load(At(rows, i, v), masks_[v]); });
  }
  SEEDCAST_INLINE void StoreScales(float* rows, int v, const Vecs<kScales>& values) const {
#pragma GCC unroll 4
    for (int i = 0; i < kScales; ++i) StoreRow(rows, i, v, values.of[i]);
  }

  // Lanes of a mean: the v-th vector of a group holds values offset + v * kLanes and on.
  int64_t MeanLane(int v) const { return (offset_ + v * kLanes) % kMeanLanes; }
  SEEDCAST_INLINE void AddToMean(int row, int v, Vec value) {
    float* lanes = pass_.means[row] + MeanLane(v);
    Store(lanes, Add(Load(lanes), Only(value, masks_[v])));
  }

  SEEDCAST_INLINE void SetFeature(int k, int v, Vec value) {
    Store(features_ + k * kWidth + v * kLanes, value);
    AddToMean(kUnits0 + k, v, value);
    if constexpr (kRecord) StoreRow(a_.features, k, v, value);
  }

  void Features(int v) {  // (1) to (5), the four scales side by side
    using V = Vecs<kScales>;
    const Mask mask = masks_[v];
    const Vec gradient = Load(At(a_.gradient, 0, v), mask), scale_decay = Load(At(a_.scale_decay, 0, v), mask);
    V decay = Load(At(a_.input_decay, 0, v), mask);
#pragma GCC unroll 3
    for (int i = 1; i < kScales; ++i) decay.of[i] = Sqrt(decay.of[i - 1]);
    const V s = ForEach<kScales>([&](int i) { return pass_.fresh[i] ? Set(0.0f) : scale_decay; });
    const V accumulator = WeightedMean(decay, LoadScales(a_.accumulator, v), V(gradient));
    const V square = Fma(accumulator, accumulator, V(Set(1e-12f)));
    const V mean_square = WeightedMean(s, LoadScales(a_.mean_square, v), square);
    StoreScales(a_.accumulator, v, accumulator);
    StoreScales(a_.mean_square, v, mean_square);
    const V floored = Add(mean_square, V(Set(1e-16f)));
    const V denominator = Sqrt(floored);
    const V ratio = Div(accumulator, denominator);
    if constexpr (kRecord) {
      StoreScales(a_.denominators, v, denominator);
      StoreScales(a_.ratios, v, ratio);
    }
    const V logs = LogOf(floored);
    const V scaled = AsinhOf(ratio);
    const Vec mean_log = Mul(Add(Add(logs.of[0], logs.of[1]), Add(logs.of[2], logs.of[3])), Set(0.25f));
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) SetFeature(i, v, scaled.of[i]);
#pragma GCC unroll 3
    for (int i = 0; i < 3; ++i) SetFeature(4 + i, v, Mul(scaled.of[i], scaled.of[i + 1]));
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) SetFeature(7 + i, v, Sub(logs.of[i], mean_log));
    SetFeature(11, v, Sub(Load(At(a_.log_rate, 0, v), mask), Set(pass_.mean_log_rate)));
    const float* h0 = At(a_.h0, 0, v);
    const int64_t n = n_;
    for (int j = 0; j < kUnits0; ++j) Store(hidden_ + j * kWidth + v * kLanes, Load(h0 + j * n, mask));
  }

  // Sums of units [first, first + kTile) of a matrix with `columns` outputs, to rows of `sums`.
  template <typename Beside>
  void Tile(const float* weights, int columns, const float* starts, const float* hidden, float* sums,
            const Beside& beside) const {
    Vec sum[kTile][kVectors];
#pragma GCC unroll 10
    for (int j = 0; j < kTile; ++j) {
#pragma GCC unroll 3
      for (int v = 0; v < kVectors; ++v) sum[j][v] = Set(starts[j]);
    }
    const auto add = [&](const float* rows, int k) {
      Vec input[kVectors];
#pragma GCC unroll 3
      for (int v = 0; v < kVectors; ++v) input[v] = Load(rows + v * kLanes);
#pragma GCC unroll 10
      for (int j = 0; j < kTile; ++j) {
        const Vec weight = Set(weights[k * columns + j]);
#pragma GCC unroll 3
        for (int v = 0; v < kVectors; ++v) sum[j][v] = Fma(input[v], weight, sum[j][v]);
      }
      beside(k);
    };
#pragma GCC unroll 1
    for (int k = 0; k < kFeatures; ++k) add(features_ + k * kWidth, k);
#pragma GCC unroll 1
    for (int k = 0; k < kUnits0; ++k) add(hidden + k * kWidth, kFeatures + k);
#pragma GCC unroll 10
    for (int j = 0; j < kTile; ++j) {
#pragma GCC unroll 3
      for (int v = 0; v < kVectors; ++v) Store(sums + j * kWidth + v * kLanes, sum[j][v]);
    }
  }

  template <typename Beside>
  void Cell(const Beside& beside) {  // (6) but for the last activations
    const auto tile_of_gates = [&](int t, const auto& and_beside) {
      const int first = t * kTile;
      Tile(a_.theta.gates0 + first, 2 * kUnits0, pass_.starts0 + first, hidden_, gates_ + first * kWidth, and_beside);
    };
    const auto tile_of_candidates = [&](int t, const auto& and_beside) {
      const int first = t * kTile;
      Tile(a_.theta.candidate0 + first, kUnits0, pass_.starts0 + 2 * kUnits0 + first, gates_,
           candidates_ + first * kWidth, and_beside);
    };
    int activated = 0;  // vectors, up to the tile before
    const auto activate_gate = [&](int k) {
      if (k < kValues) ActivateGate(activated + k);
    };
    const auto move_hidden = [&](int k) {
      if (k < kValues) MoveHidden(activated + k);
    };
    tile_of_gates(0, beside);
    for (int t = 1; t < 2 * kTiles; ++t, activated += kValues) tile_of_gates(t, activate_gate);
    tile_of_candidates(0, activate_gate);
    activated = 0;
    for (int t = 1; t < kTiles; ++t, activated += kValues) tile_of_candidates(t, move_hidden);
  }

  // The i-th vector of the reset gates, which the hidden state takes at once, and of the update gates behind them.
  SEEDCAST_INLINE void ActivateGate(int i) {
    float* gate = gates_ + i * kLanes;
    const Vec value = SigmoidOf(Load(gate));
    const bool reset = i < kUnits0 * kVectors;
    Store(gate, reset ? Mul(value, Load(hidden_ + i * kLanes)) : value);
    if constexpr (kRecord) {
      const int row = reset ? i : i - kUnits0 * kVectors;
      StoreRow(reset ? a_.cell0.reset : a_.cell0.update, row / kVectors, row % kVectors, value);
    }
  }

  // The i-th vector of the new hidden state.
  SEEDCAST_INLINE void MoveHidden(int i) { MoveHidden(i, TanhOf(Load(candidates_ + i * kLanes))); }
  SEEDCAST_INLINE void MoveHidden(int i, Vec candidate) {
    const int j = i / kVectors, v = i % kVectors;
    float* hidden = hidden_ + i * kLanes;
    const Vec update = Load(gates_ + (kUnits0 * kVectors + i) * kLanes);
    const Vec h0 = WeightedMean(update, Load(hidden), candidate);
    Store(hidden, h0);
    StoreRow(a_.h0, j, v, h0);
    AddToMean(j, v, h0);
    if constexpr (kRecord) StoreRow(a_.cell0.candidate, j, v, candidate);
  }

  SEEDCAST_INLINE void ReadOut(int v, Vec direction, Vec scale, Vec input, Vec rate) {
    const Mask mask = masks_[v];
    float* lanes = pass_.square + MeanLane(v);
    const Vec counted = Only(direction, mask);
    Store(lanes, Fma(counted, counted, Load(lanes)));
    const Vec log_rate = Load(At(a_.log_rate, 0, v), mask);
    const Vec log_step = Max(Set(-33.0f), Min(Set(33.0f), Add(log_rate, rate)));
    StoreRow(a_.direction, 0, v, direction);
    StoreRow(a_.scale_decay, 0, v, SigmoidOf(scale));
    StoreRow(a_.input_decay, 0, v, SigmoidOf(input));
    StoreRow(a_.step, 0, v, ExpOf(Add(log_step, Set(a_.theta.rate_offset))));
    StoreRow(a_.log_rate, 0, v, WeightedMean(Set(a_.theta.rate_momentum), log_rate, log_step));
    if constexpr (kRecord) StoreRow(a_.log_step, 0, v, log_step);
  }

  const HrnnStepArguments& a_;
  const int64_t n_;
  TensorPass& pass_;
  int64_t at_ = 0, offset_ = 0;
  Mask masks_[kVectors];
  alignas(64) float features_[kFeatures * kWidth];  // x
  alignas(64) float hidden_[kUnits0 * kWidth];      // h0, first the old, then the new
  // Sums of the reset gates, then r h0; behind them those of the update gates, then u.
  alignas(64) float gates_[2 * kUnits0 * kWidth];
  alignas(64) float candidates_[kUnits0 * kWidth];  // sums
};

// ---- The step ------------------------------------------------------------------------------------------------------

inline bool AllZero(const float* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    if (values[i] != 0) return false;
  }
  return true;
}

// The last vectors of a tensor, from number i on, and what the group before them, if any, has left to do.
template <int kVectors, bool kRecord>
void StepLastParameters(const HrnnStepArguments& a, int64_t t, int64_t i, TensorPass* pass,
                        Group<2, kRecord>* previous) {
  Group<kVectors, kRecord> group(a, pass);
  if (previous == nullptr) {
    group.Run(a.first[t] + i, i, a.sizes[t] - i, [](int) {});
  } else {
    group.Run(a.first[t] + i, i, a.sizes[t] - i, [&](int k) { previous->FinishBeside(k); });
    previous->ReadOut();
  }
  group.Finish();
  group.ReadOut();
}

template <bool kRecord>
void StepParameters(const HrnnStepArguments& a, int64_t t, TensorPass* pass) {
  const int64_t first = a.first[t], size = a.sizes[t];
  for (int i = 0; i < kScales; ++i) pass->fresh[i] = AllZero(a.mean_square + i * a.parameters + first, size);
  __builtin_memset(pass->means, 0, sizeof(pass->means));
  __builtin_memset(pass->square, 0, sizeof(pass->square));
  Group<2, kRecord> groups[2] = {{a, pass}, {a, pass}};
  Group<2, kRecord>* previous = nullptr;
  int64_t i = 0;
  for (int number = 0; size - i > kMostVectors * kLanes; ++number, i += 2 * kLanes) {
    auto* group = &groups[number % 2];
    if (previous == nullptr) {
      group->Run(first + i, i, size - i, [](int) {});
    } else {
      group->Run(first + i, i, size - i, [&](int k) { previous->FinishBeside(k); });
      previous->ReadOut();
    }
    previous = group;
  }
  if (size - i <= kLanes) return StepLastParameters<1, kRecord>(a, t, i, pass, previous);
  if (size - i <= 2 * kLanes) return StepLastParameters<2, kRecord>(a, t, i, pass, previous);
  StepLastParameters<kMostVectors, kRecord>(a, t, i, pass, previous);
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
  if (a.global_from_last_tensor) {
    __builtin_memcpy(mean, a.h1 + (a.tensors - 1) * kUnits, kUnits * sizeof(float));
    return;
  }
  for (int j = 0; j < kUnits; ++j) mean[j] = 0;
  for (int64_t t = 0; t < a.tensors; ++t) {
    for (int j = 0; j < kUnits; ++j) mean[j] += a.h1[t * kUnits + j];
  }
  for (int j = 0; j < kUnits; ++j) mean[j] /= static_cast<float>(a.tensors);
}

// What all tensors of a step share.
struct FromGlobal {
  float mean_log_rate;
  alignas(64) float extra0[kHrnnExtra0Columns];  // for cell 0
  alignas(64) float extra1[kHrnnExtra1Columns + kLanes];
};

// (1) to (6) and (9) to (12) of a tensor; means: (22), inputs of its cell.
template <bool kRecord>
void StepTensor(const HrnnStepArguments& a, int64_t t, const FromGlobal& from_global, float* means) {
  TensorPass pass;
  pass.mean_log_rate = from_global.mean_log_rate;
  AffineOfUnits<kHrnnExtra0Columns>(a.theta.parameter_from_tensor, a.h1 + t * kUnits, pass.starts0);
  for (int j = 0; j < kHrnnExtra0Columns; j += kLanes) {
    const Vec extra = Add(Load(pass.starts0 + j), Load(from_global.extra0 + j));
    Store(pass.starts0 + j, Add(Load(a.theta.biases0 + j), extra));
  }
  StepParameters<kRecord>(a, t, &pass);
  for (int k = 0; k < kMeans; ++k) means[k] = SumOfLanes(pass.means[k]);
  for (int k = 0; k < kMeans; ++k) means[k] /= static_cast<float>(a.sizes[t]);
  const float norm = Move(a, t, pass);
  if constexpr (kRecord) {
    a.norms[t] = norm;
    __builtin_memcpy(a.inputs1 + t * kMeans, means, kMeans * sizeof(float));
  }
}

// kRows tensors from number t on, and their cells (7).
template <bool kRecord, int kRows>
void StepTensors(const HrnnStepArguments& a, int64_t t, const FromGlobal& from_global) {
  float means[kRows * kMeans];
  for (int r = 0; r < kRows; ++r) StepTensor<kRecord>(a, t + r, from_global, means + r * kMeans);
  const int64_t at = t * kUnits;
  const HrnnCellRecord record = {a.cell1.reset + at, a.cell1.update + at, a.cell1.candidate + at};
  StepUnitCells<kMeans, kRows>(a.theta.tensor_cell, means, from_global.extra1, a.h1 + at, kRecord ? &record : nullptr);
}

template <bool kRecord>
void Step(const HrnnStepArguments& a) {
  const HrnnPackedView& theta = a.theta;
  FromGlobal from_global = {};
  from_global.mean_log_rate = MeanOfRow(a.log_rate, a.parameters);
  AffineOfUnits<kHrnnExtra0Columns>(theta.parameter_from_global, a.h2, from_global.extra0);
  AffineOfUnits<kHrnnExtra1Columns>(theta.tensor_from_global, a.h2, from_global.extra1);
  int64_t t = 0;
  for (; t + kCellRows <= a.tensors; t += kCellRows) StepTensors<kRecord, kCellRows>(a, t, from_global);
  if constexpr (kCellRows > 1) {
    for (; t + 2 <= a.tensors; t += 2) StepTensors<kRecord, 2>(a, t, from_global);
    if (t < a.tensors) StepTensors<kRecord, 1>(a, t, from_global);
  }
  float mean[kUnits];
  MeanOverTensors(a, mean);
  alignas(64) const float no_extra[kHrnnExtra1Columns + kLanes] = {};
  StepUnitCells<kUnits, 1>(theta.global_cell, mean, no_extra, a.h2, kRecord ? &a.cell2 : nullptr);
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
  return {name,
          Step<false>,
          Step<true>,
          AddDots,
          AddRows,
          RowOf<ExpOf>,
          RowOf<LogOf<Vec>>,
          RowOf<SigmoidOf>,
          RowOf<TanhOf<Vec>>,
          RowOf<AsinhOf<Vec>>};
}

}  // namespace
}  // namespace seedcast
