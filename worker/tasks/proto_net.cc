#include "worker/tasks/proto_net.h"

#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/spec/resolve.h"
#include "common/status_macros.h"
#include "worker/data/glyphs.h"
#include "worker/tasks/episodes.h"
#include "worker/tasks/prototypes.h"

namespace seedcast {
namespace {

absl::StatusOr<Split> SplitOf(v1::EvaluationSpec::Split split) {
  switch (split) {
    case v1::EvaluationSpec::TRAIN:
      return Split::kTrain;
    case v1::EvaluationSpec::VALIDATION:
      return Split::kValidation;
    case v1::EvaluationSpec::TEST:
      return Split::kTest;
    default:
      return absl::InvalidArgumentError(absl::StrFormat("split: %d, expected TRAIN, VALIDATION or TEST", split));
  }
}

EpisodeShape ShapeOf(const v1::EvaluationSpec& spec) { return {spec.way(), spec.shot(), spec.query()}; }

// What evaluators share with their task; constant after construction.
struct Setting {
  uint64_t seed;
  EpisodeShape training;
  int episodes_per_pair;
  bool statistics_from_support;
  ConvNetShape network;
  std::vector<int> training_characters;
  std::shared_ptr<const Dataset> dataset;
  const ConvNetKernels* kernels;
  bool in_place_of_omniglot;  // the data set: AUTO found no better
};

// Buffers for episodes of one shape.
class Workspace {
 public:
  Workspace(const Setting& setting, const EpisodeShape& shape)
      : shape_(shape),
        pixels_(static_cast<size_t>(shape.images()) * kImagePixels),
        embeddings_(static_cast<size_t>(shape.images()) * setting.network.embedding_size()),
        head_(shape, setting.network.embedding_size()) {}

  const EpisodeShape& shape() const { return shape_; }

  void Show(const Setting& setting, absl::Span<const int> characters, const PhiloxStream& stream, ConvNet* network) {
    const std::vector<EpisodeClass> classes = DrawEpisode(*setting.dataset, characters, shape_, stream);
    CopyImages(*setting.dataset, shape_, classes, absl::MakeSpan(pixels_));
    network->SetImages(pixels_, shape_.images(),
                       setting.statistics_from_support ? shape_.support_images() : shape_.images());
  }

  EpisodeMetrics Measure(absl::Span<const float> theta, ConvNet* network) {
    network->Embed(theta, absl::MakeSpan(embeddings_));
    return head_.Measure(embeddings_);
  }

  int64_t Bytes() const {
    return static_cast<int64_t>(pixels_.size() + sizeof(float) * embeddings_.size()) + head_.ScratchBytes();
  }

 private:
  EpisodeShape shape_;
  std::vector<uint8_t> pixels_;    // (images, 784)
  std::vector<float> embeddings_;  // (images, embedding_size)
  PrototypeHead head_;
};

class ProtoNetEvaluator : public Evaluator {
 public:
  explicit ProtoNetEvaluator(std::shared_ptr<const Setting> setting)
      : setting_(std::move(setting)),
        network_(setting_->kernels->make(setting_->network)),
        training_(*setting_, setting_->training) {}

  absl::StatusOr<float> Evaluate(absl::Span<const float> theta, const EpisodeKey& key) override {
    RETURN_IF_ERROR(CheckTheta(theta));
    float sum = 0;
    for (int episode = 0; episode < setting_->episodes_per_pair; ++episode) {
      ShowTraining({key.generation, key.pair, episode});
      sum += training_.Measure(theta, network_.get()).fitness;
    }
    return sum / static_cast<float>(setting_->episodes_per_pair);
  }

  absl::StatusOr<EpisodeMetrics> Measure(absl::Span<const float> theta, const v1::EvaluationSpec& spec,
                                         int32_t episode) override {
    RETURN_IF_ERROR(CheckTheta(theta));
    ASSIGN_OR_RETURN(const Split split, SplitOf(spec.split()));
    const EpisodeShape shape = ShapeOf(spec);
    const absl::Span<const int> characters = setting_->dataset->CharactersOf(split);
    RETURN_IF_ERROR(CheckEpisodes(*setting_->dataset, characters.size(), shape, "evaluation"));
    if (!measuring_ || std::tie(measuring_->shape().way, measuring_->shape().shot, measuring_->shape().query) !=
                           std::tie(shape.way, shape.shot, shape.query)) {
      measuring_.emplace(*setting_, shape);
    }
    shown_.reset();
    measuring_->Show(*setting_, characters, EvaluationEpisodeStream(setting_->seed, split, shape, episode),
                     network_.get());
    return measuring_->Measure(theta, network_.get());
  }

  int64_t ScratchBytes() const override {
    return network_->ScratchBytes() + training_.Bytes() + (measuring_ ? measuring_->Bytes() : 0);
  }

