// What the SQLite store keeps when the disk fails, fills up, or loses its power: at every single operation.
#include <gtest/gtest.h>

#include <memory>

#include "coordinator/store/sqlite_store.h"
#include "tests/coordinator/store/fault_disk.h"
#include "tests/coordinator/store/store_story.h"
#include "tests/testing/temporary_directory.h"

namespace seedcast {
namespace {

using Loss = FaultDisk::Loss;

class SqliteFaultsTest : public ::testing::Test {
 protected:
  std::unique_ptr<Store> Open(FaultDisk& disk) {
    auto store = OpenSqliteStore(directory_.path(), disk.vfs_name());
    return store.ok() ? *std::move(store) : nullptr;
  }

  // Tells the story until something fails; the number of generations acknowledged, -1 when not even the job was.
  int64_t TellUntilFailure(FaultDisk& disk, const StoreStory& story, int64_t generations) {
    const std::unique_ptr<Store> store = Open(disk);
    if (store == nullptr || !story.CreateJob(*store).ok()) return -1;
    for (int64_t g = 0; g < generations; ++g) {
      if (!story.Append(*store, g).ok()) return g;
    }
    return generations;
  }

  // The power fails at operation n: afterwards everything acknowledged is there, and at most the one append under way.
  // Returns false once n is beyond the story's end.
  bool SurvivesPowerCut(const StoreStory& story, int64_t generations, int64_t n, Loss loss) {
    FaultDisk disk;
    disk.FailFrom(n, SQLITE_IOERR);
    const int64_t acknowledged = TellUntilFailure(disk, story, generations);
    const bool reached = disk.operations() >= n;
    disk.PowerCut(loss, static_cast<uint32_t>(n));
    disk.Heal();
    const std::unique_ptr<Store> store = Open(disk);
    EXPECT_NE(store, nullptr) << "cannot be opened again";
    if (store == nullptr) return false;
    const int64_t found = story.Check(*store);
    EXPECT_GE(found, acknowledged);
    EXPECT_LE(found, acknowledged + 1);
    return reached;
  }

  TemporaryDirectory directory_;  // the database itself is on the FaultDisk
};

TEST_F(SqliteFaultsTest, KeepsWhatItAcknowledgedWhenThePowerFailsAtAnyOperation) {
  const StoreStory story(/*snapshot_bytes=*/5000);
  int64_t cuts = 0;
  for (const Loss loss : {Loss::kNothing, Loss::kUnsynced, Loss::kSomeSectors}) {
    for (int64_t n = 1; SurvivesPowerCut(story, 6, n, loss); ++n, ++cuts) {
      ASSERT_FALSE(HasFailure()) << "power cut at operation " << n << ", loss " << static_cast<int>(loss);
    }
  }
  EXPECT_GT(cuts, 150);
}

// Large enough for a checkpoint and a reset of the write-ahead log on the way.
TEST_F(SqliteFaultsTest, KeepsWhatItAcknowledgedAroundCheckpoints) {
  const StoreStory story(/*snapshot_bytes=*/1'000'000);
  for (const Loss loss : {Loss::kUnsynced, Loss::kSomeSectors}) {
    for (int64_t n = 1; SurvivesPowerCut(story, 12, n, loss); n += 307) {
      ASSERT_FALSE(HasFailure()) << "power cut at operation " << n << ", loss " << static_cast<int>(loss);
    }
  }
}

TEST_F(SqliteFaultsTest, OneFailedOperationLosesNothingAndLeavesTheStoreUsable) {
  const StoreStory story(/*snapshot_bytes=*/5000);
  for (const int code : {SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC}) {
    bool reached = true;
    for (int64_t n = 1; reached; ++n) {
      FaultDisk disk;
      disk.FailOnce(n, code);
      std::unique_ptr<Store> store = Open(disk);
      if (store == nullptr) store = Open(disk);
      ASSERT_NE(store, nullptr) << n;
      ASSERT_TRUE(story.CreateJob(*store).ok() || story.CreateJob(*store).ok()) << "operation " << n;
      for (int64_t g = 0; g < 4; ++g) {
        ASSERT_TRUE(story.Append(*store, g).ok() || story.Append(*store, g).ok()) << "operation " << n;
      }
      reached = disk.operations() >= n;
      EXPECT_EQ(story.Check(*store), 4) << n;
      store.reset();
      store = Open(disk);
      ASSERT_NE(store, nullptr) << n;
      EXPECT_EQ(story.Check(*store), 4) << "operation " << n;
    }
  }
}

TEST_F(SqliteFaultsTest, AFullDiskIsResourceExhaustedAndGoesOnOnceThereIsRoom) {
  const StoreStory story(/*snapshot_bytes=*/50'000);
  FaultDisk disk;
  const std::unique_ptr<Store> store = Open(disk);
  ASSERT_NE(store, nullptr);
  ASSERT_TRUE(story.CreateJob(*store).ok());
  disk.SetCapacity(400'000);
  int64_t next = 0;
  absl::Status status;
  while ((status = story.Append(*store, next)).ok()) ++next;
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(story.Append(*store, next).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(story.Check(*store), next);
  disk.SetCapacity(INT64_MAX);
  EXPECT_TRUE(story.Append(*store, next).ok());
  EXPECT_EQ(story.Check(*store), next + 1);
}

}  // namespace
}  // namespace seedcast
