#include "worker/data/omniglot.h"

#include <archive.h>
#include <archive_entry.h>
#include <png.h>

#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"
#include "worker/data/vinyals_split.h"

namespace seedcast {

namespace {

constexpr int kDrawers = 20;
constexpr size_t kMaxScanBytes = 4096;  // the largest of the published ones has 522
constexpr int kMaxEntries = 50'000;     // the larger archive has 20,275

using ArchivePtr = std::unique_ptr<archive, int (*)(archive*)>;

// What an entry's name says.
struct ScanName {
  std::string character;  // "Alphabet/characterNN"
  int drawer;             // 1 .. 20
};

// The drawings of the characters that one archive must hold, and which of them have come.
struct Character {
  Split split;
  uint32_t drawers_seen = 0;                                                    // bit d - 1: drawer d
  std::vector<uint8_t> pixels = std::vector<uint8_t>(kDrawers * kImagePixels);  // (20, 784)
};
using Characters = std::map<std::string, Character, std::less<>>;

std::string CharacterName(absl::string_view alphabet, int number) {
  return absl::StrFormat("%s/character%02d", alphabet, number);
}

Characters ExpectedCharacters(bool evaluation) {
  Characters expected;
  for (const OmniglotAlphabet& alphabet : OmniglotAlphabets()) {
    if (alphabet.evaluation != evaluation) continue;
    for (int c = 1; c <= alphabet.characters; ++c) {
      expected[CharacterName(alphabet.name, c)].split = alphabet.SplitOf(c);
    }
  }
  return expected;
}

// root/Alphabet/characterNN/CCCC_DD.png; nothing for any other name.
std::optional<ScanName> ParseName(absl::string_view root, absl::string_view name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  if (parts.size() != 4 || parts[0] != root) return std::nullopt;
  absl::string_view file = parts[3];
  if (!absl::ConsumeSuffix(&file, ".png")) return std::nullopt;
  const std::pair<absl::string_view, absl::string_view> numbers = absl::StrSplit(file, absl::MaxSplits('_', 1));
  int number, drawer;
  if (!absl::SimpleAtoi(numbers.first, &number) || !absl::SimpleAtoi(numbers.second, &drawer)) return std::nullopt;
  if (drawer < 1 || drawer > kDrawers) return std::nullopt;
  return ScanName{absl::StrCat(parts[1], "/", parts[2]), drawer};
}

// One of the two archives: reads entry after entry into `characters`.
class ScanArchive {
 public:
  ScanArchive(const std::string& path, absl::string_view root)
      : path_(path), root_(root), archive_(archive_read_new(), archive_read_free) {}

  absl::Status ReadInto(Characters* characters) {
    archive_read_support_format_zip(archive_.get());
    if (archive_read_open_filename(archive_.get(), path_.c_str(), 1 << 16) != ARCHIVE_OK)
      return LibraryError("opening it");
    for (int entries = 0;; ++entries) {
      archive_entry* entry = nullptr;
      const int result = archive_read_next_header(archive_.get(), &entry);
      if (result == ARCHIVE_EOF) return CheckComplete(*characters);
      if (result != ARCHIVE_OK) return LibraryError("the next entry");
      if (entries >= kMaxEntries) return Bad(absl::StrCat("more than ", kMaxEntries, " entries"));
      RETURN_IF_ERROR(ReadEntry(entry, characters));
    }
  }

 private:
  absl::Status ReadEntry(archive_entry* entry, Characters* characters) {
    const char* raw_name = archive_entry_pathname(entry);
    if (raw_name == nullptr) return Bad("an entry without a readable name");
    const std::string name = raw_name;
    if (archive_entry_filetype(entry) == AE_IFDIR) return absl::OkStatus();
    const std::optional<ScanName> scan_name = ParseName(root_, name);
    const auto character = scan_name ? characters->find(scan_name->character) : characters->end();
    if (archive_entry_filetype(entry) != AE_IFREG || character == characters->end()) {
      return Bad(absl::StrFormat(
          "unexpected entry '%s', expected %s/<Alphabet>/characterNN/CCCC_DD.png of the data set", Shown(name), root_));
    }
    const uint32_t seen = 1u << (scan_name->drawer - 1);
    if (character->second.drawers_seen & seen) return Bad(absl::StrFormat("entry '%s' is there twice", Shown(name)));
    character->second.drawers_seen |= seen;
    uint8_t* drawing = &character->second.pixels[(scan_name->drawer - 1) * kImagePixels];
    return ReadScan(name, absl::MakeSpan(drawing, kImagePixels));
  }

