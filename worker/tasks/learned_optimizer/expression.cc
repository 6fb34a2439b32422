#include "worker/tasks/learned_optimizer/expression.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"

namespace seedcast {
namespace {

constexpr int kMostParameters = 4096;  // of quadratic(n): its matrix takes 64 MiB
constexpr int kMostSamples = 10000;
constexpr int kMostUnits = 1024;
constexpr int kMostPixels = 32;  // along a side
constexpr int kMostFilters = 64;
constexpr int kMostParts = 32;   // of a sum
constexpr int kMostLayers = 16;  // hidden ones
constexpr int kMostNesting = 8;

struct Argument {
  const char* name;
  double low;
  double high;
  bool whole = true;
  bool optional = false;
  double default_value = 0;
};

struct Kind {
  const char* name;
  int least_problems = 0;
  int most_problems = 0;
  std::vector<Argument> numbers = {};
  int repeated = -1;  // index of the number that may stand 1 .. kMostLayers times
};

const std::vector<Kind>& Kinds() {
  const Argument n{"n", 1, kMostParameters};
  const Argument samples{"samples", 1, kMostSamples};
  const Argument batch{"batch", 1, kMostSamples};
  const Argument batch_of_1000{"batch", 1, 1000};
  const Argument separation{"separation", 0.01, 100, false};
  const std::vector<Argument> convnet = {
      {"size", 2, kMostPixels}, separation, {"filters", 1, kMostFilters}, batch_of_1000};
  static const auto* kinds = new std::vector<Kind>{
      {"quadratic", 0, 0, {n}},
      {"bowl", 0, 0, {{"condition", 1e-6, 1e6, false}, {"degrees", -360, 360, false, true, 0}}},
      {"norm", 0, 0, {n, {"p", 1, 100, false}}},
      {"matmul", 0, 0, {{"n", 2, 4}, {"k", 4, 64}}},
      {"isotropic_quadratic", 0, 0, {n}},
      {"ackley"},
      {"beale"},
      {"booth"},
      {"branin"},
      {"logsumexp"},
      {"matyas"},
      {"michalewicz"},
      {"rosenbrock"},
      {"styblinski_tang"},
      {"softmax", 0, 0, {{"features", 2, kMostUnits}, separation, batch_of_1000}},
      {"mlp", 0, 0, {{"features", 1, kMostUnits}, {"hidden", 1, kMostUnits}, batch_of_1000}, 1},
      {"convnet_relu", 0, 0, convnet, 2},
      {"convnet_sigmoid", 0, 0, convnet, 2},
      {"sparse_softmax", 0, 0, {samples, batch}},
      {"dependency_chain", 0, 0, {n}},
      {"min_max_well", 0, 0, {n}},
      {"outward_snake", 0, 0, {n, samples, batch}},
      {"projection_quadratic", 0, 0, {n, samples, batch}},
      {"sum_of_quadratics", 0, 0, {n, samples, batch}},
      {"rescale", 1, 1, {{"scale", 1e-6, 1e6, false}}},
      {"log", 1, 1},
      {"sum", 1, kMostParts},
      {"sparse", 1, 1, {{"probability", 0, 1, false, true, 0.99}}},
      {"noisy", 1, 1, {{"stdev", 0, 1e6, false}}},
  };
  return *kinds;
}

const Kind* FindKind(absl::string_view name) {
  for (const Kind& kind : Kinds()) {
    if (name == kind.name) return &kind;
  }
  return nullptr;
}

// Levenshtein's distance.
size_t Distance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

std::string Nearest(absl::string_view name, std::vector<std::string> names) {
  for (const Kind& kind : Kinds()) names.push_back(kind.name);
  return *std::min_element(names.begin(), names.end(), [name](const std::string& a, const std::string& b) {
    return Distance(name, a) < Distance(name, b);
  });
}

// "separation 0.01 .. 100"
std::string Describe(const Argument& argument) {
  return absl::StrCat(argument.name, argument.whole ? " (whole) " : " ", argument.low, " .. ", argument.high);
}

// "softmax(features, separation, batch)", what a kind's calls look like.
std::string Usage(const Kind& kind) {
  std::vector<std::string> arguments;
  if (kind.least_problems > 0) arguments.push_back(kind.most_problems > 1 ? "problem, ..." : "problem");
  for (size_t i = 0; i < kind.numbers.size(); ++i) {
    const Argument& argument = kind.numbers[i];
    const std::string name = absl::StrCat(argument.name, static_cast<int>(i) == kind.repeated ? "..." : "");
    arguments.push_back(argument.optional ? absl::StrCat("[", name, "]") : name);
  }
  return arguments.empty() ? kind.name : absl::StrCat(kind.name, "(", absl::StrJoin(arguments, ", "), ")");
}

bool AltersGradient(const Expression& expression) {
  return expression.kind == "noisy" || expression.kind == "sparse" ||
         std::any_of(expression.problems.begin(), expression.problems.end(), AltersGradient);
}

bool Contains(const Expression& expression, absl::string_view kind) {
  return kind == expression.kind || std::any_of(expression.problems.begin(), expression.problems.end(),
                                                [kind](const Expression& inner) { return Contains(inner, kind); });
}

// What number i of `count` means, where one of the kind's may stand several times.
const Argument& ArgumentOf(const Kind& kind, int i, int count) {
  if (kind.repeated < 0 || i <= kind.repeated) return kind.numbers[i];
  const int after = static_cast<int>(kind.numbers.size()) - (count - i);
  return kind.numbers[std::max(kind.repeated, after)];
}

absl::Status CheckCounts(const Kind& kind, const Expression& expression) {
  const size_t required =
      std::count_if(kind.numbers.begin(), kind.numbers.end(), [](const Argument& a) { return !a.optional; });
  const size_t most = kind.numbers.size() + (kind.repeated < 0 ? 0 : kMostLayers - 1);
  const int problems = static_cast<int>(expression.problems.size());
  if (problems < kind.least_problems || problems > kind.most_problems || expression.numbers.size() < required ||
      expression.numbers.size() > most) {
    return absl::InvalidArgumentError(absl::StrFormat("expected %s, got %d problems and %d numbers", Usage(kind),
                                                      problems, expression.numbers.size()));
  }
  return absl::OkStatus();
}

// What concerns more than one argument.
absl::Status CheckTogether(const Expression& expression) {
  const std::vector<double>& numbers = expression.numbers;
  if (expression.kind == "matmul" &&
      (numbers[1] < numbers[0] * numbers[0] || numbers[1] > numbers[0] * numbers[0] * numbers[0])) {
    return absl::InvalidArgumentError(absl::StrCat("matmul: expected n^2 <= k <= n^3, got k = ", numbers[1]));
  }
  const bool has_samples = expression.kind == "sparse_softmax" || expression.kind == "outward_snake" ||
                           expression.kind == "projection_quadratic" || expression.kind == "sum_of_quadratics";
  if (has_samples && numbers[numbers.size() - 2] < numbers.back()) {
    return absl::InvalidArgumentError(
        absl::StrCat(expression.kind, ": expected batch <= samples, got ", numbers.back()));
  }
  const bool symmetric = expression.kind == "projection_quadratic" || expression.kind == "sum_of_quadratics";
  if (symmetric && std::fmod(numbers[1], 2) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(expression.kind, ": expected an even number of samples, got ", numbers[1]));
  }
  if (expression.kind == "log" && AltersGradient(expression.problems[0])) {
    return absl::InvalidArgumentError("log: noisy and sparse stand outside of it, expected an objective inside");
  }
  if (expression.kind == "log" && Contains(expression, "sum_of_quadratics")) {
    return absl::InvalidArgumentError("log: a mini-batch of sum_of_quadratics may be negative");
  }
  return absl::OkStatus();
}

absl::Status CheckArguments(const Kind& kind, Expression* expression) {
  RETURN_IF_ERROR(CheckCounts(kind, *expression));
  while (expression->numbers.size() < kind.numbers.size()) {
    expression->numbers.push_back(kind.numbers[expression->numbers.size()].default_value);
  }
  const int count = static_cast<int>(expression->numbers.size());
  for (int i = 0; i < count; ++i) {
    const Argument& argument = ArgumentOf(kind, i, count);
    const double value = expression->numbers[i];
    const bool in_range = value >= argument.low && value <= argument.high;
    if (!in_range || (argument.whole && value != std::floor(value))) {
      return absl::InvalidArgumentError(
          absl::StrCat(expression->kind, ": expected ", Describe(argument), ", got ", value));
    }
  }
  return CheckTogether(*expression);
}

class Parser {
 public:
  Parser(absl::string_view text, const std::vector<std::string>& families) : text_(text), families_(families) {}

