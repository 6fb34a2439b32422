// A decoded few-shot data set: characters, each drawn by several people, in three splits.
//
// A drawing is 28x28 bytes, ink coverage 0 .. 225. The classes of an episode are characters turned by 0, 90, 180 or 270
// degrees; turned images are not stored.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/kernels/convnet.h"

namespace seedcast {

enum class Split : uint8_t { kTrain = 0, kValidation = 1, kTest = 2 };
inline constexpr int kSplits = 3;

class Dataset {
 public:
  // title: what people read, e.g. "Omniglot (1623 characters, Vinyals split)". 1 <= drawings <= 255.
  Dataset(std::string title, int drawings) : title_(std::move(title)), drawings_(drawings) {}

  // name: "Alphabet/characterNN", at most 255 bytes; pixels: (drawings, 784).
  void Add(std::string name, Split split, absl::Span<const uint8_t> pixels);

  const std::string& title() const { return title_; }
  int drawings() const { return drawings_; }  // of every character
  int characters() const { return static_cast<int>(names_.size()); }
  const std::string& name(int character) const { return names_[character]; }
  Split split(int character) const { return splits_[character]; }
  // Numbers of the characters of a split, ascending.
  absl::Span<const int> CharactersOf(Split split) const { return members_[static_cast<int>(split)]; }

  // (784) bytes.
  absl::Span<const uint8_t> Image(int character, int drawing) const {
    const size_t number = static_cast<size_t>(character) * drawings_ + drawing;
    return absl::MakeConstSpan(pixels_).subspan(number * kImagePixels, kImagePixels);
  }

  // The artifact's bytes (format: dataset.cc). Equal data sets give equal bytes, so their SHA-256 is the data set's
  // digest.
  std::string Serialize() const;
  // DATA_LOSS for anything that Serialize could not have written; never trusts a size it reads.
  static absl::StatusOr<Dataset> Parse(absl::string_view bytes);

 private:
  std::string title_;
  int drawings_;
  std::vector<std::string> names_;
  std::vector<Split> splits_;
  std::array<std::vector<int>, kSplits> members_;
  std::vector<uint8_t> pixels_;  // (characters, drawings, 784)
};

// `turned` = `image` turned counter-clockwise by quarter_turns * 90 degrees; both (784), not overlapping.
void TurnImage(absl::Span<const uint8_t> image, int quarter_turns, absl::Span<uint8_t> turned);

// Scans are 105x105, ink or paper.
inline constexpr int kScanSide = 105;
inline constexpr int kScanPixels = kScanSide * kScanSide;

// Area resampling of a scan (1 = ink, 0 = paper; (105, 105)) to a drawing: a pixel of the drawing covers 3.75 x 3.75 of
// the scan's, that is 15 x 15 quarter units, so the covered ink is an integer 0 .. 225 and nothing is rounded.
void Resample(absl::Span<const uint8_t> scan, absl::Span<uint8_t> drawing);

}  // namespace seedcast
