#include "worker/tasks/episodes.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/noise/noise.h"

namespace seedcast {
namespace {

constexpr int kMaxWay = 100;
constexpr uint32_t kDomain = static_cast<uint32_t>(NoiseDomain::kEpisode);

absl::Status OutOfRange(absl::string_view path, absl::string_view field, int value, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrFormat("%s.%s: %d, expected %s", path, field, value, expected));
}

// The first `count` of a random permutation of 0 .. total - 1.
std::vector<int> DrawDistinct(int total, int count, PhiloxStream& stream) {
  std::vector<int> numbers(total);
  std::iota(numbers.begin(), numbers.end(), 0);
  for (int i = 0; i < count; ++i) std::swap(numbers[i], numbers[i + stream.Below(total - i)]);
  numbers.resize(count);
  return numbers;
}

}  // namespace

PhiloxStream TrainingEpisodeStream(uint64_t seed, int64_t generation, int64_t pair, int episode) {
  return PhiloxStream(seed, static_cast<uint32_t>(pair), static_cast<uint32_t>(generation),
                      kDomain + (static_cast<uint32_t>(episode) << 12));
}

PhiloxStream EvaluationEpisodeStream(uint64_t seed, Split split, const EpisodeShape& shape, int episode) {
  const uint32_t packed = static_cast<uint32_t>(shape.way) | static_cast<uint32_t>(shape.shot) << 8 |
                          static_cast<uint32_t>(shape.query) << 16 | static_cast<uint32_t>(split) << 24;
  return PhiloxStream(seed, static_cast<uint32_t>(episode), packed, kDomain + (1u << 8));
}

absl::Status CheckEpisodes(const Dataset& dataset, size_t characters, const EpisodeShape& shape,
                           absl::string_view path) {
  const int classes = kTurns * static_cast<int>(characters);
  const int most_ways = std::min(kMaxWay, classes);
  if (shape.way < 2 || shape.way > most_ways) {
    return OutOfRange(path, "way", shape.way, absl::StrFormat("2 .. %d", most_ways));
  }
  const int most_shots = dataset.drawings() - 1;
  if (shape.shot < 1 || shape.shot > most_shots) {
    return OutOfRange(path, "shot", shape.shot, absl::StrFormat("1 .. %d", most_shots));
  }
  const int most_queries = dataset.drawings() - shape.shot;
  if (shape.query < 1 || shape.query > most_queries) {
    return OutOfRange(path, "query", shape.query,
                      absl::StrFormat("1 .. %d, since shot is %d and each character has %d drawings", most_queries,
                                      shape.shot, dataset.drawings()));
  }
  return absl::OkStatus();
}

std::vector<EpisodeClass> DrawEpisode(const Dataset& dataset, absl::Span<const int> characters,
                                      const EpisodeShape& shape, PhiloxStream stream) {
  const uint32_t classes = kTurns * static_cast<uint32_t>(characters.size());
  // A class that is there already is drawn again: `way` is small against the number of classes.
  std::vector<uint32_t> chosen;
  while (static_cast<int>(chosen.size()) < shape.way) {
    const uint32_t next = stream.Below(classes);
    if (std::find(chosen.begin(), chosen.end(), next) == chosen.end()) chosen.push_back(next);
  }
  std::vector<EpisodeClass> episode;
  for (const uint32_t number : chosen) {
    episode.push_back({characters[number / kTurns], static_cast<int>(number % kTurns),
                       DrawDistinct(dataset.drawings(), shape.shot + shape.query, stream)});
  }
  return episode;
}

void CopyImages(const Dataset& dataset, const EpisodeShape& shape, absl::Span<const EpisodeClass> classes,
                absl::Span<uint8_t> pixels) {
  const auto copy = [&](const EpisodeClass& from, int drawing, size_t to) {
    TurnImage(dataset.Image(from.character, from.drawings[drawing]), from.quarter_turns,
              pixels.subspan(to * kImagePixels, kImagePixels));
  };
  size_t image = 0;
  for (const EpisodeClass& each : classes) {
    for (int i = 0; i < shape.shot; ++i) copy(each, i, image++);
  }
  for (const EpisodeClass& each : classes) {
    for (int i = 0; i < shape.query; ++i) copy(each, shape.shot + i, image++);
  }
}

}  // namespace seedcast
