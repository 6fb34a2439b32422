#include "worker/tasks/prototypes.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/math/elementary.h"

namespace seedcast {
namespace {

constexpr int kLanes = 16;

// Squared distances of one query to `kLanes` classes; `prototypes` points to the first of them, rows are `stride`
// apart. The compiler keeps `sums` in vector registers.
void DistancesOfLanes(const float* query, const float* prototypes, int size, int stride, float* distances) {
  float sums[kLanes] = {};
  for (int d = 0; d < size; ++d) {
    const float* row = prototypes + static_cast<size_t>(d) * stride;
    for (int c = 0; c < kLanes; ++c) {
      const float difference = query[d] - row[c];
      sums[c] += difference * difference;
    }
  }
  std::copy_n(sums, kLanes, distances);
}

// Minus the log-probability of `label`.
float CrossEntropy(absl::Span<const float> distances, int label) {
  const float nearest = *std::min_element(distances.begin(), distances.end());
  float sum = 0;
  for (const float distance : distances) sum += Exp(nearest - distance);
  return Log(sum) - (nearest - distances[label]);
}

bool AllFinite(absl::Span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

}  // namespace

PrototypeHead::PrototypeHead(const EpisodeShape& shape, int embedding_size)
    : shape_(shape),
      size_(embedding_size),
      stride_((shape.way + kLanes - 1) / kLanes * kLanes),
      prototypes_(static_cast<size_t>(embedding_size) * stride_),
      distances_(stride_) {}

void PrototypeHead::ComputePrototypes(absl::Span<const float> support) {
  const float share = 1.0f / static_cast<float>(shape_.shot);
  for (int c = 0; c < shape_.way; ++c) {
    const float* images = &support[static_cast<size_t>(c) * shape_.shot * size_];  // (shot, embedding_size)
    for (int d = 0; d < size_; ++d) {
      float sum = images[d];
      for (int i = 1; i < shape_.shot; ++i) sum += images[static_cast<size_t>(i) * size_ + d];
      prototypes_[static_cast<size_t>(d) * stride_ + c] = sum * share;
    }
  }
}

void PrototypeHead::ComputeDistances(absl::Span<const float> query) {
  for (int c = 0; c < stride_; c += kLanes) {
    DistancesOfLanes(query.data(), &prototypes_[c], size_, stride_, &distances_[c]);
  }
}

EpisodeMetrics PrototypeHead::Measure(absl::Span<const float> embeddings) {
  ComputePrototypes(embeddings);
  const absl::Span<const float> distances = absl::MakeConstSpan(distances_).first(shape_.way);
  float loss = 0;
  int right = 0;
  bool finite = true;
  for (int q = 0; q < shape_.query_images(); ++q) {
    const int label = q / shape_.query;
    ComputeDistances(embeddings.subspan(static_cast<size_t>(shape_.support_images() + q) * size_, size_));
    finite = finite && AllFinite(distances);
    loss += CrossEntropy(distances, label);
    right += std::min_element(distances.begin(), distances.end()) - distances.begin() == label;
  }
  const float queries = static_cast<float>(shape_.query_images());
  return {finite ? -loss / queries : std::numeric_limits<float>::quiet_NaN(), static_cast<float>(right) / queries};
}

}  // namespace seedcast
