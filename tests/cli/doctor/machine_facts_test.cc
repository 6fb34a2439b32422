#include "cli/doctor/machine_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/time/clock.h"
#include "tests/testing/temporary_directory.h"
#include "worker/data/omniglot.h"

namespace seedcast {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class MachineFactsTest : public ::testing::Test {
 protected:
  TemporaryDirectory directory_;
};

TEST_F(MachineFactsTest, ReadsTheKernelsFiles) {
  std::filesystem::create_directories(directory_ / "proc/self");
  std::ofstream(directory_ / "proc/cpuinfo")
      << "processor\t: 0\nmodel name\t: Some CPU @ 2: GHz\nflags\t\t: fpu avx2 fma\n"
         "\nprocessor\t: 1\nmodel name\t: Other\nflags\t\t: none\n";
  std::ofstream(directory_ / "proc/meminfo") << "MemTotal:       2000 kB\nMemFree: 1 kB\nMemAvailable:   1000 kB\n";
  const ProcessorFacts processor = LookAtProcessor(directory_.path());
  EXPECT_EQ(processor.model, "Some CPU @ 2: GHz");
  EXPECT_EQ(processor.features, (std::set<std::string>{"fpu", "avx2", "fma"}));
  const MachineFacts machine = LookAtMachine(directory_.path());
  EXPECT_EQ(machine.memory, 2000 * 1024);
  EXPECT_EQ(machine.available, 1000 * 1024);
  EXPECT_GE(machine.cores, 1);
  EXPECT_GT(machine.descriptors, 0);
}

TEST_F(MachineFactsTest, ThisMachineRunsTheTests) {
  const ProcessorFacts processor = LookAtProcessor("");
  EXPECT_THAT(processor.features, Contains("avx2"));
  EXPECT_GT(LookAtMachine("").memory, int64_t{1} << 28);
  const ClockFacts clock = LookAtClock();
  EXPECT_LT(absl::AbsDuration(clock.now - absl::Now()), absl::Minutes(1));
  EXPECT_GT(clock.built, absl::FromCivil(absl::CivilDay(2020, 1, 1), absl::UTCTimeZone()));
  const NumericFacts numeric = LookAtNumericClasses();
  ASSERT_FALSE(numeric.proofs.empty());
  EXPECT_EQ(numeric.proofs[0].digest, numeric.expected_f32);
}

TEST_F(MachineFactsTest, DataIsLookedForWithoutADownload) {
  DataOptions options;
  options.local_directory = directory_ / "data";
  options.cache_directory = directory_ / "cache";
  options.background.url = options.evaluation.url = "http://127.0.0.1:1/nothing-listens-here";
  EXPECT_TRUE(absl::IsNotFound(LookAtData(options).found.status()));
  std::filesystem::create_directory(directory_ / "data");
  std::ofstream(directory_ / "data/" + std::string(kBackgroundZip)) << "damaged";
  std::ofstream(directory_ / "data/" + std::string(kEvaluationZip)) << "damaged";
  EXPECT_TRUE(absl::IsDataLoss(LookAtData(options).found.status())) << LookAtData(options).found.status();
  options.directory = directory_ / "named";
  EXPECT_THAT(std::string(LookAtData(options).found.status().message()), HasSubstr("named: expected"));
}

TEST_F(MachineFactsTest, DirectoriesNeedNotBeThereYet) {
  const DirectoryFacts facts = LookAtDirectory(directory_ / "a/b");
  EXPECT_TRUE(facts.writable.ok()) << facts.writable;
  EXPECT_GT(facts.free_bytes, 0);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "a"));
  std::ofstream(directory_ / "file") << "";
  EXPECT_THAT(std::string(LookAtDirectory(directory_ / "file/b").writable.message()), HasSubstr("Not a directory"));
  EXPECT_FALSE(LookAtDirectory("/proc/b").writable.ok());
}

}  // namespace
}  // namespace seedcast
