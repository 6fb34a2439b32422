#include "worker/data/artifacts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <filesystem>
#include <string>

#include "common/digest.h"
#include "tests/testing/temporary_directory.h"
#include "tests/worker/data/write_file.h"
#include "worker/data/files.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;

TEST(ArtifactStoreTest, GivesBackWhatWasPut) {
  const TemporaryDirectory directory;
  const std::string digest = ArtifactStore(directory / "deep/artifacts").Put("bytes");
  EXPECT_EQ(digest, ToHex(Sha256Of("bytes")));
  const ArtifactStore later(directory / "deep/artifacts");
  EXPECT_TRUE(later.Has(digest));
  EXPECT_EQ(*later.Get(digest), "bytes");
}

TEST(ArtifactStoreTest, LeavesNoTemporaryFiles) {
  const TemporaryDirectory directory;
  ArtifactStore store(directory.path());
  store.Put("a");
  store.Put("b");
  store.Put("a");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 2);
}

TEST(ArtifactStoreTest, UnknownDigestIsNotFound) {
  const TemporaryDirectory directory;
  const ArtifactStore store(directory.path());
  for (const std::string& digest : {std::string(64, 'a'), std::string("../../etc/passwd"), std::string()}) {
    EXPECT_EQ(store.Get(digest).status().code(), absl::StatusCode::kNotFound) << digest;
    EXPECT_FALSE(store.Has(digest));
  }
}

TEST(ArtifactStoreTest, DamageIsDetectedAndMended) {
  const TemporaryDirectory directory;
  ArtifactStore store(directory.path());
  const std::string digest = store.Put("some bytes");
  for (const std::string damaged : {"some bytez", "some byte", "", "some bytes and more"}) {
    WriteFile(directory / digest, damaged);
    const auto got = store.Get(digest);
    EXPECT_EQ(got.status().code(), absl::StatusCode::kDataLoss) << damaged;
    EXPECT_THAT(got.status().message(), HasSubstr(digest));
    EXPECT_FALSE(store.Has(digest));
    WriteFile(directory / digest, damaged);
    EXPECT_EQ(store.Put("some bytes"), digest);
    EXPECT_EQ(*store.Get(digest), "some bytes");
  }
}

TEST(ArtifactStoreTest, KeepsInMemoryWhatCannotBeWritten) {
  const TemporaryDirectory directory;
  WriteFile(directory / "file", "");  // where a directory is needed; root writes anywhere, so permissions will not do
  ArtifactStore store(directory / "file");
  const std::string digest = store.Put("bytes");
  EXPECT_TRUE(store.Has(digest));
  EXPECT_EQ(*store.Get(digest), "bytes");
}

TEST(ArtifactStoreTest, KeepsInMemoryWhatDoesNotFit) {
  const TemporaryDirectory directory;
  ArtifactStore store(directory.path());
  const std::string bytes(100'000, 'x');
  // A limit on the size of files stands for a full disk: the write fails half-way.
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{.rlim_cur = 50'000, .rlim_max = before.rlim_max};
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string digest = store.Put(bytes);
  const absl::Status written = WriteWholeFile(directory / "other", bytes);
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);

  EXPECT_EQ(*store.Get(digest), bytes);
  EXPECT_EQ(written.code(), absl::StatusCode::kResourceExhausted) << written;
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(ArtifactStoreTest, WithoutADirectoryKeepsEverythingInMemory) {
  ArtifactStore store("");
  const std::string digest = store.Put("bytes");
  EXPECT_EQ(*store.Get(digest), "bytes");
  EXPECT_EQ(store.Get(std::string(64, '0')).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(store.Has(std::string(64, '0')));
  EXPECT_FALSE(store.Remember("name", digest).ok());
  EXPECT_FALSE(store.Find("name").ok());
}

TEST(ArtifactStoreTest, RemembersNames) {
  const TemporaryDirectory directory;
  ArtifactStore store(directory.path());
  EXPECT_EQ(store.Find("name").status().code(), absl::StatusCode::kNotFound);
  const std::string digest = store.Put("bytes");
  ASSERT_TRUE(store.Remember("name", digest).ok());
  EXPECT_EQ(*store.Find("name"), digest);
  EXPECT_FALSE(store.Remember("name", "no digest").ok());
  EXPECT_EQ(*store.Find("name"), digest);
}

}  // namespace
}  // namespace seedcast
