// One layer of a classifying net, forwards and backwards, as templates on the scalar: Lanes (16 samples side by side),
// or for H v Dual<Lanes>. `Weights` gives parameter i by operator[].
//
// A layer turns an image with `channels` values a pixel into one with `filters`: a convolution of stride 1, zeros
// beyond the border (SAME), then an activation. An affine layer is that on an image of one pixel. The values of an
// image lie pixel by pixel, row by row; parameters are weights (kernel, kernel, channels, filters), then biases
// (filters).
//
// F32: a unit is its bias plus a chain over the taps inside the image, row by row, and for each tap over the channels.
// The delta of an input is a chain over the pixels that it goes to, row by row, and for each over the filters. A
// weight's derivative is a chain over blocks of samples, and for each over pixels.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "worker/tasks/learned_optimizer/problems/dual.h"
#include "worker/tasks/learned_optimizer/problems/lanes.h"

namespace seedcast {

enum class Activation { kNone, kSigmoid, kRelu };

struct NetworkLayer {
  int channels;
  int filters;
  int size = 1;    // of the image's side
  int kernel = 1;  // odd; 1 where size is 1
  bool bias = true;
  Activation activation = Activation::kSigmoid;

  int64_t inputs() const { return int64_t{size} * size * channels; }
  int64_t outputs() const { return int64_t{size} * size * filters; }
  int64_t weights() const { return int64_t{kernel} * kernel * channels * filters; }
  int64_t parameters() const { return weights() + (bias ? filters : 0); }
};

inline Dual<Lanes> Fma(const Dual<Lanes>& a, const Dual<Lanes>& b, const Dual<Lanes>& c) {
  return {Fma(a.value, b.value, c.value), Fma(a.value, b.derivative, Fma(a.derivative, b.value, c.derivative))};
}

inline Dual<Lanes> Sigmoid(const Dual<Lanes>& x) {
  const Lanes s = Sigmoid(x.value);
  return {s, s * (Lanes(1.0f) - s) * x.derivative};
}

inline Lanes Relu(Lanes x) { return AtLeast(0.0f, x); }
inline Dual<Lanes> Relu(const Dual<Lanes>& x) { return {Relu(x.value), OneWherePositive(x.value) * x.derivative}; }

// Where a ReLU's value is y, its derivative: a step, whose own derivative is 0.
inline Lanes ReluSlope(Lanes y) { return OneWherePositive(y); }
inline Dual<Lanes> ReluSlope(const Dual<Lanes>& y) { return OneWherePositive(y.value); }

// Calls visit with the activation as a function from a sum to its value.
template <typename S, typename Visit>
void WithActivation(Activation activation, const Visit& visit) {
  switch (activation) {
    case Activation::kSigmoid:
      return visit([](const S& sum) { return Sigmoid(sum); });
    case Activation::kRelu:
      return visit([](const S& sum) { return Relu(sum); });
    case Activation::kNone:
      return visit([](const S& sum) { return sum; });
  }
}

// The loss's derivatives by values become those by the sums before the activation.
template <typename S>
void MultiplyBySlope(Activation activation, int64_t count, const S* values, S* deltas) {
  switch (activation) {
    case Activation::kSigmoid:
      for (int64_t i = 0; i < count; ++i) deltas[i] = deltas[i] * (values[i] * (S(1.0f) - values[i]));
      break;
    case Activation::kRelu:
      for (int64_t i = 0; i < count; ++i) deltas[i] = deltas[i] * ReluSlope(values[i]);
      break;
    case Activation::kNone:
      break;
  }
}

// Values of a layer's units in blocks of samples that lie `stride` apart.
template <typename S>
struct Blocks {
  const S* first;
  int64_t stride;
};

namespace network_layer_internal {

// What KernelWindow and ShiftedImage are for an affine layer: one tap on one pixel.
struct OnePixel {
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    visit(0, 0);
  }
};

// The part of a pixel's kernel that lies inside the image: rows top .. bottom, columns left .. right.
struct KernelWindow {
  int kernel, size;
  int top, bottom, left, right;
  int corner;  // number of the tap that would fall on pixel (0, 0)

