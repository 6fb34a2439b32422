#include "worker/tasks/episodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "worker/data/glyphs.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;

const Dataset& Glyphs() {
  static const Dataset& dataset = *new Dataset(GenerateGlyphs({.train = 12, .validation = 3, .test = 2}));
  return dataset;
}

absl::Span<const int> CharactersOf(Split split) { return Glyphs().CharactersOf(split); }

// What identifies an episode: all choices in order.
std::vector<int> Choices(const EpisodeShape& shape, const PhiloxStream& stream) {
  std::vector<int> choices;
  for (const EpisodeClass& each : DrawEpisode(Glyphs(), CharactersOf(Split::kTrain), shape, stream)) {
    choices.push_back(each.character);
    choices.push_back(each.quarter_turns);
    choices.insert(choices.end(), each.drawings.begin(), each.drawings.end());
  }
  return choices;
}

TEST(EpisodesTest, ClassesAreDistinctAndOfTheSplit) {
  const EpisodeShape shape{.way = 12, .shot = 1, .query = 1};
  for (int episode = 0; episode < 50; ++episode) {
    std::set<std::pair<int, int>> classes;
    for (const EpisodeClass& each : DrawEpisode(Glyphs(), CharactersOf(Split::kValidation), shape,
                                                EvaluationEpisodeStream(1, Split::kValidation, shape, episode))) {
      EXPECT_EQ(Glyphs().split(each.character), Split::kValidation);
      classes.emplace(each.character, each.quarter_turns);
    }
    EXPECT_EQ(classes.size(), 12u);  // all there are: three characters, four turns
  }
}

TEST(EpisodesTest, SupportAndQueriesShareNoDrawing) {
  const EpisodeShape shape{.way = 5, .shot = 5, .query = 15};
  for (int episode = 0; episode < 50; ++episode) {
    for (const EpisodeClass& each :
         DrawEpisode(Glyphs(), CharactersOf(Split::kTrain), shape, TrainingEpisodeStream(1, 0, 0, episode))) {
      EXPECT_EQ(std::set<int>(each.drawings.begin(), each.drawings.end()).size(), 20u);
    }
  }
}

TEST(EpisodesTest, ArePureFunctionsOfTheirPlace) {
  const EpisodeShape shape{.way = 5, .shot = 2, .query = 3};
  EXPECT_EQ(Choices(shape, TrainingEpisodeStream(1, 2, 3, 4)), Choices(shape, TrainingEpisodeStream(1, 2, 3, 4)));
}

