#include "worker/tasks/learned_optimizer/problems/dataset.h"

#include <algorithm>
#include <cmath>

#include "absl/types/span.h"
#include "worker/tasks/learned_optimizer/problems/lanes.h"
#include "worker/tasks/learned_optimizer/problems/problem_seed.h"

namespace seedcast {
namespace {

constexpr int kClusters = 4;
constexpr float kRelabelled = 0.01f;

Dataset EmptyDataset(int samples, int num_features) {
  Dataset dataset{.samples = samples, .num_features = num_features};
  dataset.features.resize(int64_t{samples} * num_features);
  return dataset;
}

// Distinct corners of the cube of side 2 * separation.
std::vector<std::vector<float>> DrawCentroids(int num_features, double separation, PhiloxStream& random) {
  std::vector<std::vector<float>> centroids;
  while (centroids.size() < kClusters) {
    std::vector<float> corner(num_features);
    for (float& coordinate : corner) coordinate = static_cast<float>(random.Below(2) == 0 ? -separation : separation);
    if (std::find(centroids.begin(), centroids.end(), corner) == centroids.end()) centroids.push_back(corner);
  }
  return centroids;
}

// out (rows, outputs) = start (outputs) + in (rows, inputs) * matrix (inputs, outputs); an entry is a chain over
// inputs.
struct Product {
  int64_t inputs;
  int64_t outputs;
  const float* matrix;
  const float* start;

  void Rows(const float* in, int64_t rows, float* out) const {
    constexpr int kTile = 4;
    int64_t row = 0;
    for (; row + kTile <= rows; row += kTile) Tiles<kTile>(in + row * inputs, out + row * outputs);
    for (; row < rows; ++row) Tiles<1>(in + row * inputs, out + row * outputs);
  }

  // The last 16 columns may overlap those before them: they come out the same.
  template <int rows>
  void Tiles(const float* in, float* out) const {
    for (int64_t column = 0; column + kLanes < outputs; column += kLanes) Tile<rows>(in, column, out);
    if (outputs >= kLanes) return Tile<rows>(in, outputs - kLanes, out);
    for (int row = 0; row < rows; ++row) Narrow(in + row * inputs, out + row * outputs);
  }

  template <int rows>
  void Tile(const float* in, int64_t column, float* out) const {
    Lanes sum[rows];
    for (int row = 0; row < rows; ++row) sum[row] = Lanes::Load(start + column);
    for (int64_t i = 0; i < inputs; ++i) {
      const Lanes factors = Lanes::Load(matrix + i * outputs + column);
      for (int row = 0; row < rows; ++row) sum[row] = Fma(in[row * inputs + i], factors, sum[row]);
    }
    for (int row = 0; row < rows; ++row) sum[row].Store(out + row * outputs + column);
  }

  void Narrow(const float* in, float* out) const {
    std::copy_n(start, outputs, out);
    for (int64_t i = 0; i < inputs; ++i) {
      for (int64_t o = 0; o < outputs; ++o) out[o] = std::fma(in[i], matrix[i * outputs + o], out[o]);
    }
  }
};

}  // namespace

Dataset MakeClusters(int num_features, double separation, PhiloxStream& random) {
  Dataset dataset = EmptyDataset(kSamples, num_features);
  const auto centroids = DrawCentroids(num_features, separation, random);
  std::vector<float> normals(dataset.features.size());
  FillNormals(random, absl::MakeSpan(normals));
  std::vector<float> mixing(int64_t{num_features} * num_features);
  constexpr int kPerCluster = kSamples / kClusters;
  for (int cluster = 0; cluster < kClusters; ++cluster) {
    FillUniform(random, -1, 1, absl::MakeSpan(mixing));
    for (int sample = 0; sample < kPerCluster; ++sample) {
      const bool relabelled = random.Uniform() < kRelabelled;
      dataset.labels.push_back(relabelled ? random.Below(2) : cluster % 2);
    }
    const int64_t first = int64_t{cluster} * kPerCluster * num_features;
    const Product product{num_features, num_features, mixing.data(), centroids[cluster].data()};
    product.Rows(&normals[first], kPerCluster, &dataset.features[first]);
  }
  return dataset;
}

Dataset MakeNetworkLabels(int num_features, PhiloxStream& random) {
  constexpr int kLayers = 6;
  constexpr int kWidth = 20;
  Dataset dataset = EmptyDataset(kSamples, num_features);
  FillNormals(random, absl::MakeSpan(dataset.features));
  std::vector<float> in = dataset.features;
  int inputs = num_features;
  const std::vector<float> zeros(kWidth);
  const float scale = static_cast<float>(std::sqrt(2.0 / num_features));
  for (int layer = 0; layer < kLayers; ++layer) {
    std::vector<float> weights(int64_t{inputs} * kWidth);
    FillNormals(random, absl::MakeSpan(weights));
    for (float& weight : weights) weight *= scale;
    std::vector<float> out(int64_t{kSamples} * kWidth);
    Product{inputs, kWidth, weights.data(), zeros.data()}.Rows(in.data(), kSamples, out.data());
    for (float& x : out) x = std::max(x, 0.0f);
    in = std::move(out);
    inputs = kWidth;
  }
  for (int sample = 0; sample < kSamples; ++sample) dataset.labels.push_back(in[int64_t{sample} * kWidth] > 0);
  return dataset;
}

Dataset MakeNoisyParity(int samples, PhiloxStream& random) {
  constexpr int kIds = 5;
  constexpr float kWrong = 0.25f;
  Dataset dataset = EmptyDataset(samples, 2);
  for (int sample = 0; sample < samples; ++sample) {
    int sum = 0;
    for (int i = 0; i < kIds; ++i) sum += static_cast<int>(random.Below(2));
    dataset.features[2 * sample] = static_cast<float>(kIds - sum);
    dataset.features[2 * sample + 1] = static_cast<float>(sum);
    dataset.labels.push_back((sum + (random.Uniform() < kWrong)) % 2);
  }
  return dataset;
}

Dataset MakeBinary(int num_features, int samples, PhiloxStream& random) {
  Dataset dataset = EmptyDataset(samples, num_features);
  for (float& feature : dataset.features) feature = static_cast<float>(random.Below(2));
  return dataset;
}

Dataset MakeSymmetric(int num_features, int samples, PhiloxStream& random) {
  Dataset dataset = EmptyDataset(samples, num_features);
  const size_t half = dataset.features.size() / 2;
  FillNormals(random, absl::MakeSpan(dataset.features).first(half));
  for (size_t i = 0; i < half; ++i) dataset.features[half + i] = -dataset.features[i];
  return dataset;
}

}  // namespace seedcast
