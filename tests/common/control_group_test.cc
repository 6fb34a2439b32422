#include "common/control_group.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "tests/testing/temporary_directory.h"

namespace seedcast {
namespace {

class ControlGroupTest : public ::testing::Test {
 protected:
  // A line each.
  void Write(const std::string& directory, const std::map<std::string, std::string>& files) {
    std::filesystem::create_directories(root_ / directory);
    for (const auto& [name, text] : files) std::ofstream(root_ / (directory + "/" + name)) << text << "\n";
  }
  // What /proc says that the process is in.
  void WriteMembership(const std::string& groups) { Write("proc/self", {{"cgroup", groups}}); }
  ControlGroup Read() const { return ReadControlGroup(root_.path()); }

  TemporaryDirectory root_;
};

TEST_F(ControlGroupTest, WithoutAnyThereIsNoLimit) {
  const ControlGroup group = Read();
  EXPECT_EQ(group.cpu_quota, 0);
  EXPECT_EQ(group.memory_max, 0);
}

TEST_F(ControlGroupTest, TheMemoryThatCanBeUsedIsTheLessOfMachineAndLimit) {
  const int64_t machine = UsableMemory(root_.path());
  EXPECT_GT(machine, int64_t{64} << 20);
  WriteMembership("0::/");
  Write("sys/fs/cgroup", {{"memory.max", "1000000"}});
  EXPECT_EQ(UsableMemory(root_.path()), 1000000);
  Write("sys/fs/cgroup", {{"memory.max", std::to_string(machine + 1)}});
  EXPECT_EQ(UsableMemory(root_.path()), machine);
}

TEST(UsableCoresTest, AreThoseThatAQuotaFeeds) {
  const struct {
    int cores;
    double quota;
    int usable;
  } cases[] = {{64, 0, 64}, {64, 2, 2}, {64, 1.5, 2}, {64, 0.25, 1}, {4, 8, 4}, {1, 0, 1}, {0, 0, 1}};
  for (const auto& c : cases) EXPECT_EQ(UsableCores(c.cores, c.quota), c.usable) << c.cores << " cores, " << c.quota;
}

TEST_F(ControlGroupTest, OfVersion2TheTightestAboveTheProcessHolds) {
  WriteMembership("0::/system.slice/worker.service");
  Write("sys/fs/cgroup/system.slice/worker.service", {{"cpu.max", "max 100000"},
                                                      {"memory.max", "1000000"},
                                                      {"memory.current", "300000"},
                                                      {"memory.stat", "anon 7\ninactive_file 100000\nfile 9"}});
  Write("sys/fs/cgroup/system.slice", {{"cpu.max", "150000 100000"}, {"memory.max", "2000000"}});
  Write("sys/fs/cgroup", {{"cpu.max", "400000 100000"}});
  const ControlGroup group = Read();
  EXPECT_EQ(group.cpu_quota, 1.5);
  EXPECT_EQ(group.memory_max, 1000000);
  EXPECT_EQ(group.memory_used, 200000);
}

TEST_F(ControlGroupTest, InAContainerTheMountIsItsOwnGroup) {
  Write("sys/fs/cgroup", {{"cpu.max", "50000 100000"}});
  for (const char* membership : {"0::/", "0::/path/of/the/host"}) {
    WriteMembership(membership);
    EXPECT_EQ(Read().cpu_quota, 0.5) << membership;
  }
}

TEST_F(ControlGroupTest, OfVersion1EachControllerHasItsOwnTree) {
  WriteMembership("4:memory:/a\n1:cpu,cpuacct:/a/b\n0::/\nnonsense");
  Write("sys/fs/cgroup/cpu,cpuacct/a/b", {{"cpu.cfs_quota_us", "-1"}});
  Write("sys/fs/cgroup/cpu,cpuacct/a", {{"cpu.cfs_quota_us", "200000"}, {"cpu.cfs_period_us", "100000"}});
  Write("sys/fs/cgroup/memory/a", {{"memory.limit_in_bytes", "5000"}, {"memory.usage_in_bytes", "4000"}});
  Write("sys/fs/cgroup/memory", {{"memory.limit_in_bytes", "9223372036854771712"}});
  const ControlGroup group = Read();
  EXPECT_EQ(group.cpu_quota, 2);
  EXPECT_EQ(group.memory_max, 5000);
  EXPECT_EQ(group.memory_used, 4000);
}

}  // namespace
}  // namespace seedcast
