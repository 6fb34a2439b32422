// Format of the artifact, little-endian:
//
//   magic       16 bytes, "seedcast-data 1\n"
//   counts      u32 characters, u32 drawings, u32 length of the title
//   title       bytes
//   characters  each: u8 split (0 train, 1 validation, 2 test), u8 length of the name, name
//   images      character-major, each: 98 bytes, bit b of byte k = "pixel 8k + b is not 0", then those pixels (1 ..
//   225)
//
// Most of a drawing is paper: Omniglot takes a third of its 25 MB in this form.
#include "worker/data/dataset.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace seedcast {
namespace {

constexpr absl::string_view kMagic = "seedcast-data 1\n";
constexpr int kMaskBytes = kImagePixels / 8;
static_assert(kMaskBytes * 8 == kImagePixels);
constexpr uint32_t kMaxCharacters = 100'000;
constexpr uint32_t kMaxTitle = 1000;

void AppendU32(uint32_t value, std::string* bytes) {
  bytes->append(reinterpret_cast<const char*>(&value), sizeof value);
}

void AppendImage(absl::Span<const uint8_t> image, std::string* bytes) {
  uint8_t mask[kMaskBytes] = {};
  for (int i = 0; i < kImagePixels; ++i) mask[i / 8] |= (image[i] != 0) << (i % 8);
  bytes->append(reinterpret_cast<const char*>(mask), kMaskBytes);
  for (const uint8_t pixel : image) {
    if (pixel != 0) bytes->push_back(static_cast<char>(pixel));
  }
}

// Reads what Append* wrote; after the end every read fails.
class Reader {
 public:
  explicit Reader(absl::string_view bytes) : rest_(bytes), size_(bytes.size()) {}

