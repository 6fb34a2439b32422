#include "worker/tasks/prototypes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "common/math/elementary.h"
#include "common/noise/philox.h"

namespace seedcast {
namespace {

// Embeddings that keep classes apart a little: shape is (images, size).
std::vector<float> RandomEmbeddings(const EpisodeShape& shape, int size, float separation) {
  PhiloxStream stream(11, shape.way, size, 0);
  std::vector<float> centres(shape.way * size);
  for (float& value : centres) value = separation * (stream.Uniform() - 0.5f);
  std::vector<float> embeddings;
  const auto append = [&](int label) {
    for (int d = 0; d < size; ++d) embeddings.push_back(centres[label * size + d] + stream.Uniform());
  };
  for (int i = 0; i < shape.support_images(); ++i) append(i / shape.shot);
  for (int i = 0; i < shape.query_images(); ++i) append(i / shape.query);
  return embeddings;
}

std::vector<double> NaivePrototypes(const EpisodeShape& shape, int size, const std::vector<float>& embeddings) {
  std::vector<double> prototypes(shape.way * size);
  for (int i = 0; i < shape.support_images(); ++i) {
    for (int d = 0; d < size; ++d)
      prototypes[i / shape.shot * size + d] += embeddings[i * size + d] / double(shape.shot);
  }
  return prototypes;
}

// The paper's equations in double, with libm.
EpisodeMetrics Naive(const EpisodeShape& shape, int size, const std::vector<float>& embeddings) {
  const std::vector<double> prototypes = NaivePrototypes(shape, size, embeddings);
  double loss = 0, right = 0;
  for (int q = 0; q < shape.query_images(); ++q) {
    std::vector<double> distances(shape.way);
    for (int c = 0; c < shape.way; ++c) {
      for (int d = 0; d < size; ++d) {
        distances[c] += std::pow(embeddings[(shape.support_images() + q) * size + d] - prototypes[c * size + d], 2);
      }
    }
    const double nearest = *std::min_element(distances.begin(), distances.end());
    double sum = 0;
    for (const double distance : distances) sum += std::exp(nearest - distance);
    const int label = q / shape.query;
    loss += distances[label] - nearest + std::log(sum);
    right += distances[label] == nearest;
  }
  return {static_cast<float>(-loss / shape.query_images()), static_cast<float>(right / shape.query_images())};
}

TEST(PrototypeHeadTest, AgreesWithTheEquationsInDouble) {
  for (const EpisodeShape shape : {EpisodeShape{2, 1, 1}, EpisodeShape{5, 5, 15}, EpisodeShape{16, 1, 2},
                                   EpisodeShape{17, 3, 2}, EpisodeShape{20, 1, 2}, EpisodeShape{100, 1, 1}}) {
    for (const int size : {1, 16, 64, 147}) {
      for (const float separation : {0.0f, 1.0f}) {
        const std::vector<float> embeddings = RandomEmbeddings(shape, size, separation);
        const EpisodeMetrics got = PrototypeHead(shape, size).Measure(embeddings);
        const EpisodeMetrics expected = Naive(shape, size, embeddings);
        EXPECT_NEAR(got.fitness, expected.fitness, 1e-5 * size) << shape.way << " " << size;
        // A tie within rounding may fall either way.
        EXPECT_NEAR(got.accuracy, expected.accuracy, 1.01f / shape.query_images()) << shape.way << " " << size;
      }
    }
  }
}

TEST(PrototypeHeadTest, HasTheBitsOfTheDocumentedOrder) {
  const EpisodeShape shape{.way = 3, .shot = 3, .query = 2};
  constexpr int kSize = 33;
  const std::vector<float> x = RandomEmbeddings(shape, kSize, 1);
  float loss = 0;
  for (int q = 0; q < shape.query_images(); ++q) {
    float z[3], sum = 0;
    for (int c = 0; c < 3; ++c) {
      float distance = 0;
      for (int d = 0; d < kSize; ++d) {
        const float* support = &x[3 * c * kSize + d];
        const float prototype = (support[0] + support[kSize] + support[2 * kSize]) * (1.0f / 3.0f);
        const float t = x[(9 + q) * kSize + d] - prototype;
        distance += t * t;
      }
      z[c] = -distance;
    }
    const float largest = *std::max_element(z, z + 3);
    for (const float value : z) sum += Exp(value - largest);
    loss += Log(sum) - (z[q / 2] - largest);
  }
  EXPECT_EQ(PrototypeHead(shape, kSize).Measure(x).fitness, -loss / 6.0f);
}

TEST(PrototypeHeadTest, TiesGoToTheLowestClass) {
  const EpisodeShape shape{.way = 4, .shot = 1, .query = 1};
  const std::vector<float> equal(shape.images() * 8, 0.5f);
  const EpisodeMetrics metrics = PrototypeHead(shape, 8).Measure(equal);
  EXPECT_FLOAT_EQ(metrics.accuracy, 0.25f);  // only class 0's query is right
  EXPECT_NEAR(metrics.fitness, -std::log(4.0), 1e-6);
}

TEST(PrototypeHeadTest, NotFiniteEmbeddingsGiveNaN) {
  const EpisodeShape shape{.way = 4, .shot = 2, .query = 2};
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1e30f}) {
    for (const int at : {0, 8 * 8 + 3, shape.images() * 8 - 1}) {
      std::vector<float> embeddings = RandomEmbeddings(shape, 8, 1);
      embeddings[at] = bad;
      EXPECT_TRUE(std::isnan(PrototypeHead(shape, 8).Measure(embeddings).fitness)) << bad << " at " << at;
    }
  }
}

}  // namespace
}  // namespace seedcast
