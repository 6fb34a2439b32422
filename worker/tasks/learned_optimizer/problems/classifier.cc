#include "worker/tasks/learned_optimizer/problems/classifier.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace seedcast {
namespace {

constexpr double kDecay = 1e-3;
constexpr double kInitialScale = 1.2;

// Parameters as the templates see them: in every lane, alone or with their derivatives.
struct PlainWeights {
  const float* parameters;
  Lanes operator[](int64_t i) const { return parameters[i]; }
};
struct DualWeights {
  const float* parameters;
  const float* v;
  Dual<Lanes> operator[](int64_t i) const { return {parameters[i], v[i]}; }
};

// log(1 + e^z) - label * z
Lanes CrossEntropy(Lanes logit, Lanes label) { return AtLeast(0.0f, logit) + Log1p(Exp(-Abs(logit))) - label * logit; }

float SumOfSquares(absl::Span<const float> x) {
  Lanes sum;
  size_t i = 0;
  for (; i + kLanes <= x.size(); i += kLanes) {
    const Lanes lanes = Lanes::Load(&x[i]);
    sum = Fma(lanes, lanes, sum);
  }
  float rest[kLanes] = {};
  std::copy(x.begin() + i, x.end(), rest);
  const Lanes lanes = Lanes::Load(rest);
  return Sum(Fma(lanes, lanes, sum));
}

}  // namespace

ClassifierNet FullyConnectedNet(int num_features, const std::vector<int>& hidden_sizes) {
  ClassifierNet net;
  int inputs = num_features;
  for (const int size : hidden_sizes) {
    net.layers.push_back({.channels = inputs, .filters = size});
    inputs = size;
  }
  net.layers.push_back({.channels = inputs, .filters = 2, .activation = Activation::kNone});
  return net;
}

ClassifierNet ConvolutionalNet(int size, const std::vector<int>& filters, Activation activation) {
  ClassifierNet net;
  net.initial_stdev = 0.01;
  int channels = 1;
  for (size_t i = 0; i < filters.size(); ++i) {
    net.layers.push_back({.channels = channels,
                          .filters = filters[i],
                          .size = size,
                          .kernel = i % 2 == 0 ? 3 : 5,
                          .bias = false,
                          .activation = activation});
    channels = filters[i];
  }
  net.layers.push_back({.channels = size * size * channels, .filters = 2, .activation = Activation::kNone});
  return net;
}

Classifier::Classifier(ClassifierNet net, Dataset dataset, int batch_size, const ProblemSeed& seed)
    : net_(std::move(net)), dataset_(std::move(dataset)), seed_(seed), batches_(seed, dataset_.samples, batch_size) {
  for (const NetworkLayer& layer : net_.layers) {
    parameters_at_.push_back(num_parameters_);
    activations_at_.push_back(units_);
    tensor_sizes_.push_back(layer.weights());
    if (layer.bias) tensor_sizes_.push_back(layer.filters);
    num_parameters_ += layer.parameters();
    units_ += layer.outputs();
  }
  decay_ = static_cast<float>(kDecay / tensor_sizes_.size());
  plain_.activations.resize(units_);  // at least one block's, always
  std::vector<int> all(dataset_.samples);
  std::iota(all.begin(), all.end(), 0);
  Gather(all, &whole_);
}

void Classifier::InitialParameters(int restart, absl::Span<float> parameters) const {
  PhiloxStream random = seed_.Stream(ProblemSeed::Purpose::kStart, restart);
  FillNormals(random, parameters);
  const auto scale = [&](int64_t count, int first_dimension) {
    const double stdev = net_.initial_stdev > 0 ? net_.initial_stdev : kInitialScale / std::sqrt(first_dimension);
    const float factor = static_cast<float>(stdev);
    for (float& parameter : parameters.first(count)) parameter *= factor;
    parameters.remove_prefix(count);
  };
  for (const NetworkLayer& layer : net_.layers) {
    scale(layer.weights(), layer.kernel == 1 ? layer.channels : layer.kernel);
    if (layer.bias) scale(layer.filters, layer.filters);
  }
}

