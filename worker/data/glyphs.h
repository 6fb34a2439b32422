// Generated characters: random strokes, drawn by several drawers each with a hand of their own. A real few-shot task
// that needs no data, the same on every machine: integers only, from the Philox stream.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "worker/data/dataset.h"

namespace seedcast {

struct GlyphOptions {
  uint64_t seed = 1;
  int train = 600;  // characters of each split
  int validation = 100;
  int test = 200;
  int drawers = 20;  // drawings of each character, 1 .. 255
};

Dataset GenerateGlyphs(const GlyphOptions& options);

// Digest of GenerateGlyphs({}).
inline constexpr absl::string_view kGlyphsDigest = "a7aa73bf98673a31c4bcfb33e1d271f6149a1a31f9ebf3b0cc76c66cdc81bb70";

}  // namespace seedcast