  absl::StatusOr<absl::string_view> Take(size_t count, absl::string_view what) {
    if (count > rest_.size()) {
      return Damaged(absl::StrCat("ends inside ", what, ": ", count, " bytes expected, ", rest_.size(), " left"));
    }
    const absl::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  absl::StatusOr<uint32_t> U32(uint32_t least, uint32_t most, absl::string_view what) {
    ASSIGN_OR_RETURN(const absl::string_view bytes, Take(4, what));
    uint32_t value;
    std::memcpy(&value, bytes.data(), 4);
    if (value < least || value > most) {
      return Damaged(absl::StrCat(what, " is ", value, ", expected ", least, " .. ", most));
    }
    return value;
  }

  absl::Status Image(uint8_t* image) {
    ASSIGN_OR_RETURN(const absl::string_view mask, Take(kMaskBytes, "an image's mask"));
    for (int k = 0; k < kMaskBytes; ++k) {
      unsigned bits = static_cast<uint8_t>(mask[k]);
      if (static_cast<int>(rest_.size()) < std::popcount(bits)) return Damaged("ends inside an image's pixels");
      for (; bits != 0; bits &= bits - 1) {
        const uint8_t pixel = rest_.front();
        rest_.remove_prefix(1);
        if (pixel == 0 || pixel > kPixelMax) return Damaged(absl::StrCat("pixel is ", pixel, ", expected 1 .. 225"));
        image[8 * k + std::countr_zero(bits)] = pixel;
      }
    }
    return absl::OkStatus();
  }

  absl::Status End() {
    return rest_.empty() ? absl::OkStatus() : Damaged(absl::StrCat(rest_.size(), " bytes too many"));
  }

  absl::Status Damaged(absl::string_view what) const {
    return absl::DataLossError(absl::StrCat("data set, byte ", size_ - rest_.size(), ": ", what));
  }

 private:
  absl::string_view rest_;
  size_t size_;
};

struct CharacterHeader {
  std::string name;
  Split split;
};

absl::StatusOr<CharacterHeader> ReadCharacter(Reader* reader) {
  ASSIGN_OR_RETURN(const absl::string_view head, reader->Take(2, "a character"));
  const uint8_t split = head[0];
  if (split >= kSplits) return reader->Damaged(absl::StrCat("split is ", split, ", expected 0 .. 2"));
  ASSIGN_OR_RETURN(const absl::string_view name, reader->Take(static_cast<uint8_t>(head[1]), "a character's name"));
  return CharacterHeader{std::string(name), static_cast<Split>(split)};
}

// Ink under each of the 28 output positions of one line of 105 values. Output i covers [15i, 15i + 15) and value j
// [4j, 4j + 4), in quarter units; each sum is the difference of the ink to the left of its two ends.
template <typename Value>
void ResampleLine(const Value* line, int stride, int* sums) {
  int whole = 0, j = 0;  // ink of values 0 .. j - 1
  int left = 0;
  for (int i = 0; i < kImageSide; ++i) {
    const int end = 15 * (i + 1);
    for (; j < end / 4; ++j) whole += 4 * line[j * stride];
    const int right = whole + (end % 4 != 0 ? end % 4 * line[j * stride] : 0);
    sums[i] = right - left;
    left = right;
  }
}

}  // namespace

void Dataset::Add(std::string name, Split split, absl::Span<const uint8_t> pixels) {
  assert(name.size() <= 255 && pixels.size() == static_cast<size_t>(drawings_) * kImagePixels);
  members_[static_cast<int>(split)].push_back(characters());
  names_.push_back(std::move(name));
  splits_.push_back(split);
  pixels_.insert(pixels_.end(), pixels.begin(), pixels.end());
}

std::string Dataset::Serialize() const {
  std::string bytes(kMagic);
  bytes.reserve(pixels_.size() / 2);
  AppendU32(characters(), &bytes);
  AppendU32(drawings_, &bytes);
  AppendU32(title_.size(), &bytes);
  bytes += title_;
  for (int c = 0; c < characters(); ++c) {
    bytes.push_back(static_cast<char>(splits_[c]));
    bytes.push_back(static_cast<char>(names_[c].size()));
    bytes += names_[c];
  }
  for (int c = 0; c < characters(); ++c) {
    for (int d = 0; d < drawings_; ++d) AppendImage(Image(c, d), &bytes);
  }
  return bytes;
}

absl::StatusOr<Dataset> Dataset::Parse(absl::string_view bytes) {
  Reader reader(bytes);
  ASSIGN_OR_RETURN(const absl::string_view magic, reader.Take(kMagic.size(), "the magic"));
  if (magic != kMagic) return reader.Damaged("this is no data set of version 1");
  ASSIGN_OR_RETURN(const uint32_t characters, reader.U32(1, kMaxCharacters, "number of characters"));
  ASSIGN_OR_RETURN(const uint32_t drawings, reader.U32(1, 255, "number of drawings"));
  ASSIGN_OR_RETURN(const uint32_t title_size, reader.U32(1, kMaxTitle, "length of the title"));
  ASSIGN_OR_RETURN(const absl::string_view title, reader.Take(title_size, "the title"));
  // Every image takes at least its mask, so this bounds what is allocated by eight times the bytes that are there.
  if (uint64_t{characters} * drawings * kMaskBytes > bytes.size()) {
    return reader.Damaged(absl::StrCat(bytes.size(), " bytes cannot hold ", characters, " x ", drawings, " images"));
  }
  std::vector<CharacterHeader> headers;
  for (uint32_t c = 0; c < characters; ++c) {
    ASSIGN_OR_RETURN(CharacterHeader header, ReadCharacter(&reader));
    headers.push_back(std::move(header));
  }
  Dataset dataset{std::string(title), static_cast<int>(drawings)};
  dataset.pixels_.reserve(size_t{characters} * drawings * kImagePixels);
  std::vector<uint8_t> pixels(size_t{drawings} * kImagePixels);
  for (CharacterHeader& header : headers) {
    std::fill(pixels.begin(), pixels.end(), 0);
    for (uint32_t d = 0; d < drawings; ++d) RETURN_IF_ERROR(reader.Image(&pixels[size_t{d} * kImagePixels]));
    dataset.Add(std::move(header.name), header.split, pixels);
  }
  RETURN_IF_ERROR(reader.End());
  return dataset;
}

void TurnImage(absl::Span<const uint8_t> image, int quarter_turns, absl::Span<uint8_t> turned) {
  constexpr int kLast = kImageSide - 1;
  for (int y = 0; y < kImageSide; ++y) {
    uint8_t* row = &turned[y * kImageSide];
    switch (quarter_turns) {
      case 0:
        std::copy_n(&image[y * kImageSide], kImageSide, row);
        break;
      case 1:
        for (int x = 0; x < kImageSide; ++x) row[x] = image[x * kImageSide + kLast - y];
        break;
      case 2:
        std::reverse_copy(&image[(kLast - y) * kImageSide], &image[(kLast - y) * kImageSide] + kImageSide, row);
        break;
      default:
        for (int x = 0; x < kImageSide; ++x) row[x] = image[(kLast - x) * kImageSide + y];
    }
  }
}

void Resample(absl::Span<const uint8_t> scan, absl::Span<uint8_t> drawing) {
  int rows[kScanSide * kImageSide];  // (105, 28)
  for (int y = 0; y < kScanSide; ++y) ResampleLine(&scan[y * kScanSide], 1, &rows[y * kImageSide]);
  for (int x = 0; x < kImageSide; ++x) {
    int column[kImageSide];
    ResampleLine(&rows[x], kImageSide, column);
    for (int y = 0; y < kImageSide; ++y) drawing[y * kImageSide + x] = static_cast<uint8_t>(column[y]);
  }
}

}  // namespace seedcast