void Classifier::Gather(absl::Span<const int> samples, Samples* out) const {
  const int64_t count = static_cast<int64_t>(samples.size());
  const int num_features = dataset_.num_features;
  out->blocks = (count + kLanes - 1) / kLanes;
  out->features.assign(out->blocks * num_features, Lanes());
  std::vector<float> labels(out->blocks * kLanes), share(out->blocks * kLanes);
  float* lanes = reinterpret_cast<float*>(out->features.data());
  for (int64_t i = 0; i < count; ++i) {
    const float* row = dataset_.row(samples[i]);
    float* to = lanes + i / kLanes * num_features * kLanes + i % kLanes;
    for (int feature = 0; feature < num_features; ++feature) to[feature * kLanes] = row[feature];
    labels[i] = dataset_.labels[samples[i]];
    share[i] = 1.0f / static_cast<float>(count);
  }
  out->labels.resize(out->blocks);
  out->share.resize(out->blocks);
  for (int64_t block = 0; block < out->blocks; ++block) {
    out->labels[block] = Lanes::Load(&labels[block * kLanes]);
    out->share[block] = Lanes::Load(&share[block * kLanes]);
  }
}

const Classifier::Samples& Classifier::Batch(int64_t batch) {
  if (batch != batch_) Gather(batches_.Samples(batch), &batch_samples_);
  batch_ = batch;
  return batch_samples_;
}

// One block through all layers. Of the last layer only the first `logits` units.
template <typename S, typename Weights>
void Classifier::Forward(const Weights& weights, const Lanes* features, int logits, S* activations) const {
  for (size_t i = 0; i < net_.layers.size(); ++i) {
    const NetworkLayer& layer = net_.layers[i];
    const int filters = i + 1 == net_.layers.size() ? logits : layer.filters;
    S* out = activations + activations_at_[i];
    if (i == 0) {
      ForwardLayer(layer, filters, weights, parameters_at_[i], features, out);
    } else {
      ForwardLayer(layer, filters, weights, parameters_at_[i], activations + activations_at_[i - 1], out);
    }
  }
}

// One block's deltas, from that of logit 0 back to those of the first layer.
template <typename S, typename Weights>
void Classifier::Backward(const Weights& weights, const S* activations, S* deltas) const {
  for (size_t i = net_.layers.size(); --i > 0;) {
    const NetworkLayer& layer = net_.layers[i];
    const int filters = i + 1 == net_.layers.size() ? 1 : layer.filters;
    S* below = deltas + activations_at_[i - 1];
    const S* values = activations + activations_at_[i - 1];
    BackwardLayer(layer, filters, weights, parameters_at_[i], deltas + activations_at_[i], below);
    MultiplyBySlope(net_.layers[i - 1].activation, layer.inputs(), values, below);
  }
}

// Calls emit(parameter, its derivative in lanes still to be summed) for every parameter but those of logit 1.
template <typename S, typename Weights, typename Emit>
void Classifier::LossGradient(const Weights& weights, const Samples& samples, Scratch<S>* scratch,
                              const Emit& emit) const {
  scratch->activations.resize(std::max<size_t>(scratch->activations.size(), samples.blocks * units_));
  scratch->deltas.resize(scratch->activations.size());
  for (int64_t block = 0; block < samples.blocks; ++block) {
    S* activations = &scratch->activations[block * units_];
    S* deltas = &scratch->deltas[block * units_];
    Forward(weights, &samples.features[block * dataset_.num_features], 1, activations);
    const int64_t logit = activations_at_.back();
    deltas[logit] = (Sigmoid(activations[logit]) - S(samples.labels[block])) * S(samples.share[block]);
    Backward(weights, activations, deltas);
  }
  for (size_t i = 0; i < net_.layers.size(); ++i) {
    const NetworkLayer& layer = net_.layers[i];
    const int filters = i + 1 == net_.layers.size() ? 1 : layer.filters;
    const Blocks<S> deltas{&scratch->deltas[activations_at_[i]], units_};
    const auto emit_of_layer = [&, at = parameters_at_[i]](int64_t p, const S& sum) { emit(at + p, sum); };
    if (i == 0) {
      const Blocks<Lanes> in{samples.features.data(), dataset_.num_features};
      LayerGradient(layer, filters, samples.blocks, in, deltas, emit_of_layer);
    } else {
      const Blocks<S> in{&scratch->activations[activations_at_[i - 1]], units_};
      LayerGradient(layer, filters, samples.blocks, in, deltas, emit_of_layer);
    }
  }
}