 private:
  using TrainingKey = std::tuple<int64_t, int64_t, int>;  // generation, pair, episode

  // The second member of a pair finds the images of the first in place when the pair has one episode.
  void ShowTraining(const TrainingKey& key) {
    if (shown_ == key) return;
    const auto& [generation, pair, episode] = key;
    training_.Show(*setting_, setting_->training_characters,
                   TrainingEpisodeStream(setting_->seed, generation, pair, episode), network_.get());
    shown_ = key;
  }

  absl::Status CheckTheta(absl::Span<const float> theta) const {
    const int64_t expected = setting_->network.num_parameters();
    if (static_cast<int64_t>(theta.size()) == expected) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrFormat("theta has %d parameters, expected %d", theta.size(), expected));
  }

  const std::shared_ptr<const Setting> setting_;
  const std::unique_ptr<ConvNet> network_;
  Workspace training_;
  std::optional<Workspace> measuring_;  // made at the first Measure
  std::optional<TrainingKey> shown_;    // the training episode that network_ holds
};

class ProtoNetTask : public Task {
 public:
  explicit ProtoNetTask(std::shared_ptr<const Setting> setting) : setting_(std::move(setting)) {}

  int64_t num_parameters() const override { return setting_->network.num_parameters(); }
  std::vector<float> InitialTheta() const override { return InitialConvNetTheta(setting_->network, setting_->seed); }
  std::unique_ptr<Evaluator> NewEvaluator() const override { return std::make_unique<ProtoNetEvaluator>(setting_); }

  absl::Status CheckEvaluation(const v1::EvaluationSpec& spec) const override {
    ASSIGN_OR_RETURN(const Split split, SplitOf(spec.split()));
    return CheckEpisodes(*setting_->dataset, setting_->dataset->CharactersOf(split).size(), ShapeOf(spec),
                         "evaluation");
  }

  std::string Description() const override {
    return absl::StrFormat("%s%s, conv%d-%s, %s parameters, statistics from %s", setting_->dataset->title(),
                           setting_->in_place_of_omniglot ? " for want of Omniglot" : "", setting_->network.blocks(),
                           Filters(), Grouped(num_parameters()),
                           setting_->statistics_from_support ? "support" : "the whole episode");
  }

 private:
  // "64" where all blocks are alike, else "16/32/32/64".
  std::string Filters() const {
    const std::vector<int>& filters = setting_->network.filters;
    const bool alike = setting_->network == ConvNetShape::Uniform(filters[0], setting_->network.blocks());
    return alike ? absl::StrCat(filters[0]) : absl::StrJoin(filters, "/");
  }

  // 111680 -> "111,680"
  static std::string Grouped(int64_t number) {
    std::string digits = absl::StrFormat("%d", number);
    for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) digits.insert(at, ",");
    return digits;
  }

  const std::shared_ptr<const Setting> setting_;
};

// Those of the training split, then those of the validation split where the job trains on both.
std::vector<int> TrainingCharacters(const v1::ProtoNetTask& task, const Dataset& dataset) {
  const absl::Span<const int> train = dataset.CharactersOf(Split::kTrain);
  std::vector<int> characters(train.begin(), train.end());
  if (task.characters() == v1::ProtoNetTask::TRAIN_AND_VALIDATION) {
    const absl::Span<const int> validation = dataset.CharactersOf(Split::kValidation);
    characters.insert(characters.end(), validation.begin(), validation.end());
  }
  return characters;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Task>> MakeProtoNetTask(const v1::JobSpec& spec, std::shared_ptr<const Dataset> dataset,
                                                       const ConvNetKernels& kernels) {
  const v1::ProtoNetTask& task = spec.proto_net();
  const EpisodeShape training{task.way(), task.shot(), task.query()};
  std::vector<int> characters = TrainingCharacters(task, *dataset);
  RETURN_IF_ERROR(CheckEpisodes(*dataset, characters.size(), training, "proto_net"));
  if (spec.validation().every() > 0) {
    RETURN_IF_ERROR(CheckEpisodes(*dataset, dataset->CharactersOf(Split::kValidation).size(),
                                  ShapeOf(spec.validation().episodes()), "validation.episodes"));
  }
  const bool in_place_of_omniglot = task.dataset() == v1::ProtoNetTask::AUTO && task.dataset_digest() == kGlyphsDigest;
  auto setting = std::make_shared<const Setting>(Setting{
      spec.seed(), training, task.episodes_per_pair(), task.statistics() != v1::ProtoNetTask::EPISODE,
      ConvNetShape{FiltersOfBlocks(task)}, std::move(characters), std::move(dataset), &kernels, in_place_of_omniglot});
  return std::make_unique<ProtoNetTask>(std::move(setting));
}

}  // namespace seedcast