  absl::Status ReadScan(const std::string& name, absl::Span<uint8_t> drawing) {
    char png[kMaxScanBytes + 1];
    size_t size = 0;
    while (size < sizeof png) {
      const la_ssize_t got = archive_read_data(archive_.get(), png + size, sizeof png - size);
      if (got < 0) return LibraryError(absl::StrCat("entry '", name, "'"));
      if (got == 0) break;
      size += got;
    }
    if (size > kMaxScanBytes) {
      return Bad(absl::StrFormat("entry '%s' has more than %d bytes, too many for a scan", name, kMaxScanBytes));
    }
    uint8_t scan[kScanPixels];
    if (const absl::Status decoded = DecodeScan({png, size}, absl::MakeSpan(scan)); !decoded.ok()) {
      return Bad(absl::StrCat("entry '", name, "': ", decoded.message()));
    }
    Resample(scan, drawing);
    return absl::OkStatus();
  }

  absl::Status CheckComplete(const Characters& characters) const {
    for (const auto& [name, character] : characters) {
      const int drawings = __builtin_popcount(character.drawers_seen);
      if (drawings == kDrawers) continue;
      return Bad(absl::StrFormat("%s has %d drawings, expected %d", name, drawings, kDrawers));
    }
    return absl::OkStatus();
  }

  // Names come from the archive: bounded, and without control characters, before they reach a terminal.
  static std::string Shown(absl::string_view name) {
    std::string shown(name.substr(0, 120));
    for (char& c : shown) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    }
    return shown;
  }

  absl::Status Bad(absl::string_view what) const { return absl::DataLossError(absl::StrCat(path_, ": ", what)); }

  absl::Status LibraryError(absl::string_view where) const {
    const char* reason = archive_error_string(archive_.get());
    const std::string message = absl::StrCat("at ", where, ": ", reason != nullptr ? reason : "unreadable",
                                             "; expected the Omniglot archive ", root_, ".zip");
    return Bad(message);
  }

  const std::string path_;
  const std::string root_;  // "images_background" or "images_evaluation"
  ArchivePtr archive_;
};

absl::Status ReadArchive(const std::string& path, bool evaluation, Dataset* dataset) {
  Characters characters = ExpectedCharacters(evaluation);
  ScanArchive archive(path, evaluation ? "images_evaluation" : "images_background");
  RETURN_IF_ERROR(archive.ReadInto(&characters));
  for (const OmniglotAlphabet& alphabet : OmniglotAlphabets()) {
    if (alphabet.evaluation != evaluation) continue;
    for (int c = 1; c <= alphabet.characters; ++c) {
      const std::string name = CharacterName(alphabet.name, c);
      const Character& character = characters.at(name);
      dataset->Add(name, character.split, character.pixels);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Dataset> ReadOmniglot(const OmniglotFiles& files) {
  Dataset dataset("Omniglot (1623 characters, Vinyals split)", kDrawers);
  RETURN_IF_ERROR(ReadArchive(files.background, false, &dataset));
  RETURN_IF_ERROR(ReadArchive(files.evaluation, true, &dataset));
  return dataset;
}

absl::Status DecodeScan(absl::string_view png, absl::Span<uint8_t> scan) {
  // libpng's simplified interface: reports through `image` and never jumps over our frames.
  png_image image;
  std::memset(&image, 0, sizeof image);
  image.version = PNG_IMAGE_VERSION;
  if (!png_image_begin_read_from_memory(&image, png.data(), png.size())) {
    return absl::InvalidArgumentError(absl::StrCat("no readable PNG (", image.message, ")"));
  }
  if (image.width != kScanSide || image.height != kScanSide || image.format != PNG_FORMAT_GRAY) {
    const std::string found = absl::StrFormat("%dx%d%s", image.width, image.height,
                                              image.format == PNG_FORMAT_GRAY ? "" : " with colour or transparency");
    png_image_free(&image);
    return absl::InvalidArgumentError(absl::StrCat("PNG of ", found, ", expected 105x105 in grey"));
  }
  uint8_t grey[kScanPixels];
  if (!png_image_finish_read(&image, nullptr, grey, kScanSide, nullptr)) {
    return absl::InvalidArgumentError(absl::StrCat("damaged PNG (", image.message, ")"));
  }
  for (int i = 0; i < kScanPixels; ++i) scan[i] = grey[i] < 128;
  return absl::OkStatus();
}

}  // namespace seedcast
