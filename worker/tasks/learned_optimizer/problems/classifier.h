// Two-class classification by a net of layers: softmax regression (no hidden layer), fully connected nets,
// convolutional nets, and regression on sums of embeddings.
//
// Objective: mean over the samples of the cross-entropy of sigmoid(logit 0) with the label, plus 1e-3 times the mean
// over the tensors of their sum of squares. As published, logit 1 sees the weight decay alone.
//
// F32: samples lie in lanes, 16 a block, and go through the layers as network_layer.h says. A sum over samples is a
// chain over blocks for each lane, and lanes meet in Sum of lanes.h; a sum of squares has 16 chains (lane l takes
// parameters l, l + 16 ...). The same templates run on Lanes and, for H v, on Dual<Lanes>.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/tasks/learned_optimizer/problem.h"
#include "worker/tasks/learned_optimizer/problems/batches.h"
#include "worker/tasks/learned_optimizer/problems/dataset.h"
#include "worker/tasks/learned_optimizer/problems/dual.h"
#include "worker/tasks/learned_optimizer/problems/lanes.h"
#include "worker/tasks/learned_optimizer/problems/network_layer.h"
#include "worker/tasks/learned_optimizer/problems/problem_seed.h"

namespace seedcast {

// The last layer has two filters on one pixel: the logits. A layer's tensors are its weights and, where it has them,
// its biases.
struct ClassifierNet {
  std::vector<NetworkLayer> layers = {};
  double initial_stdev = 0;  // of every parameter; 0: 1.2 / sqrt(its tensor's first dimension)
};

// No hidden sizes: softmax regression.
ClassifierNet FullyConnectedNet(int num_features, const std::vector<int>& hidden_sizes);

// Of images with size * size pixels and one channel: convolutions without biases, their kernels 3 x 3 and 5 x 5 in
// turn, no pooling; then an affine layer. Parameters start at N(0, 0.01^2).
ClassifierNet ConvolutionalNet(int size, const std::vector<int>& filters, Activation activation);

class Classifier final : public Problem {
 public:
  Classifier(ClassifierNet net, Dataset dataset, int batch_size, const ProblemSeed& seed);

  absl::Span<const int64_t> tensor_sizes() const override { return tensor_sizes_; }
  int64_t num_parameters() const override { return num_parameters_; }
  void InitialParameters(int restart, absl::Span<float> parameters) const override;
  float Objective(absl::Span<const float> parameters) override;
  void ObjectiveGradient(absl::Span<const float> parameters, absl::Span<float> gradient) override;
  float BatchObjective(absl::Span<const float> parameters, int64_t batch) override;
  void Gradient(absl::Span<const float> parameters, int64_t batch, absl::Span<float> gradient) override;
  void HessianTimes(absl::Span<const float> parameters, int64_t batch, absl::Span<const float> v,
                    absl::Span<float> product) override;
  float Accuracy(absl::Span<const float> parameters, bool inverted) override;
  int64_t Bytes() const override;

 private:
  // Samples in lanes. Lanes past the last sample have share 0.
  struct Samples {
    int64_t blocks = 0;
    std::vector<Lanes> features;  // (blocks, num_features)
    std::vector<Lanes> labels;    // (blocks)
    std::vector<Lanes> share;     // (blocks), 1 / number of samples
  };
  // Activations of all layers, block after block, and the loss's derivatives by the sums before them.
  template <typename S>
  struct Scratch {
    std::vector<S> activations;  // (blocks, units)
    std::vector<S> deltas;       // (blocks, units)
  };

  void Gather(absl::Span<const int> samples, Samples* out) const;
  const Samples& Batch(int64_t batch);
  template <typename S, typename Weights>
  void Forward(const Weights& weights, const Lanes* features, int logits, S* activations) const;
  template <typename S, typename Weights>
  void Backward(const Weights& weights, const S* activations, S* deltas) const;
  template <typename S, typename Weights, typename Emit>
  void LossGradient(const Weights& weights, const Samples& samples, Scratch<S>* scratch, const Emit& emit) const;
  float Loss(absl::Span<const float> parameters, const Samples& samples);
  void PlainGradient(absl::Span<const float> parameters, const Samples& samples, absl::Span<float> gradient);

  const ClassifierNet net_;
  const Dataset dataset_;
  const ProblemSeed seed_;
  std::vector<int64_t> tensor_sizes_;
  std::vector<int64_t> parameters_at_;   // a layer's first parameter
  std::vector<int64_t> activations_at_;  // a layer's first unit
  int64_t num_parameters_ = 0;
  int64_t units_ = 0;
  float decay_ = 0;  // of a parameter's square
  Samples whole_;

  Batches batches_;
  Samples batch_samples_;  // of batch_
  int64_t batch_ = -1;
  Scratch<Lanes> plain_;
  Scratch<Dual<Lanes>> dual_;
};

}  // namespace seedcast
