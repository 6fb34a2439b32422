#include "common/config/help.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace seedcast {
namespace {

// CLI11 says "INT:INT in [1 - 4096]" of an integer with a range.
struct ValueKind {
  std::string name;   // "INT"
  std::string range;  // "1 - 4096", or the words that there are; empty when there is none
};

ValueKind KindOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t colon = type.find(':');
  if (colon == std::string::npos || absl::StartsWith(type, "[")) return {type, ""};
  const std::string name = type.substr(0, colon), check = type.substr(colon + 1);
  if (check == "POSITIVE") return {name, "at least 1"};
  if (check == "NONNEGATIVE") return {name, "at least 0"};
  if (absl::StartsWith(check, "{"))
    return {name, absl::StrReplaceAll(check.substr(1, check.size() - 2), {{",", ", "}})};
  const size_t begin = check.find(" in [");
  if (begin == std::string::npos) return {name, ""};
  return {name, check.substr(begin + 5, check.size() - begin - 6)};
}

class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(28); }

  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_type_size() == 0 || option->get_positional()) return "";
    return " " + KindOf(*option).name;
  }

  std::string make_option_desc(const CLI::Option* option) const override {
    const std::string& description = option->get_description();
    std::vector<std::string> more;
    if (option->get_required() && !option->get_positional()) more.emplace_back("required");
    const std::string range = KindOf(*option).range;
    if (!range.empty() && !option->get_positional()) more.push_back(range);
    if (!option->get_default_str().empty() && !absl::StrContains(description, "default")) {
      more.push_back(absl::StrCat("default ", option->get_default_str()));
    }
    return more.empty() ? description : absl::StrCat(description, " [", absl::StrJoin(more, ", "), "]");
  }
};

}  // namespace

void UseHelpStyle(CLI::App* app) {
  app->formatter(std::make_shared<HelpFormatter>());
  app->set_help_flag("-h,--help", "Print this help and exit");
}

}  // namespace seedcast
