// The real binary: signals, exit codes, and two commands on one store at a time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/time/clock.h"
#include "tests/testing/read_text.h"
#include "tests/testing/silent_server.h"
#include "tests/testing/temporary_directory.h"
#include "worker/kernels/convnet.h"

namespace seedcast {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ProcessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // Those of ctest too: the program takes no SEEDCAST_ name that it does not know.
    for (const char* name : {"SEEDCAST_COORDINATOR", "SEEDCAST_SOURCE_DIR", "SEEDCAST_BINARY_DIR"}) unsetenv(name);
    std::ofstream(Path("job.yaml")) << "name: sphere\n"
                                       "sphere: {dimension: 2000, fitness_noise: 0.01}\n"
                                       "strategy: {population_size: 64}\n"
                                       "generations: 500\n";
  }
  void TearDown() override {
    for (const pid_t pid : children_) kill(pid, SIGKILL);
    // A finding counts in a process that was killed, too. AddressSanitizer and UBSan end the process themselves.
    EXPECT_THAT(Read("run.err"), Not(HasSubstr("WARNING: ThreadSanitizer")));
  }

  std::string Path(const std::string& name) const { return folder_ / name; }
  std::string Read(const std::string& name) const { return ReadText(Path(name)); }

  // Starts the binary on the test's store; its output goes to NAME.out and NAME.err.
  pid_t Start(const std::string& name, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), SEEDCAST_BINARY);
    arguments.insert(arguments.end(), {"--store", Path("store")});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const std::string out = Path(name + ".out"), err = Path(name + ".err");
    const pid_t pid = fork();
    if (pid == 0) {
      if (chdir(folder_.path().c_str()) != 0) _exit(97);  // which has no folder "data"
      if (!freopen(out.c_str(), "w", stdout) || !freopen(err.c_str(), "w", stderr)) _exit(99);
      execv(argv[0], argv.data());
      _exit(98);
    }
    children_.push_back(pid);
    return pid;
  }

  int Wait(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    std::erase(children_, pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  int Run(const std::string& name, const std::vector<std::string>& arguments) { return Wait(Start(name, arguments)); }

  // Asks through the running command's own socket, until the job has made some way.
  bool MakesProgress() {
    for (int i = 0; i < 200; ++i) {
      if (Run("list", {"list"}) == 0 && ::testing::Matches(ContainsRegex(" [1-9][0-9]*/"))(Read("list.out")))
        return true;
      usleep(20'000);
    }
    ADD_FAILURE() << "no progress within the time: " << Read("list.out") << Read("list.err");
    return false;
  }

  bool HasWorker(const std::string& job_id) {
    for (int i = 0; i < 200; ++i) {
      if (Run("show", {"show", job_id}) == 0 && Read("show.out").find("1 with ") != std::string::npos) return true;
      usleep(20'000);
    }
    ADD_FAILURE() << "no worker within the time: " << Read("show.out") << Read("show.err");
    return false;
  }

  // Until the file has `text`, for half a minute.
  bool Says(const std::string& name, const std::string& text) {
    for (int i = 0; i < 1500; ++i) {
      if (Read(name).find(text) != std::string::npos) return true;
      usleep(20'000);
    }
    ADD_FAILURE() << "no '" << text << "' within the time: " << Read(name);
    return false;
  }

  static std::string Digest(const std::string& json) {
    const size_t at = json.find("\"digest\": \"");
    return at == std::string::npos ? "" : json.substr(at + 11, 64);
  }

  const TemporaryDirectory folder_;
  std::vector<pid_t> children_;
};

class SignalTest : public ProcessTest, public ::testing::WithParamInterface<int> {};

TEST_P(SignalTest, KeepsProgressAndResumesToTheSameDigest) {
  const pid_t run = Start("run", {"run", Path("job.yaml")});
  ASSERT_TRUE(MakesProgress());
  kill(run, GetParam());
  EXPECT_EQ(Wait(run), 130);
  EXPECT_THAT(Read("run.err"),
              ContainsRegex("interrupted at generation [0-9]+/500; progress is kept, go on with: seedcast run --resume "
                            "sphere-1 --store "));
  EXPECT_EQ(Read("run.out"), "");
  ASSERT_EQ(Run("resumed", {"run", "--resume", "sphere-1", "--json"}), 0) << Read("resumed.err");
  ASSERT_EQ(Run("whole", {"run", Path("job.yaml"), "--json"}), 0) << Read("whole.err");
  EXPECT_NE(Digest(Read("whole.out")), "");
  EXPECT_EQ(Digest(Read("resumed.out")), Digest(Read("whole.out")));
}

TEST_P(SignalTest, AnEvaluationThatIsCutShortLeavesRunningJobsRunning) {
  ASSERT_EQ(Run("submit", {"submit", Path("job.yaml"), "--set", "sphere.dimension=1000000"}), 0) << Read("submit.err");
  const pid_t evaluate = Start("run", {"evaluate", "sphere-1", "--episodes", "1000000"});
  ASSERT_TRUE(Says("run.err", "evaluating · episode"));
  kill(evaluate, GetParam());
  EXPECT_EQ(Wait(evaluate), 130) << Read("run.err");
  ASSERT_EQ(Run("list", {"list"}), 0) << Read("list.err");
  EXPECT_THAT(Read("list.out"), ContainsRegex("sphere-1 +RUNNING +sphere +0/500"));
}

TEST_P(SignalTest, EndsTheTestsAtTheEndAndKeepsTheJob) {
  std::ofstream(Path("glyphs.yaml")) << "name: glyphs\n"
                                        "proto_net: {dataset: GLYPHS, way: 5, filters: 16}\n"
                                        "strategy: {population_size: 2}\n"
                                        "validation: {every: 0}\n"
                                        "generations: 1\n";
  const pid_t run = Start("run", {"run", Path("glyphs.yaml"), "--test-episodes", "1000000"});
  ASSERT_TRUE(Says("run.err", "testing 5-way 5-shot"));
  kill(run, GetParam());
  EXPECT_EQ(Wait(run), 130);
  EXPECT_THAT(Read("run.err"), HasSubstr("interrupted at generation 1/1; progress is kept, go on with: "
                                         "seedcast run --resume glyphs-1 --store "));
  EXPECT_EQ(Read("run.out"), "");
  ASSERT_EQ(Run("resumed", {"run", "--resume", "glyphs-1", "--test-episodes", "5"}), 0) << Read("resumed.err");
  EXPECT_THAT(Read("resumed.out"), HasSubstr("20-way 1-shot"));
}

TEST_P(SignalTest, EndsASubmissionWhoseDataDoesNotCome) {
  std::ofstream(Path("omniglot.yaml")) << "proto_net: {dataset: OMNIGLOT}\ngenerations: 1\n";
  const SilentServer proxy;  // whom the download asks, and who never answers
  setenv("https_proxy", ("http://127.0.0.1:" + std::to_string(proxy.port())).c_str(), 1);
  for (const char* name : {"SEEDCAST_DATA", "SEEDCAST_OFFLINE", "no_proxy", "NO_PROXY"}) unsetenv(name);
  setenv("XDG_CACHE_HOME", Path("cache").c_str(), 1);
  const pid_t run = Start("run", {"run", Path("omniglot.yaml")});
  const int connection = proxy.Accept();
  ASSERT_NE(connection, -1) << Read("run.err");
  const absl::Time start = absl::Now();
  kill(run, GetParam());
  EXPECT_EQ(Wait(run), 130);
  EXPECT_LT(absl::Now() - start, absl::Seconds(4)) << "the download alone gives up after 5 s";
  EXPECT_THAT(Read("run.err"), HasSubstr("seedcast: interrupted\n"));
  close(connection);
  ASSERT_EQ(Run("list", {"list"}), 0) << Read("list.err");
  EXPECT_THAT(Read("list.out"), Not(HasSubstr("job-1")));
}

INSTANTIATE_TEST_SUITE_P(Signals, SignalTest, ::testing::Values(SIGINT, SIGTERM),
                         [](const auto& info) { return info.param == SIGINT ? "Interrupt" : "Terminate"; });

// A terminal's Ctrl-C reaches the whole group, and a wrapper in it passes its own on.
TEST_F(ProcessTest, TwoSignalsAtOnceAreOne) {
  const pid_t run = Start("run", {"run", Path("job.yaml"), "--set", "generations=1000000"});
  ASSERT_TRUE(MakesProgress());
  kill(run, SIGINT);
  kill(run, SIGTERM);
  EXPECT_EQ(Wait(run), 130);
  EXPECT_THAT(Read("run.err"), HasSubstr("progress is kept"));
  ASSERT_EQ(Run("list", {"list"}), 0) << Read("list.err");
  EXPECT_THAT(Read("list.out"), ContainsRegex("sphere-1 +PAUSED "));
}

TEST_F(ProcessTest, ASecondSignalEndsItAtOnce) {
  std::ofstream(Path("long.yaml")) << "name: long\n"  // minutes of leases in hand, which the first signal waits for
                                      "learned_optimizer: {clusters: [{name: bowls, problems: ['quadratic(10)']}],\n"
                                      "                    unroll: {steps: 1000000, count: 1000}}\n"
                                      "strategy: {population_size: 2}\n"
                                      "generations: 1\n"
                                      "validation: {every: 0}\n";
  const pid_t run = Start("run", {"run", Path("long.yaml")});
  ASSERT_TRUE(HasWorker("long-1"));
  usleep(200'000);  // the leases are on their way
  kill(run, SIGINT);
  usleep(600'000);  // beyond what counts as an echo of the first
  const absl::Time second = absl::Now();
  kill(run, SIGINT);
  EXPECT_EQ(Wait(run), 130);
  EXPECT_LT(absl::Now() - second, absl::Seconds(10));
  EXPECT_EQ(Read("run.err").find("progress is kept"), std::string::npos) << Read("run.err");
}

TEST_F(ProcessTest, SurvivesKillAndTakesTheJobUpAgain) {
  const pid_t run = Start("run", {"run", Path("job.yaml")});
  ASSERT_TRUE(MakesProgress());
  kill(run, SIGKILL);
  EXPECT_EQ(Wait(run), 128 + SIGKILL);
  EXPECT_EQ(Run("list", {"list"}), 0) << Read("list.err") << "the socket left behind is in the way";
  EXPECT_THAT(Read("list.out"), ContainsRegex("sphere-1 +RUNNING +sphere +[0-9]+/500 .* - +[0-9.]+ s ago"));
  EXPECT_EQ(Read("list.err"),
            "nothing trains in a local store: seedcast run --resume JOB --store " + Path("store") + "\n");
  EXPECT_EQ(Run("resumed", {"run", "--resume", "sphere-1"}), 0) << Read("resumed.err");
  EXPECT_EQ(Run("verify", {"verify", "sphere-1"}), 0) << Read("verify.err");
}

TEST_F(ProcessTest, OtherCommandsReachTheRunningOneAndASecondRunIsRefused) {
  const pid_t run = Start("run", {"run", Path("job.yaml"), "--set", "generations=1000000"});
  ASSERT_TRUE(MakesProgress());
  EXPECT_EQ(Run("second", {"run", Path("job.yaml")}), 1);
  EXPECT_THAT(Read("second.err"), HasSubstr("seedcast: store: a running command holds " + Path("store") +
                                            ": hand it the job with seedcast submit FILE or seedcast resume JOB"));
  EXPECT_EQ(Run("beside", {"submit", Path("job.yaml"), "--set", "generations=3"}), 0) << Read("beside.err");
  EXPECT_THAT(Read("beside.err"), Not(HasSubstr("no workers")));
  EXPECT_EQ(Run("beside", {"watch", "sphere-2"}), 0) << Read("beside.err");
  EXPECT_EQ(Run("list", {"list"}), 0);
  EXPECT_EQ(Read("list.err"), "");
  EXPECT_EQ(Run("cancel", {"cancel", "sphere-1"}), 0) << Read("cancel.err");
  EXPECT_EQ(Wait(run), 1);
  EXPECT_THAT(Read("run.err"), HasSubstr("sphere-1 was cancelled at generation"));
}

TEST_F(ProcessTest, ARunThatListensHoldsItsStoreAndSaysHowItIsReached) {
  const pid_t run = Start("run", {"run", Path("job.yaml"), "--set", "generations=1000000", "--listen", "127.0.0.1:0"});
  ASSERT_TRUE(Says("run.err", "generation "));
  EXPECT_EQ(Run("list", {"list"}), 1);
  EXPECT_THAT(Read("list.err"), AllOf(HasSubstr("seedcast: store: another coordinator holds store " + Path("store")),
                                      HasSubstr("one that listens is reached with --coordinator HOST:PORT")));
  kill(run, SIGINT);
  EXPECT_EQ(Wait(run), 130);
}

// The check of the jobs' data goes on beside a command, and is cut short by its end.
TEST_F(ProcessTest, CommandsOnAStoreWithUnfinishedJobsDoNotTalkOfTheirData) {
  setenv("XDG_CACHE_HOME", Path("cache").c_str(), 1);
  std::ofstream(Path("glyphs.yaml")) << "name: glyphs\nproto_net: {dataset: GLYPHS}\ngenerations: 1\n";
  for (int job = 0; job < 3; ++job) ASSERT_EQ(Run("submit", {"submit", Path("glyphs.yaml")}), 0) << Read("submit.err");
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(Run("list", {"list"}), 0);
    EXPECT_THAT(Read("list.err"), Not(HasSubstr("data")));
  }
}

class ForeignClassTest : public ProcessTest {
 protected:
  // A numeric class that this machine does not have; empty where it has all.
  static std::string ForeignClass() {
    for (const v1::NumericClass numeric_class : {v1::BF16_AMX, v1::BF16_AVX512}) {
      if (BestConvNetKernels(numeric_class) == nullptr) return v1::NumericClass_Name(numeric_class);
    }
    return "";
  }
  void SetUp() override {
    ProcessTest::SetUp();
    if (ForeignClass().empty()) GTEST_SKIP() << "this machine has every numeric class";
  }
};

TEST_F(ForeignClassTest, IsRefusedWhereNoOtherWorkerCanJoin) {
  const std::string error = "seedcast: numeric_class: " + ForeignClass() + ", expected one that this machine has: F32";
  EXPECT_EQ(Run("run", {"run", Path("job.yaml"), "--set", "numeric_class=" + ForeignClass()}), 2);
  EXPECT_THAT(Read("run.err"), StartsWith(error));
  EXPECT_FALSE(std::filesystem::exists(Path("store"))) << "nothing was submitted";

  ASSERT_EQ(Run("submit", {"submit", Path("job.yaml"), "--set", "numeric_class=" + ForeignClass()}), 0);
  EXPECT_EQ(Run("resume", {"run", "--resume", "sphere-1"}), 2);
  EXPECT_THAT(Read("resume.err"), StartsWith(error));
  EXPECT_EQ(Run("evaluate", {"evaluate", "sphere-1"}), 2);
  EXPECT_THAT(Read("evaluate.err"), StartsWith(error));
}

TEST_F(ForeignClassTest, IsWaitedForWhereWorkersCanJoin) {
  const pid_t run =
      Start("run", {"run", Path("job.yaml"), "--set", "numeric_class=" + ForeignClass(), "--listen", "127.0.0.1:0"});
  EXPECT_TRUE(Says("run.err", "waiting: no worker of class " + ForeignClass()));
  kill(run, SIGINT);
  EXPECT_EQ(Wait(run), 130);
}

}  // namespace
}  // namespace seedcast
