// The language of catalogue.h's expressions: parsing, checking and canonical spelling.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace seedcast {

// kind(problems..., numbers...): problems come first.
struct Expression {
  std::string kind;
  std::vector<Expression> problems;
  std::vector<double> numbers;  // optional ones are there, with their defaults
};

// INVALID_ARGUMENT says what was expected where. Kind, counts and ranges are checked. `families` are further names, to
// look for what a misspelt one may have meant.
absl::StatusOr<Expression> ParseExpression(absl::string_view text, const std::vector<std::string>& families);

// ParseExpression gives the same Expression for it. Numbers that are at their defaults are left out.
std::string Spell(const Expression& expression);

}  // namespace seedcast
