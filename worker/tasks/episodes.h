// Which images an episode shows: pure functions of the job's seed and of the episode's place in the run.
//
// Numbers come from the Philox stream (common/noise/philox.h) with counter words
//   training    {., pair, generation, kEpisode + 2^12 * episode}
//   evaluation  {., episode, way + 2^8 * shot + 2^16 * query + 2^24 * split, kEpisode + 2^8}
// so that streams differ wherever the keys do. A class is (character, quarter turns).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/noise/philox.h"
#include "worker/data/dataset.h"

namespace seedcast {

inline constexpr int kTurns = 4;  // classes per character

struct EpisodeShape {
  int way;    // classes, 2 .. 100
  int shot;   // support images per class, 1 .. 19
  int query;  // query images per class, 1 .. 19

  int support_images() const { return way * shot; }
  int query_images() const { return way * query; }
  int images() const { return support_images() + query_images(); }
};

struct EpisodeClass {
  int character;  // in the Dataset
  int quarter_turns;
  std::vector<int> drawings;  // (shot + query), distinct; support first
};

// Generation 0 .. 2^32 - 1, pair 0 .. 2^32 - 1, episode (within the pair) 0 .. 2^20 - 1.
PhiloxStream TrainingEpisodeStream(uint64_t seed, int64_t generation, int64_t pair, int episode);
PhiloxStream EvaluationEpisodeStream(uint64_t seed, Split split, const EpisodeShape& shape, int episode);

// INVALID_ARGUMENT, with `path` in front, when so many characters of the data set do not make such an episode.
absl::Status CheckEpisodes(const Dataset& dataset, size_t characters, const EpisodeShape& shape,
                           absl::string_view path);

// `way` distinct classes of these characters, each with shot + query distinct drawings; every choice is uniform.
std::vector<EpisodeClass> DrawEpisode(const Dataset& dataset, absl::Span<const int> characters,
                                      const EpisodeShape& shape, PhiloxStream stream);

// pixels: (images, 784). First the support images, class after class, then the queries, class after class.
void CopyImages(const Dataset& dataset, const EpisodeShape& shape, absl::Span<const EpisodeClass> classes,
                absl::Span<uint8_t> pixels);

}  // namespace seedcast
