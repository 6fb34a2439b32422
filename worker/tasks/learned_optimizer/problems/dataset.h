// Labelled samples, and the generators of the published meta-training set.
#pragma once

#include <cstdint>
#include <vector>

#include "common/noise/philox.h"

namespace seedcast {

inline constexpr int kSamples = 1000;  // of every classification problem of the published set

struct Dataset {
  int samples = 0;
  int num_features = 0;
  std::vector<float> features = {};  // (samples, num_features)
  std::vector<uint8_t> labels = {};  // (samples), 0 or 1; empty for data without classes

  const float* row(int sample) const { return &features[int64_t{sample} * num_features]; }
  int64_t Bytes() const { return static_cast<int64_t>(features.size() * sizeof(float) + labels.size()); }
};

// Two classes of two clusters each, after Guyon's MADELON (NIPS 2003): centroids are distinct corners of a cube of side
// 2 * separation, points N(0, I) times a matrix of a cluster's own, uniform in (-1, 1); one label in 100 is drawn
// again. num_features >= 2. Samples stay in the order of their clusters: batches are shuffled anyhow.
Dataset MakeClusters(int num_features, double separation, PhiloxStream& random);

// N(0, I) points labelled by whether the first output of a random network of 6 ReLU layers of 20 units is positive.
// Every layer's weights have variance 2 / num_features, as published. Classes may be very uneven.
Dataset MakeNetworkLabels(int num_features, PhiloxStream& random);

// Features are how often each of 2 ids stands among 5; the label is the parity of the ids' sum, wrong once in 4 times.
Dataset MakeNoisyParity(int samples, PhiloxStream& random);

// Features 0 or 1; no classes.
Dataset MakeBinary(int num_features, int samples, PhiloxStream& random);

// N(0, I) points, and the same with the sign turned; `samples` is even. No classes.
Dataset MakeSymmetric(int num_features, int samples, PhiloxStream& random);

}  // namespace seedcast