  KernelWindow(const NetworkLayer& layer, int row, int column)
      : kernel(layer.kernel),
        size(layer.size),
        top(std::max(row - kernel / 2, 0)),
        bottom(std::min(row + kernel / 2, size - 1)),
        left(std::max(column - kernel / 2, 0)),
        right(std::min(column + kernel / 2, size - 1)),
        corner((kernel / 2 - row) * kernel + kernel / 2 - column) {}

  template <typename Visit>
  void ForEach(const Visit& visit) const {  // visit(tap, its pixel)
    for (int r = top; r <= bottom; ++r) {
      for (int c = left; c <= right; ++c) visit(corner + r * kernel + c, r * size + c);
    }
  }
};

// visit(window) for the pixels in their order.
template <typename Visit>
void ForEachWindow(const NetworkLayer& layer, const Visit& visit) {
  if (layer.size == 1) return visit(OnePixel());
  for (int row = 0; row < layer.size; ++row) {
    for (int column = 0; column < layer.size; ++column) visit(KernelWindow(layer, row, column));
  }
}

// The pixels whose tap lies inside the image, which it moves by `shift` pixels.
struct ShiftedImage {
  int size;
  int top, bottom, left, right;
  int shift;

  ShiftedImage(const NetworkLayer& layer, int down, int across)
      : size(layer.size),
        top(std::max(0, -down)),
        bottom(size - 1 - std::max(0, down)),
        left(std::max(0, -across)),
        right(size - 1 - std::max(0, across)),
        shift(down * size + across) {}

  template <typename Visit>
  void ForEach(const Visit& visit) const {  // visit(pixel, that of its tap)
    for (int r = top; r <= bottom; ++r) {
      for (int c = left; c <= right; ++c) visit(r * size + c, r * size + c + shift);
    }
  }
};

// Calls tile(std::integral_constant<int, n>, first) for the numbers below `count`: four at a time, side by side to hide
// the latency of their chains, then one by one.
template <typename Tile>
void InTiles(int count, const Tile& tile) {
  constexpr int kTile = 4;
  int first = 0;
  for (; first + kTile <= count; first += kTile) tile(std::integral_constant<int, kTile>(), first);
  for (; first < count; ++first) tile(std::integral_constant<int, 1>(), first);
}

// A layer with its parameters, which begin at `at`.
template <typename Weights>
struct Placed {
  const NetworkLayer& layer;
  const Weights& weights;
  int64_t at;
  int64_t biases_at = at + layer.weights();
};

// Filters `first` .. `first` + n - 1 of one pixel. Inlined into its loops, the activation's constants would take the
// registers that the sums need.
template <int n, typename S, typename In, typename Window, typename Weights, typename Activate>
[[gnu::noinline]] void Units(const Placed<Weights>& placed, const Window& window, int first, const In* in,
                             const Activate& activate, S* out) {
  const NetworkLayer& layer = placed.layer;
  S sum[n];
  for (int k = 0; k < n; ++k) sum[k] = layer.bias ? placed.weights[placed.biases_at + first + k] : S(0.0f);
  window.ForEach([&](int tap, int from) {
    const In* values = in + int64_t{from} * layer.channels;
    int64_t row = placed.at + int64_t{tap} * layer.channels * layer.filters + first;
    for (int c = 0; c < layer.channels; ++c, row += layer.filters) {
      const S x = values[c];
      for (int k = 0; k < n; ++k) sum[k] = Fma(x, placed.weights[row + k], sum[k]);
    }
  });
  for (int k = 0; k < n; ++k) out[first + k] = activate(sum[k]);
}

// Channels `first` .. `first` + n - 1 of one pixel. A kernel seen from the pixel it reads is the kernel turned around.
template <int n, typename S, typename Window, typename Weights>
void Deltas(const Placed<Weights>& placed, const Window& window, int filters, int first, const S* deltas, S* out) {
  const NetworkLayer& layer = placed.layer;
  S sum[n];
  for (int k = 0; k < n; ++k) sum[k] = S(0.0f);
  window.ForEach([&](int tap, int to) {
    const S* delta = deltas + int64_t{to} * layer.filters;
    const int64_t turned = layer.kernel * layer.kernel - 1 - tap;
    const int64_t row = placed.at + (turned * layer.channels + first) * layer.filters;
    for (int f = 0; f < filters; ++f) {
      for (int k = 0; k < n; ++k) sum[k] = Fma(delta[f], placed.weights[row + int64_t{k} * layer.filters + f], sum[k]);
    }
  });
  std::copy_n(sum, n, out + first);
}

// Of the weight from `channel` to filter `f` of the tap that `pixels` stands for.
template <typename S, typename In, typename Pixels>
S WeightSum(const NetworkLayer& layer, const Pixels& pixels, int channel, int f, int64_t blocks, const Blocks<In>& in,
            const Blocks<S>& deltas) {
  S sum(0.0f);
  const In* x = in.first + channel;
  const S* delta = deltas.first + f;
  for (int64_t block = 0; block < blocks; ++block, x += in.stride, delta += deltas.stride) {
    pixels.ForEach([&](int pixel, int from) {
      sum = Fma(S(x[int64_t{from} * layer.channels]), delta[int64_t{pixel} * layer.filters], sum);
    });
  }
  return sum;
}

template <typename S>
S BiasSum(const NetworkLayer& layer, int f, int64_t blocks, const Blocks<S>& deltas) {
  S sum(0.0f);
  for (int64_t block = 0; block < blocks; ++block) {
    const S* delta = deltas.first + block * deltas.stride + f;
    for (int64_t i = 0; i < layer.outputs(); i += layer.filters) sum = sum + delta[i];
  }
  return sum;
}

}  // namespace network_layer_internal

