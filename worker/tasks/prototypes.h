// The head of a Prototypical Network (Snell et al. 2017, equations 1 and 2): class means of the support embeddings,
// squared Euclidean distances, softmax over minus the distances.
//
// float32, every operation rounded on its own, in this order (the specification of class F32):
//   prototype[c][d] = (x_0[d] + x_1[d] + ...) * (1 / shot), support images in order
//   distance[q][c]  = the sum of t*t for t = x_q[d] - prototype[c][d], d ascending, from 0
//   z_c = -distance[q][c];  m = the largest z;  s = Exp(z_0 - m) + Exp(z_1 - m) + ...
//   loss[q] = Log(s) - (z_y - m);  fitness = -(loss[0] + loss[1] + ...) / queries
// A query is right when no class is nearer than its own and none as near has a lower number.
#pragma once

#include <vector>

#include "absl/types/span.h"
#include "worker/tasks/episodes.h"
#include "worker/tasks/task.h"

namespace seedcast {

class PrototypeHead {
 public:
  PrototypeHead(const EpisodeShape& shape, int embedding_size);

  // embeddings: (images, embedding_size), in the order of CopyImages. The fitness is NaN where a distance is not
  // finite.
  EpisodeMetrics Measure(absl::Span<const float> embeddings);

  int64_t ScratchBytes() const { return sizeof(float) * (prototypes_.size() + distances_.size()); }

 private:
  void ComputePrototypes(absl::Span<const float> support);
  void ComputeDistances(absl::Span<const float> queries);

  const EpisodeShape shape_;
  const int size_;                 // of an embedding
  const int stride_;               // way, rounded up to whole vectors
  std::vector<float> prototypes_;  // (embedding_size, stride): lanes are classes, so no sum crosses lanes
  std::vector<float> distances_;   // (queries, stride)
};

}  // namespace seedcast