  absl::StatusOr<Expression> Parse() {
    ASSIGN_OR_RETURN(Expression expression, ParseProblem(0));
    SkipSpaces();
    if (at_ < text_.size()) return Error("expected the end");
    return expression;
  }

 private:
  absl::Status Error(absl::string_view expected) const {
    const std::string got = at_ < text_.size() ? absl::StrCat("'", text_.substr(at_, 1), "'") : "the end";
    return absl::InvalidArgumentError(
        absl::StrFormat("problem '%s': %s at position %d, got %s", text_, expected, at_ + 1, got));
  }
  absl::Status InProblem(const absl::Status& status) const {
    return absl::InvalidArgumentError(absl::StrFormat("problem '%s': %s", text_, status.message()));
  }

  void SkipSpaces() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool Take(char c) {
    SkipSpaces();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  template <typename Accept>
  absl::string_view TakeWhile(const Accept& accept) {
    const size_t first = at_;
    while (at_ < text_.size() && accept(text_[at_])) ++at_;
    return text_.substr(first, at_ - first);
  }
  bool AtName() const { return at_ < text_.size() && std::islower(static_cast<unsigned char>(text_[at_])); }

  absl::StatusOr<Expression> ParseProblem(int depth) {
    SkipSpaces();
    if (!AtName()) return Error("expected a problem's name");
    if (depth == kMostNesting)
      return Error(absl::StrCat("expected at most ", kMostNesting, " problems inside each other"));
    Expression expression;
    expression.kind =
        std::string(TakeWhile([](char c) { return std::islower(static_cast<unsigned char>(c)) || c == '_'; }));
    const Kind* kind = FindKind(expression.kind);
    if (kind == nullptr && std::find(families_.begin(), families_.end(), expression.kind) != families_.end()) {
      return InProblem(absl::InvalidArgumentError(
          absl::StrFormat("'%s' is a family: it stands alone, without arguments", expression.kind)));
    }
    if (kind == nullptr) {
      return InProblem(absl::InvalidArgumentError(absl::StrFormat(
          "unknown name '%s'; did you mean '%s'?", expression.kind, Nearest(expression.kind, families_))));
    }
    if (Take('(')) RETURN_IF_ERROR(ParseArguments(depth, &expression));
    if (const absl::Status checked = CheckArguments(*kind, &expression); !checked.ok()) return InProblem(checked);
    return expression;
  }

  absl::Status ParseArguments(int depth, Expression* expression) {
    do {
      SkipSpaces();
      if (AtName()) {
        if (!expression->numbers.empty()) return Error("expected a number, for problems stand before numbers,");
        ASSIGN_OR_RETURN(Expression inner, ParseProblem(depth + 1));
        expression->problems.push_back(std::move(inner));
      } else {
        double number;
        const size_t first = at_;
        const auto digits = [](char c) {
          return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '+';
        };
        if (!absl::SimpleAtod(TakeWhile(digits), &number) || !std::isfinite(number)) {
          at_ = first;
          return Error("expected a number or a problem");
        }
        expression->numbers.push_back(number);
      }
    } while (Take(','));
    return Take(')') ? absl::OkStatus() : Error("expected ',' or ')'");
  }

  const absl::string_view text_;
  const std::vector<std::string>& families_;
  size_t at_ = 0;
};

// The shortest spelling that gives the same number.
std::string SpellNumber(double number) {
  std::string text;
  for (int precision = 6; precision <= 17; ++precision) {
    text = absl::StrFormat("%.*g", precision, number);
    double read;
    if (absl::SimpleAtod(text, &read) && read == number) break;
  }
  return text;
}

}  // namespace

absl::StatusOr<Expression> ParseExpression(absl::string_view text, const std::vector<std::string>& families) {
  return Parser(text, families).Parse();
}

std::string Spell(const Expression& expression) {
  std::vector<std::string> arguments;
  for (const Expression& inner : expression.problems) arguments.push_back(Spell(inner));
  const Kind& kind = *FindKind(expression.kind);
  size_t count = expression.numbers.size();
  while (count > 0 && kind.repeated < 0 && kind.numbers[count - 1].optional &&
         expression.numbers[count - 1] == kind.numbers[count - 1].default_value) {
    --count;
  }
  for (size_t i = 0; i < count; ++i) arguments.push_back(SpellNumber(expression.numbers[i]));
  return arguments.empty() ? expression.kind : absl::StrCat(expression.kind, "(", absl::StrJoin(arguments, ", "), ")");
}

}  // namespace seedcast