float Classifier::Loss(absl::Span<const float> parameters, const Samples& samples) {
  const PlainWeights weights{parameters.data()};
  Lanes sum;
  for (int64_t block = 0; block < samples.blocks; ++block) {
    Forward(weights, &samples.features[block * dataset_.num_features], 1, plain_.activations.data());
    const Lanes logit = plain_.activations[activations_at_.back()];
    sum = Fma(CrossEntropy(logit, samples.labels[block]), samples.share[block], sum);
  }
  return Sum(sum) + decay_ * SumOfSquares(parameters);
}

void Classifier::PlainGradient(absl::Span<const float> parameters, const Samples& samples, absl::Span<float> gradient) {
  for (int64_t i = 0; i < num_parameters_; ++i) gradient[i] = 2 * decay_ * parameters[i];
  LossGradient(PlainWeights{parameters.data()}, samples, &plain_,
               [&](int64_t i, const Lanes& derivative) { gradient[i] += Sum(derivative); });
}

float Classifier::Objective(absl::Span<const float> parameters) { return Loss(parameters, whole_); }

void Classifier::ObjectiveGradient(absl::Span<const float> parameters, absl::Span<float> gradient) {
  PlainGradient(parameters, whole_, gradient);
}

float Classifier::BatchObjective(absl::Span<const float> parameters, int64_t batch) {
  return Loss(parameters, Batch(batch));
}

void Classifier::Gradient(absl::Span<const float> parameters, int64_t batch, absl::Span<float> gradient) {
  PlainGradient(parameters, Batch(batch), gradient);
}

void Classifier::HessianTimes(absl::Span<const float> parameters, int64_t batch, absl::Span<const float> v,
                              absl::Span<float> product) {
  for (int64_t i = 0; i < num_parameters_; ++i) product[i] = 2 * decay_ * v[i];
  LossGradient(DualWeights{parameters.data(), v.data()}, Batch(batch), &dual_,
               [&](int64_t i, const Dual<Lanes>& second) { product[i] += Sum(second.derivative); });
}

// The loss makes sigmoid(logit 0) the probability of label 1, so that is what says it. The published code takes the
// larger logit's index for the label instead.
float Classifier::Accuracy(absl::Span<const float> parameters, bool inverted) {
  const PlainWeights weights{parameters.data()};
  int right = 0;
  for (int64_t block = 0; block < whole_.blocks; ++block) {
    Forward(weights, &whole_.features[block * dataset_.num_features], 2, plain_.activations.data());
    float logit0[kLanes], logit1[kLanes];
    plain_.activations[activations_at_.back()].Store(logit0);
    plain_.activations[activations_at_.back() + 1].Store(logit1);
    const int64_t first = block * kLanes;
    const int64_t count = std::min<int64_t>(kLanes, dataset_.samples - first);
    for (int64_t lane = 0; lane < count; ++lane) {
      const bool one = inverted ? logit1[lane] > logit0[lane] : logit0[lane] > 0;
      right += one == (dataset_.labels[first + lane] == 1);
    }
  }
  return static_cast<float>(right) / static_cast<float>(dataset_.samples);
}

int64_t Classifier::Bytes() const {
  const auto of = [](const Samples& s) { return s.features.size() + s.labels.size() + s.share.size(); };
  const auto lanes = of(whole_) + of(batch_samples_) + plain_.activations.size() + plain_.deltas.size();
  const auto duals = dual_.activations.size() + dual_.deltas.size();
  return dataset_.Bytes() + static_cast<int64_t>(lanes * sizeof(Lanes) + duals * sizeof(Dual<Lanes>));
}

}  // namespace seedcast
