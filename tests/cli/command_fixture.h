// Runs `seedcast` commands in this process on a store of their own.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "cli/app.h"
#include "tests/testing/temporary_directory.h"

namespace seedcast {

struct CommandResult {
  int code;
  std::string out;
  std::string err;
};

class CommandTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_ / name; }

  // A small job: 20 generations, done in a moment.
  std::string SphereJob() const {
    std::ofstream(Path("sphere.yaml")) << "name: sphere\n"
                                          "sphere: {dimension: 40, fitness_noise: 0.01}\n"
                                          "strategy: {population_size: 8}\n"
                                          "generations: 20\n"
                                          "snapshot_every: 5\n"
                                          "validation: {every: 10, episodes: {episodes: 4}}\n";
    return Path("sphere.yaml");
  }

  // `environment`: "NAME=value".
  static CommandResult Command(const std::vector<std::string>& arguments, std::vector<const char*> environment = {}) {
    std::ostringstream out, err;
    Console console{out, err};
    environment.push_back(nullptr);
    const int code = RunApp(arguments, environment.data(), console);
    return {code, out.str(), err.str()};
  }

  // The same with the test's store.
  CommandResult OnStore(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--store", Path("store")});
    return Command(arguments);
  }

  // That `json` is one line of JSON of which the Python expression `condition` about `j` is true.
  void ExpectJson(const std::string& json, const std::string& condition) const {
    EXPECT_EQ(std::count(json.begin(), json.end(), '\n'), 1) << json;
    if (std::system("/usr/bin/python3 -c '' 2>/dev/null") != 0) return;
    std::ofstream(Path("out.json")) << json;
    std::ofstream(Path("check.py")) << "import json, sys\nj = json.load(open(sys.argv[1]))\nassert " << condition
                                    << ", j\n";
    EXPECT_EQ(std::system(("/usr/bin/python3 " + Path("check.py") + " " + Path("out.json")).c_str()), 0)
        << condition << "\n"
        << json;
  }

  const TemporaryDirectory folder_;
};

// The value behind `"key": ` in JSON, up to the next comma or brace; quotes removed.
inline std::string JsonField(const std::string& json, const std::string& key) {
  const size_t begin = json.find("\"" + key + "\": ");
  if (begin == std::string::npos) return "";
  const size_t value = begin + key.size() + 4;
  std::string text = json.substr(value, json.find_first_of(",}\n", value) - value);
  std::erase(text, '"');
  return text;
}

}  // namespace seedcast
