#include "cli/npz.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/testing/read_text.h"
#include "tests/testing/temporary_directory.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;

class NpzTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_ / name; }

  const TemporaryDirectory folder_;
  const std::vector<float> values_ = {1, 2, 3, 4, 5, -0.5f};
};

TEST_F(NpzTest, IsReadBackByNumpy) {
  if (std::system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") != 0) GTEST_SKIP() << "no python3 with numpy here";
  const std::vector<Tensor> tensors = {
      {"block1.weight", {1, 2, 3}, values_}, {"beta", {2}, absl::MakeSpan(values_).subspan(4, 2)}, {"empty", {0}, {}}};
  ASSERT_TRUE(WriteNpz(Path("m.npz"), tensors, R"({"job_id": "a-1"})").ok());
  std::ofstream(Path("check.py")) << R"(
import json, sys, numpy as np
f = np.load(sys.argv[1])
assert sorted(f.files) == ["beta", "block1.weight", "empty", "metadata.json"], f.files
w = f["block1.weight"]
assert w.dtype == np.float32 and w.shape == (1, 2, 3) and w.tolist() == [[[1, 2, 3], [4, 5, -0.5]]], w
assert f["beta"].tolist() == [5, -0.5] and f["empty"].shape == (0,)
assert json.loads(f["metadata.json"])["job_id"] == "a-1"
)";
  EXPECT_EQ(std::system(("/usr/bin/python3 " + Path("check.py") + " " + Path("m.npz")).c_str()), 0);
}

TEST_F(NpzTest, SameModelGivesTheSameBytes) {
  const std::vector<Tensor> tensors = {{"theta", {6}, values_}};
  ASSERT_TRUE(WriteNpz(Path("a.npz"), tensors, "{}").ok());
  ASSERT_TRUE(WriteNpz(Path("b.npz"), tensors, "{}").ok());
  EXPECT_EQ(ReadText(Path("a.npz")), ReadText(Path("b.npz")));
}

TEST_F(NpzTest, ValuesBeginAtAMultipleOf64InTheirEntry) {
  const std::vector<Tensor> tensors = {{"theta", {6}, values_}};
  ASSERT_TRUE(WriteNpz(Path("a.npz"), tensors, "{}").ok());
  const std::string bytes = ReadText(Path("a.npz"));
  const size_t npy = bytes.find("\x93NUMPY");
  const size_t header_end = bytes.find('\n', npy);
  ASSERT_NE(header_end, std::string::npos);
  EXPECT_EQ((header_end + 1 - npy) % 64, 0u);
}

TEST_F(NpzTest, FailureNamesThePathAndLeavesNothingBehind) {
  const absl::Status status = WriteNpz(Path("no/such/folder/m.npz"), {}, "{}");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no/such/folder/m.npz"));
  std::filesystem::create_directories(Path("taken.npz/x"));
  EXPECT_FALSE(WriteNpz(Path("taken.npz"), {}, "{}").ok());
  EXPECT_FALSE(std::filesystem::exists(Path("taken.npz.partial")));
}

TEST_F(NpzTest, FullDiskIsReportedAndNoFileIsLeft) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  std::filesystem::create_symlink("/dev/full", Path("m.npz.partial"));
  const absl::Status status = WriteNpz(Path("m.npz"), {{"theta", {6}, values_}}, "{}");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_FALSE(std::filesystem::exists(Path("m.npz")));
}

}  // namespace
}  // namespace seedcast
