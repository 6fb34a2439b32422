// Omniglot (Lake, Salakhutdinov, Tenenbaum, 2015) from its two official zips, or from zips with the same content.
//
// The archives are read as hostile input: names, counts and sizes are checked before anything is allocated for them.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/data/dataset.h"

namespace seedcast {

struct OmniglotFiles {
  std::string background;  // path of images_background.zip
  std::string evaluation;  // path of images_evaluation.zip
};

inline constexpr char kBackgroundZip[] = "images_background.zip";
inline constexpr char kEvaluationZip[] = "images_evaluation.zip";

// Digest of the decoded set, whichever way the zips were packed.
inline constexpr absl::string_view kOmniglotDigest = "ca4f5acfe339692bbd1723ae17a22c71a5b59195ec8d1162a8cdb1a0e7939285";

// All 1623 x 20 drawings. DATA_LOSS names the file, the entry and what was expected.
// Whether the pixels are those of the published set is for the caller to see from the digest.
absl::StatusOr<Dataset> ReadOmniglot(const OmniglotFiles& files);

// One scan, 105x105 in 1-bit grey: (105 * 105) bytes, 1 where there is ink. INVALID_ARGUMENT for anything else.
absl::Status DecodeScan(absl::string_view png, absl::Span<uint8_t> scan);

}  // namespace seedcast