// out (outputs) from in (inputs), of one block; the layer's parameters begin at `at`. Only the first `filters` of each
// pixel.
template <typename S, typename In, typename Weights>
void ForwardLayer(const NetworkLayer& layer, int filters, const Weights& weights, int64_t at, const In* in, S* out) {
  namespace internal = network_layer_internal;
  const internal::Placed<Weights> placed{layer, weights, at};
  WithActivation<S>(layer.activation, [&](const auto& activate) {
    internal::ForEachWindow(layer, [&](const auto& window) {
      internal::InTiles(filters,
                        [&](auto n, int first) { internal::Units<n()>(placed, window, first, in, activate, out); });
      out += layer.filters;
    });
  });
}

// out (inputs), the loss's derivatives by the inputs of one block, from deltas (outputs), those by the sums before the
// activation. Only the first `filters` of each pixel have a delta.
template <typename S, typename Weights>
void BackwardLayer(const NetworkLayer& layer, int filters, const Weights& weights, int64_t at, const S* deltas,
                   S* out) {
  namespace internal = network_layer_internal;
  const internal::Placed<Weights> placed{layer, weights, at};
  internal::ForEachWindow(layer, [&](const auto& window) {
    internal::InTiles(layer.channels,
                      [&](auto n, int first) { internal::Deltas<n()>(placed, window, filters, first, deltas, out); });
    out += layer.channels;
  });
}

// emit(parameter of the layer, its derivative in lanes still to be summed) for the parameters of the first `filters`.
template <typename S, typename In, typename Emit>
void LayerGradient(const NetworkLayer& layer, int filters, int64_t blocks, const Blocks<In>& in,
                   const Blocks<S>& deltas, const Emit& emit) {
  namespace internal = network_layer_internal;
  int64_t parameter = 0;
  const auto tap = [&](const auto& pixels) {
    for (int channel = 0; channel < layer.channels; ++channel, parameter += layer.filters) {
      for (int f = 0; f < filters; ++f)
        emit(parameter + f, internal::WeightSum(layer, pixels, channel, f, blocks, in, deltas));
    }
  };
  if (layer.size == 1) {
    tap(internal::OnePixel());
  } else {
    const int half = layer.kernel / 2;
    for (int down = -half; down <= half; ++down) {
      for (int across = -half; across <= half; ++across) tap(internal::ShiftedImage(layer, down, across));
    }
  }
  for (int f = 0; layer.bias && f < filters; ++f) emit(parameter + f, internal::BiasSum(layer, f, blocks, deltas));
}

}  // namespace seedcast
