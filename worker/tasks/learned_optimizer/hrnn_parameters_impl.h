// A tensor's pass over its parameters, (1) to (6) and (9) to (11): lanes are parameters. A part of hrnn_kernels_impl.h.
#pragma once

#include "worker/tasks/learned_optimizer/hrnn_means_impl.h"

namespace seedcast {
namespace {

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

}  // namespace
}  // namespace seedcast
