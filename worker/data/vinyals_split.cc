// The split of Vinyals et al. (Matching Networks, 2016), in the form published with Prototypical Networks
// (https://github.com/jakesnell/prototypical-networks): 1028 characters to train, 172 to validate, 423 to test. It
// follows the alphabets except for the last four characters of Gurmukhi, which are in the test split.
#include "worker/data/vinyals_split.h"

namespace seedcast {

absl::Span<const OmniglotAlphabet> OmniglotAlphabets() {
  static constexpr OmniglotAlphabet kAlphabets[] = {
      {"Alphabet_of_the_Magi", 20, false, Split::kTrain},
      {"Anglo-Saxon_Futhorc", 29, false, Split::kTrain},
      {"Arcadian", 26, false, Split::kTrain},
      {"Armenian", 41, false, Split::kValidation},
      {"Asomtavruli_(Georgian)", 40, false, Split::kTrain},
      {"Balinese", 24, false, Split::kTrain},
      {"Bengali", 46, false, Split::kValidation},
      {"Blackfoot_(Canadian_Aboriginal_Syllabics)", 14, false, Split::kTrain},
      {"Braille", 26, false, Split::kTrain},
      {"Burmese_(Myanmar)", 34, false, Split::kTrain},
      {"Cyrillic", 33, false, Split::kTrain},
      {"Early_Aramaic", 22, false, Split::kValidation},
      {"Futurama", 26, false, Split::kTrain},
      {"Grantha", 43, false, Split::kTrain},
      {"Greek", 24, false, Split::kTrain},
      {"Gujarati", 48, false, Split::kTrain},
      {"Hebrew", 22, false, Split::kValidation},
      {"Inuktitut_(Canadian_Aboriginal_Syllabics)", 16, false, Split::kTrain},
      {"Japanese_(hiragana)", 52, false, Split::kTrain},
      {"Japanese_(katakana)", 47, false, Split::kTrain},
      {"Korean", 40, false, Split::kTrain},
      {"Latin", 26, false, Split::kTrain},
      {"Malay_(Jawi_-_Arabic)", 40, false, Split::kTrain},
      {"Mkhedruli_(Georgian)", 41, false, Split::kValidation},
      {"N_Ko", 33, false, Split::kTrain},
      {"Ojibwe_(Canadian_Aboriginal_Syllabics)", 14, false, Split::kTrain},
      {"Sanskrit", 42, false, Split::kTrain},
      {"Syriac_(Estrangelo)", 23, false, Split::kTrain},
      {"Tagalog", 17, false, Split::kTrain},
      {"Tifinagh", 55, false, Split::kTrain},
      {"Angelic", 20, true, Split::kTrain},
      {"Atemayar_Qelisayer", 26, true, Split::kTrain},
      {"Atlantean", 26, true, Split::kTrain},
      {"Aurek-Besh", 26, true, Split::kTrain},
      {"Avesta", 26, true, Split::kTrain},
      {"Ge_ez", 26, true, Split::kTrain},
      {"Glagolitic", 45, true, Split::kTrain},
      {"Gurmukhi", 45, true, Split::kTrain, 42},
      {"Kannada", 41, true, Split::kTest},
      {"Keble", 26, true, Split::kTest},
      {"Malayalam", 47, true, Split::kTest},
      {"Manipuri", 40, true, Split::kTest},
      {"Mongolian", 30, true, Split::kTest},
      {"Old_Church_Slavonic_(Cyrillic)", 45, true, Split::kTest},
      {"Oriya", 46, true, Split::kTest},
      {"Sylheti", 28, true, Split::kTest},
      {"Syriac_(Serto)", 23, true, Split::kTest},
      {"Tengwar", 25, true, Split::kTest},
      {"Tibetan", 42, true, Split::kTest},
      {"ULOG", 26, true, Split::kTest},
  };
  return kAlphabets;
}

}  // namespace seedcast
