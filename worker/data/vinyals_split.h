// What Omniglot consists of, and the character split that few-shot papers use.
#pragma once

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/data/dataset.h"

namespace seedcast {

struct OmniglotAlphabet {
  absl::string_view name;
  int characters;     // numbered from 1
  bool evaluation;    // in images_evaluation.zip, else in images_background.zip
  Split split;        // of its characters ...
  int test_from = 0;  // ... but those from this number on, unless 0, belong to the test split

  Split SplitOf(int character) const { return test_from != 0 && character >= test_from ? Split::kTest : split; }
};

// The 50 alphabets, 964 + 659 characters, in order of archive and name.
absl::Span<const OmniglotAlphabet> OmniglotAlphabets();

}  // namespace seedcast
