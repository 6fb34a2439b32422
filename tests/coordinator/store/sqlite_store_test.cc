#include "coordinator/store/sqlite_store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "coordinator/store/sqlite.h"
#include "coordinator/store/sqlite_schema.h"
#include "tests/coordinator/store/store_contract.h"
#include "tests/coordinator/store/store_story.h"
#include "tests/testing/temporary_directory.h"

namespace seedcast {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// The contract's stores stay until the program ends, then their directories go.
std::unique_ptr<Store> FreshStore() {
  static std::vector<std::unique_ptr<TemporaryDirectory>> directories;
  directories.push_back(std::make_unique<TemporaryDirectory>());
  auto store = OpenSqliteStore(directories.back()->path());
  return store.ok() ? *std::move(store) : nullptr;
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContract, ::testing::Values(FreshStore));

namespace {

class SqliteStoreTest : public ::testing::Test {
 protected:
  std::string Database() const { return directory_ / "seedcast.db"; }

  void TellStory(int64_t generations) {
    auto store = OpenSqliteStore(directory_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE(story_.CreateJob(**store).ok());
    for (int64_t g = 0; g < generations; ++g) ASSERT_TRUE(story_.Append(**store, g).ok());
  }

  void ExecuteSql(const std::string& sql) {
    auto db = SqliteConnection::Open(Database(), nullptr);
    ASSERT_TRUE(db.ok());
    ASSERT_TRUE(db->Execute(sql).ok());
  }

  absl::Status OpenStatus() const { return OpenSqliteStore(directory_.path()).status(); }

  const StoreStory story_{/*snapshot_bytes=*/20'000};
  TemporaryDirectory directory_;
};

TEST_F(SqliteStoreTest, KeepsEverythingOverAReopen) {
  TellStory(9);
  auto store = OpenSqliteStore(directory_.path());
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(story_.Check(**store), 9);
}

TEST_F(SqliteStoreTest, MakesItsDirectory) {
  EXPECT_TRUE(OpenSqliteStore(directory_ / "a/b/c").ok());
  EXPECT_TRUE(std::filesystem::exists(directory_ / "a/b/c/seedcast.db"));
}

TEST_F(SqliteStoreTest, ASecondOpenerIsRefused) {
  const auto store = OpenSqliteStore(directory_.path());
  ASSERT_TRUE(store.ok());
  const pid_t other = fork();  // POSIX locks do not hold within one process
  if (other == 0) {
    const absl::Status status = OpenStatus();
    _exit(status.code() == absl::StatusCode::kFailedPrecondition &&
                  absl::StartsWith(status.message(), "another coordinator holds store " + directory_.path() + ";")
              ? 0
              : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(other, &status, 0), other);
  EXPECT_EQ(status, 0);
}

TEST_F(SqliteStoreTest, ANewerSchemaIsRefused) {
  TellStory(1);
  ExecuteSql("PRAGMA user_version = 99");
  const absl::Status status = OpenStatus();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("version 99"), HasSubstr("up to 2")));
}

TEST_F(SqliteStoreTest, SomebodyElsesDatabaseIsLeftAlone) {
  ExecuteSql("CREATE TABLE recipes (name TEXT)");
  EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kDataLoss);
  ExecuteSql("INSERT INTO recipes VALUES ('soup')");
}

TEST_F(SqliteStoreTest, AFileThatIsNoDatabaseIsDataLoss) {
  std::ofstream(Database()) << std::string(10'000, 'x');
  EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kDataLoss);
}

TEST_F(SqliteStoreTest, APathThatIsAFileIsRefused) {
  std::ofstream(directory_ / "file") << "x";
  EXPECT_FALSE(OpenSqliteStore(directory_ / "file/store").ok());
}

TEST_F(SqliteStoreTest, APathThatCannotBeLookedAtIsRefused) {
  const std::string too_long(300, 'x');
  EXPECT_FALSE(OpenSqliteStore(directory_.path() + "/" + too_long + "/store").ok());
}

// However the file is cut, nothing wrong is ever read: the error is DATA_LOSS, at opening or at reading.
TEST_F(SqliteStoreTest, ACutFileIsDataLossAndNeverWrongData) {
  TellStory(20);
  const auto size = static_cast<int64_t>(std::filesystem::file_size(Database()));
  int64_t refused_at_open = 0;
  for (int64_t cut = size - 1; cut > 0; cut -= cut > size - 5000 ? 501 : 2999) {
    std::filesystem::resize_file(Database(), cut);  // shorter and shorter
    auto store = OpenSqliteStore(directory_.path());
    if (!store.ok()) {
      ++refused_at_open;
      EXPECT_EQ(store.status().code(), absl::StatusCode::kDataLoss) << store.status();
      continue;
    }
    const auto log = (*store)->ReadLog(StoreStory::kJob, 0, 1000, 1000);
    const auto snapshot = (*store)->ReadSnapshot(StoreStory::kJob, 1000);
    for (const absl::Status& status : {log.status(), snapshot.status()}) {
      EXPECT_TRUE(status.ok() || status.code() == absl::StatusCode::kDataLoss) << status;
    }
    EXPECT_TRUE(!log.ok() || log->size() == 20u) << "cut at " << cut;
  }
  EXPECT_GT(refused_at_open, 0);
}

// The child appends and says so; the parent kills it after so many.
TEST_F(SqliteStoreTest, KillAtAnyMomentLeavesAllThatWasAcknowledged) {
  for (const int acknowledgements : {0, 1, 2, 3, 7, 30, 90}) {
    const std::string directory = directory_ / std::to_string(acknowledgements);
    int pipe_fds[2];
    ASSERT_EQ(pipe(pipe_fds), 0);
    const pid_t child = fork();
    if (child == 0) {
      auto store = OpenSqliteStore(directory);
      if (!store.ok() || !story_.CreateJob(**store).ok()) _exit(1);
      for (int64_t g = 0;; ++g) {
        if (write(pipe_fds[1], "", 1) != 1) _exit(1);  // g generations are acknowledged
        if (!story_.Append(**store, g).ok()) _exit(1);
      }
    }
    char byte;
    for (int n = 0; n <= acknowledgements; ++n) ASSERT_EQ(read(pipe_fds[0], &byte, 1), 1);
    ASSERT_EQ(kill(child, SIGKILL), 0);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    auto store = OpenSqliteStore(directory);
    ASSERT_TRUE(store.ok()) << store.status();
    const int64_t found = story_.Check(**store);
    EXPECT_GE(found, acknowledgements);
    EXPECT_TRUE(story_.Append(**store, found).ok()) << "the log goes on where it ended";
  }
}

absl::Status CreateNames(SqliteConnection& db) { return db.Execute("CREATE TABLE names (name TEXT)"); }
absl::Status AddLength(SqliteConnection& db) {
  return db.Execute("ALTER TABLE names ADD COLUMN length INTEGER; UPDATE names SET length = length(name)");
}
absl::Status FailHalfway(SqliteConnection& db) {
  RETURN_IF_ERROR(db.Execute("DELETE FROM names"));
  return absl::InternalError("halfway");
}

int64_t ReadInt(SqliteConnection& db, const std::string& sql) {
  SqliteStatement statement(&db, sql);
  SqliteCursor row = statement.Query();
  EXPECT_TRUE(row.Next().ok()) << sql;
  return row.Int(0);
}

TEST(MigrationTest, BringsAnOlderDatabaseUpStepByStep) {
  auto db = SqliteConnection::Open(":memory:", nullptr);
  ASSERT_TRUE(db.ok());
  ASSERT_TRUE(Migrate(*db, {CreateNames}).ok());
  ASSERT_TRUE(db->Execute("INSERT INTO names VALUES ('sphere')").ok());
  ASSERT_TRUE(Migrate(*db, {CreateNames, AddLength}).ok());
  EXPECT_EQ(ReadInt(*db, "SELECT length FROM names"), 6);
  EXPECT_EQ(ReadInt(*db, "PRAGMA user_version"), 2);
  EXPECT_EQ(Migrate(*db, {CreateNames}).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(MigrationTest, AFailedStepLeavesTheOlderVersion) {
  auto db = SqliteConnection::Open(":memory:", nullptr);
  ASSERT_TRUE(db.ok());
  ASSERT_TRUE(Migrate(*db, {CreateNames}).ok());
  ASSERT_TRUE(db->Execute("INSERT INTO names VALUES ('sphere')").ok());
  EXPECT_EQ(Migrate(*db, {CreateNames, FailHalfway}).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ReadInt(*db, "SELECT count(*) FROM names"), 1);
  EXPECT_EQ(ReadInt(*db, "PRAGMA user_version"), 1);
}

}  // namespace
}  // namespace seedcast