TEST(EpisodesTest, OtherPlacesGiveOtherEpisodes) {
  const EpisodeShape shape{.way = 5, .shot = 2, .query = 3};
  const EpisodeShape wider{.way = 6, .shot = 2, .query = 3};
  const PhiloxStream streams[] = {
      TrainingEpisodeStream(1, 0, 0, 0),
      TrainingEpisodeStream(2, 0, 0, 0),
      TrainingEpisodeStream(uint64_t{1} << 32, 0, 0, 0),
      TrainingEpisodeStream(1, 1, 0, 0),
      TrainingEpisodeStream(1, 10'000'000, 0, 0),
      TrainingEpisodeStream(1, 0, 1, 0),
      TrainingEpisodeStream(1, 0, 524'287, 0),
      TrainingEpisodeStream(1, 0, 0, 1),
      TrainingEpisodeStream(1, 0, 0, 999),
      EvaluationEpisodeStream(1, Split::kTrain, shape, 0),
      EvaluationEpisodeStream(1, Split::kTrain, shape, 999'999),
      EvaluationEpisodeStream(1, Split::kTrain, wider, 0),
      EvaluationEpisodeStream(1, Split::kTest, shape, 0),
  };
  std::set<std::vector<int>> episodes;
  for (const PhiloxStream& stream : streams) episodes.insert(Choices(shape, stream));
  EXPECT_EQ(episodes.size(), std::size(streams));
}

TEST(EpisodesTest, ClassesAndDrawingsAreUniform) {
  const EpisodeShape shape{.way = 4, .shot = 1, .query = 1};
  constexpr int kEpisodes = 12'000;
  std::map<std::pair<int, int>, int> classes;
  std::map<int, int> first_drawings;
  for (int episode = 0; episode < kEpisodes; ++episode) {
    for (const EpisodeClass& each :
         DrawEpisode(Glyphs(), CharactersOf(Split::kTrain), shape, TrainingEpisodeStream(5, 0, episode, 0))) {
      ++classes[{each.character, each.quarter_turns}];
      ++first_drawings[each.drawings[0]];
    }
  }
  // 48 classes and 20 drawings; five standard deviations of a binomial count.
  EXPECT_EQ(classes.size(), 48u);
  for (const auto& [key, count] : classes) EXPECT_NEAR(count, 4 * kEpisodes / 48, 155);
  EXPECT_EQ(first_drawings.size(), 20u);
  for (const auto& [drawing, count] : first_drawings) EXPECT_NEAR(count, 4 * kEpisodes / 20, 240);
}

TEST(EpisodesTest, ImagesLieSupportFirstThenQueriesByClass) {
  const EpisodeShape shape{.way = 2, .shot = 1, .query = 2};
  const std::vector<EpisodeClass> classes = {{3, 0, {5, 6, 7}}, {4, 1, {8, 9, 10}}};
  std::vector<uint8_t> pixels(shape.images() * kImagePixels);
  CopyImages(Glyphs(), shape, classes, absl::MakeSpan(pixels));
  const auto expect_image = [&](int at, int character, int turns, int drawing) {
    std::vector<uint8_t> expected(kImagePixels);
    TurnImage(Glyphs().Image(character, drawing), turns, absl::MakeSpan(expected));
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), &pixels[at * kImagePixels])) << at;
  };
  expect_image(0, 3, 0, 5);
  expect_image(1, 4, 1, 8);
  expect_image(2, 3, 0, 6);
  expect_image(3, 3, 0, 7);
  expect_image(4, 4, 1, 9);
  expect_image(5, 4, 1, 10);
}

TEST(EpisodesTest, WhatTheSplitDoesNotHoldIsNamed) {
  struct Case {
    Split split;
    EpisodeShape shape;
    std::string message;  // empty: fine
  };
  const Case cases[] = {
      {Split::kTrain, {48, 10, 10}, ""},
      {Split::kTrain, {2, 19, 1}, ""},
      {Split::kTrain, {49, 1, 1}, "here.way: 49, expected 2 .. 48"},
      {Split::kValidation, {13, 1, 1}, "here.way: 13, expected 2 .. 12"},
      {Split::kTest, {9, 1, 1}, "here.way: 9, expected 2 .. 8"},
      {Split::kTrain, {1, 1, 1}, "here.way: 1, expected 2 .. 48"},
      {Split::kTrain, {-5, 1, 1}, "here.way: -5, expected 2 .. 48"},
      {Split::kTrain, {5, 0, 1}, "here.shot: 0, expected 1 .. 19"},
      {Split::kTrain, {5, 20, 1}, "here.shot: 20, expected 1 .. 19"},
      {Split::kTrain, {5, 1, 0}, "here.query: 0, expected 1 .. 19"},
      {Split::kTrain,
       {5, 5, 16},
       "here.query: 16, expected 1 .. 15, since shot is 5 and each character has 20 drawings"},
      {Split::kTrain, {5, 2, 2147483647}, "here.query: 2147483647, expected 1 .. 18"},
  };
  for (const Case& c : cases) {
    const absl::Status status = CheckEpisodes(Glyphs(), CharactersOf(c.split).size(), c.shape, "here");
    EXPECT_EQ(status.code(), c.message.empty() ? absl::StatusCode::kOk : absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(c.message));
  }
}

}  // namespace
}  // namespace seedcast
