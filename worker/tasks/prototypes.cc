#include "worker/tasks/prototypes.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "common/math/elementary.h"

namespace seedcast {
namespace {

// Eight classes side by side; the compiler has AVX2 for it (cmake/Seedcast.cmake).
using Vector = float __attribute__((vector_size(32), aligned(4), may_alias));
constexpr int kVectorLanes = 8;
constexpr int kVectors = 2;
constexpr int kLanes = kVectors * kVectorLanes;

// Squared distances of `kQueries` queries, (kQueries, size), to kLanes classes; rows of `prototypes` and of `distances`
// are `stride` apart. Several queries at once keep the adders busy: each sum is a chain.
template <int kQueries>
void Distances(const float* queries, const float* prototypes, int size, int stride, float* distances) {
  Vector sums[kQueries][kVectors] = {};
  for (int d = 0; d < size; ++d) {
    const float* row = prototypes + static_cast<size_t>(d) * stride;
    for (int v = 0; v < kVectors; ++v) {
      const Vector prototype = *reinterpret_cast<const Vector*>(row + v * kVectorLanes);
      for (int q = 0; q < kQueries; ++q) {
        const Vector difference = queries[static_cast<size_t>(q) * size + d] - prototype;
        sums[q][v] += difference * difference;
      }
    }
  }
  for (int q = 0; q < kQueries; ++q) {
    std::memcpy(distances + static_cast<size_t>(q) * stride, sums[q], sizeof sums[q]);
  }
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
      distances_(static_cast<size_t>(shape.query_images()) * stride_) {}

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

void PrototypeHead::ComputeDistances(absl::Span<const float> queries) {
  constexpr int kTogether = 4;
  for (int c = 0; c < stride_; c += kLanes) {
    int q = 0;
    const auto compute = [&](auto distances, int count) {
      distances(&queries[static_cast<size_t>(q) * size_], &prototypes_[c], size_, stride_,
                &distances_[static_cast<size_t>(q) * stride_ + c]);
      q += count;
    };
    while (q + kTogether <= shape_.query_images()) compute(Distances<kTogether>, kTogether);
    while (q < shape_.query_images()) compute(Distances<1>, 1);
  }
}

EpisodeMetrics PrototypeHead::Measure(absl::Span<const float> embeddings) {
  ComputePrototypes(embeddings);
  ComputeDistances(embeddings.subspan(static_cast<size_t>(shape_.support_images()) * size_));
  float loss = 0;
  int right = 0;
  bool finite = true;
  for (int q = 0; q < shape_.query_images(); ++q) {
    const int label = q / shape_.query;
    const auto distances = absl::MakeConstSpan(&distances_[static_cast<size_t>(q) * stride_], shape_.way);
    finite = finite && AllFinite(distances);
    loss += CrossEntropy(distances, label);
    right += std::min_element(distances.begin(), distances.end()) - distances.begin() == label;
  }
  const float queries = static_cast<float>(shape_.query_images());
  return {finite ? -loss / queries : std::numeric_limits<float>::quiet_NaN(), static_cast<float>(right) / queries};
}

}  // namespace seedcast
