#include "cli/doctor/control_group.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/testing/temporary_directory.h"

namespace seedcast {
namespace {

class ControlGroupTest : public ::testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  ControlGroup Read() const { return ReadControlGroup(root_.path()); }

  TemporaryDirectory root_;
};

TEST_F(ControlGroupTest, WithoutAnyThereIsNoLimit) {
  const ControlGroup group = Read();
  EXPECT_EQ(group.cpu_quota, 0);
  EXPECT_EQ(group.memory_max, 0);
}

TEST_F(ControlGroupTest, OfVersion2TheTightestAboveTheProcessHolds) {
  Write("proc/self/cgroup", "0::/system.slice/worker.service\n");
  Write("sys/fs/cgroup/system.slice/worker.service/cpu.max", "max 100000\n");
  Write("sys/fs/cgroup/system.slice/cpu.max", "150000 100000\n");
  Write("sys/fs/cgroup/cpu.max", "400000 100000\n");
  Write("sys/fs/cgroup/system.slice/worker.service/memory.max", "1000000\n");
  Write("sys/fs/cgroup/system.slice/worker.service/memory.current", "300000\n");
  Write("sys/fs/cgroup/system.slice/worker.service/memory.stat", "anon 7\ninactive_file 100000\nfile 9\n");
  Write("sys/fs/cgroup/system.slice/memory.max", "2000000\n");
  const ControlGroup group = Read();
  EXPECT_EQ(group.cpu_quota, 1.5);
  EXPECT_EQ(group.memory_max, 1000000);
  EXPECT_EQ(group.memory_used, 200000);
}

TEST_F(ControlGroupTest, InAContainerTheMountIsItsOwnGroup) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_EQ(Read().cpu_quota, 0.5);
  Write("proc/self/cgroup", "0::/path/of/the/host\n");
  EXPECT_EQ(Read().cpu_quota, 0.5);
}

TEST_F(ControlGroupTest, OfVersion1EachControllerHasItsOwnTree) {
  Write("proc/self/cgroup", "4:memory:/a\n1:cpu,cpuacct:/a/b\n0::/\nnonsense\n");
  Write("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
  Write("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "200000\n");
  Write("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  Write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "5000\n");
  Write("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "4000\n");
  Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  const ControlGroup group = Read();
  EXPECT_EQ(group.cpu_quota, 2);
  EXPECT_EQ(group.memory_max, 5000);
  EXPECT_EQ(group.memory_used, 4000);
}

}  // namespace
}  // namespace seedcast
