#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"
#include "coordinator/server.h"
#include "tests/cli/command_fixture.h"
#include "worker/runtime/grpc_transport.h"
#include "worker/runtime/worker.h"

namespace seedcast {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

TEST_F(CommandTest, RunTrainsAndSaysWhatCameOut) {
  const CommandResult run = OnStore({"run", SphereJob()});
  ASSERT_EQ(run.code, kExitOk) << run.err;
  EXPECT_THAT(run.out, AllOf(HasSubstr("sphere-1"), HasSubstr("evaluations/s"), ContainsRegex("digest +[0-9a-f]+")));
  EXPECT_THAT(run.err, HasSubstr("generation 20/20"));
  EXPECT_TRUE(std::filesystem::exists(Path("store/models/sphere-1.npz")));
}

TEST_F(CommandTest, RunPrintsOneLineOfJsonAndNothingElse) {
  const CommandResult run = OnStore({"run", SphereJob(), "--json", "--output", Path("made/here/model.npz")});
  ASSERT_EQ(run.code, kExitOk) << run.err;
  ExpectJson(run.out,
             "j['job_id'] == 'sphere-1' and j['generations'] == 20 and len(j['digest']) == 64 and "
             "j['seconds'] > 0 and j['evaluations_per_second'] > 0 and j['bytes_per_generation'] > 0 and "
             "j['test'] == [] and j['model'].endswith('made/here/model.npz')");
  EXPECT_TRUE(std::filesystem::exists(Path("made/here/model.npz")));
}

TEST_F(CommandTest, BytesAGenerationAreToldWhereGenerationsWereMade) {
  EXPECT_THAT(OnStore({"run", SphereJob()}).out, ContainsRegex("bytes a generation +[1-9]"));
  EXPECT_THAT(OnStore({"run", "--resume", "sphere-1"}).out, Not(HasSubstr("bytes a generation")));
  ExpectJson(OnStore({"run", "--resume", "sphere-1", "--json"}).out, "j['bytes_per_generation'] is None");
}

TEST_F(CommandTest, RunEndsWithTheSameDigestForAnyNumberOfSlots) {
  const CommandResult one = OnStore({"run", SphereJob(), "--json", "--slots", "1"});
  const CommandResult three = OnStore({"run", SphereJob(), "--json", "--slots", "3"});
  ASSERT_EQ(one.code, kExitOk) << one.err;
  EXPECT_EQ(JsonField(one.out, "digest"), JsonField(three.out, "digest"));
  const CommandResult other = OnStore({"run", SphereJob(), "--json", "--set", "seed=2"});
  EXPECT_NE(JsonField(one.out, "digest"), JsonField(other.out, "digest"));
}

TEST_F(CommandTest, RunTestsAProtoNetInFourWays) {
  std::ofstream(Path("glyphs.yaml"))
      << "proto_net: {dataset: GLYPHS, way: 2, shot: 1, query: 1, filters: 16, blocks: 1}\n"
         "strategy: {population_size: 4}\n"
         "generations: 2\n"
         "validation: {every: 0}\n";
  setenv("XDG_CACHE_HOME", Path("cache").c_str(), 1);
  const CommandResult run = OnStore({"run", Path("glyphs.yaml"), "--json", "--test-episodes", "2"});
  ASSERT_EQ(run.code, kExitOk) << run.err;
  ExpectJson(run.out,
             "[(t['way'], t['shot']) for t in j['test']] == [(5, 5), (5, 1), (20, 5), (20, 1)] and "
             "all(0 < t['accuracy'] <= 1 and t['interval'] >= 0 for t in j['test']) and j['statistics'] == 'SUPPORT'");
  EXPECT_THAT(run.err, HasSubstr("data: generated glyphs"));
  const CommandResult again = OnStore({"run", "--resume", "job-1", "--test-episodes", "2"});
  EXPECT_THAT(again.out, AllOf(HasSubstr("5-way 5-shot"), HasSubstr("batch statistics from the support images")))
      << again.err;
}

TEST_F(CommandTest, SaysThatItReadsDataBeforeItDoes) {
  std::ofstream(Path("omniglot.yaml")) << "proto_net: {dataset: OMNIGLOT}\ngenerations: 1\n";
  for (const char* zip : {"images_background.zip", "images_evaluation.zip"}) std::ofstream(Path(zip)) << "no zip";
  setenv("XDG_CACHE_HOME", Path("cache").c_str(), 1);
  const CommandResult run = OnStore({"run", Path("omniglot.yaml"), "--data", folder_.path()});
  EXPECT_EQ(run.code, kExitDamaged);
  EXPECT_THAT(run.err, StartsWith("reading Omniglot from " + folder_.path() + "\nseedcast: "));
}

TEST_F(CommandTest, FailedJobsEndWithExitCodeOneAndTheReason) {
  const CommandResult run = OnStore({"run", SphereJob(), "--set", "sphere.failure_rate=1"});
  EXPECT_EQ(run.code, kExitFailed);
  EXPECT_THAT(run.err, HasSubstr("seedcast: sphere-1 failed: "));
  EXPECT_EQ(run.out, "");
}

TEST_F(CommandTest, JobsGoThroughTheirStates) {
  ExpectJson(OnStore({"submit", SphereJob(), "--json"}).out, "j['job_id'] == 'sphere-1' and j['state'] == 'RUNNING'");
  EXPECT_THAT(OnStore({"pause", "sphere-1"}).out, HasSubstr("paused sphere-1 at generation 0/20"));
  EXPECT_THAT(OnStore({"list"}).out, ContainsRegex("sphere-1 +PAUSED +sphere +0/20"));
  EXPECT_THAT(OnStore({"resume", "sphere-1"}).err, HasSubstr("seedcast run --resume sphere-1"));
  EXPECT_EQ(OnStore({"watch", "sphere-1"}).code, kExitFailed) << "nobody would ever train it";
  EXPECT_EQ(OnStore({"run", "--resume", "sphere-1"}).code, kExitOk);
  ExpectJson(OnStore({"watch", "sphere-1", "--json"}).out, "j['state'] == 'SUCCEEDED' and j['version'] == 20");
  EXPECT_EQ(OnStore({"pause", "sphere-1"}).code, kExitFailed);

  const CommandResult second = OnStore({"submit", SphereJob()});
  EXPECT_EQ(second.out, "submitted sphere-2\n");
  EXPECT_THAT(second.err, EndsWith("it has no workers in a local store; seedcast run --resume sphere-2 --store " +
                                   Path("store") + " trains it here\n"));
  EXPECT_THAT(OnStore({"cancel", "sphere-2"}).out, HasSubstr("cancelled sphere-2"));
  const CommandResult resumed = OnStore({"run", "--resume", "sphere-2"});
  EXPECT_EQ(resumed.code, kExitFailed);
  EXPECT_THAT(resumed.err, HasSubstr("sphere-2 was cancelled"));
}

TEST_F(CommandTest, AListOfWhatNothingTrainsSaysWhatWould) {
  ASSERT_EQ(OnStore({"submit", SphereJob()}).code, kExitOk);
  const std::string hint = "nothing trains in a local store: seedcast run --resume JOB --store " + Path("store") + "\n";
  EXPECT_EQ(OnStore({"list"}).err, hint);
  EXPECT_EQ(OnStore({"list", "--json"}).err, "");
  ASSERT_EQ(OnStore({"pause", "sphere-1"}).code, kExitOk);
  EXPECT_EQ(OnStore({"list"}).err, "");
}

TEST_F(CommandTest, OnlyRunAndSubmitMakeAStore) {
  const std::vector<std::vector<std::string>> kCommands = {
      {"list"},        {"show", "x"},     {"watch", "x"},           {"export", "x"},
      {"verify", "x"}, {"evaluate", "x"}, {"compare", "x"},         {"pause", "x"},
      {"resume", "x"}, {"cancel", "x"},   {"run", "--resume", "x"}, {"fork", "x", "--version", "1"}};
  for (const std::vector<std::string>& command : kCommands) {
    const CommandResult result = OnStore(command);
    EXPECT_EQ(result.code, kExitUsage) << command[0];
    EXPECT_THAT(result.err, StartsWith("seedcast: store: " + Path("store") + " holds no jobs (no seedcast.db)"))
        << command[0];
    EXPECT_FALSE(std::filesystem::exists(Path("store"))) << command[0];
  }
  EXPECT_EQ(OnStore({"submit", SphereJob()}).code, kExitOk);
  EXPECT_EQ(OnStore({"list"}).code, kExitOk);
}

TEST_F(CommandTest, AFreshMachineHasNoJobsAndGetsNoStore) {
  setenv("XDG_STATE_HOME", Path("state").c_str(), 1);
  const CommandResult list = Command({"list"});
  EXPECT_EQ(list.code, kExitOk);
  EXPECT_THAT(list.out, MatchesRegex("JOB [^\n]*\n"));
  EXPECT_THAT(list.err, HasSubstr("no jobs yet: seedcast run FILE"));
  ExpectJson(Command({"list", "--json"}).out, "j == {'jobs': []}");
  EXPECT_EQ(Command({"show", "x"}).code, kExitUsage);
  EXPECT_FALSE(std::filesystem::exists(Path("state")));
}

TEST_F(CommandTest, ShowDrawsTheCurves) {
  ASSERT_EQ(OnStore({"run", SphereJob()}).code, kExitOk);
  const CommandResult show = OnStore({"show", "sphere-1"});
  EXPECT_THAT(show.out,
              AllOf(HasSubstr("SUCCEEDED"), HasSubstr("20/20"), HasSubstr("validation curve"), HasSubstr("█")));
  ExpectJson(OnStore({"show", "sphere-1", "--json"}).out,
             "j['status']['version'] == 20 and len(j['history']['generations']) >= 20");
}

TEST_F(CommandTest, RunPausesOtherJobsOfTheStore) {
  ASSERT_EQ(OnStore({"submit", SphereJob()}).code, kExitOk);
  const CommandResult run = OnStore({"run", SphereJob()});
  ASSERT_EQ(run.code, kExitOk) << run.err;
  EXPECT_THAT(run.err, HasSubstr("paused meanwhile: sphere-1"));
  EXPECT_THAT(OnStore({"list"}).out, ContainsRegex("sphere-1 +PAUSED +sphere +0/20"));
}

TEST_F(CommandTest, AnUnchangedForkRepeatsTheOriginal) {
  const CommandResult run = OnStore({"run", SphereJob(), "--json"});
  ASSERT_EQ(run.code, kExitOk) << run.err;
  const CommandResult forked = OnStore({"fork", "sphere-1", "--version", "7", "--json"});
  ExpectJson(forked.out, "j['job_id'] == 'sphere-2' and j['forked_from'] == 'sphere-1@7' and j['version'] == 7");
  EXPECT_THAT(forked.err, HasSubstr("seedcast run --resume sphere-2"));
  const CommandResult fork = OnStore({"run", "--resume", "sphere-2", "--json"});
  EXPECT_EQ(JsonField(fork.out, "digest"), JsonField(run.out, "digest")) << fork.err;
  ExpectJson(OnStore({"verify", "sphere-2", "--json"}).out,
             "j['verified'] is True and j['first_version'] == 7 and j['generations'] == 13");

  ASSERT_EQ(OnStore({"fork", "sphere-1", "--version", "7", "--set", "strategy.learning_rate.initial=0.5"}).code, 0);
  const CommandResult other = OnStore({"run", "--resume", "sphere-3", "--json"});
  EXPECT_NE(JsonField(other.out, "digest"), JsonField(run.out, "digest"));
  const CommandResult sigma = OnStore({"fork", "sphere-1", "--version", "7", "--set", "strategy.sigma.initial=0.2"});
  EXPECT_EQ(sigma.code, kExitOk) << sigma.err;
}

TEST_F(CommandTest, ExportsAnyVersionAndVerifies) {
  const CommandResult run = OnStore({"run", SphereJob(), "--json"});
  ASSERT_EQ(run.code, kExitOk) << run.err;
  const CommandResult last = OnStore({"export", "sphere-1", "--version", "20", "--output", Path("m.npz"), "--json"});
  EXPECT_EQ(JsonField(last.out, "digest"), JsonField(run.out, "digest"));
  ExpectJson(OnStore({"export", "sphere-1", "--version", "13", "--output", Path("m13.npz"), "--json"}).out,
             "j['version'] == 13");
  const CommandResult beyond = OnStore({"export", "sphere-1", "--version", "21", "--output", Path("m21.npz")});
  EXPECT_EQ(beyond.code, kExitUsage) << beyond.err;
  ExpectJson(OnStore({"verify", "sphere-1", "--json"}).out,
             "j['verified'] is True and j['generations'] == 20 and j['first_state_note'] == ''");
}

TEST_F(CommandTest, EvaluatesAVersion) {
  ASSERT_EQ(OnStore({"run", SphereJob()}).code, kExitOk);
  ExpectJson(OnStore({"evaluate", "sphere-1", "--episodes", "5", "--version", "20", "--json"}).out,
             "j['version'] == 20 and j['accuracy'] is None and j['fitness'] < 0 and j['spec']['split'] == 'TEST'");
  EXPECT_THAT(OnStore({"evaluate", "sphere-1", "--episodes", "5", "--split", "validation"}).out,
              HasSubstr("VALIDATION"));
}

TEST_F(CommandTest, EvaluateRefusesWhatTheTaskDoesNotRead) {
  ASSERT_EQ(OnStore({"run", SphereJob()}).code, kExitOk);
  for (const char* flag : {"--way", "--shot", "--query", "--steps"}) {
    const CommandResult refused = OnStore({"evaluate", "sphere-1", flag, "7"});
    EXPECT_EQ(refused.code, kExitUsage);
    EXPECT_THAT(refused.err, StartsWith("seedcast: " + std::string(flag) + ": 7, expected nothing with sphere, "));
  }
  ExpectJson(OnStore({"evaluate", "sphere-1", "--episodes", "2", "--json"}).out,
             "j['spec'] == {'split': 'TEST', 'way': None, 'shot': None, 'query': None, 'episodes': 2, 'steps': None}");
  EXPECT_THAT(OnStore({"evaluate", "sphere-1", "--episodes", "2"}).out, ContainsRegex(" 2 +- +-0\\.[0-9]+\n"));
}

// Evaluations per second as `command` prints them.
double RateIn(const std::string& json) { return std::stod(JsonField(json, "evaluations_per_second")); }

TEST_F(CommandTest, AnEndedJobHasOneSpeedWhoeverTellsIt) {
  const CommandResult run = OnStore({"run", SphereJob(), "--json"});
  ASSERT_EQ(run.code, kExitOk) << run.err;
  const double mean = 20 * 8 / std::stod(JsonField(run.out, "seconds"));
  EXPECT_NEAR(RateIn(run.out), mean, 1e-6 * mean);
  EXPECT_NEAR(RateIn(OnStore({"show", "sphere-1", "--json"}).out), mean, 1e-6 * mean);
  EXPECT_NEAR(RateIn(OnStore({"list", "--json"}).out), mean, 1e-6 * mean);
  EXPECT_THAT(OnStore({"list"}).out, ContainsRegex("fitness -[0-9.]+ +[0-9][0-9,.]+ .* ago"));
  ASSERT_EQ(OnStore({"fork", "sphere-1", "--version", "15"}).code, kExitOk);
  const CommandResult fork = OnStore({"run", "--resume", "sphere-2", "--json"});
  const double since = 5 * 8 / std::stod(JsonField(fork.out, "seconds"));
  EXPECT_NEAR(RateIn(fork.out), since, 1e-6 * since);
}

TEST_F(CommandTest, AFigureThatIsNotKeptIsNull) {
  ASSERT_EQ(OnStore({"run", SphereJob()}).code, kExitOk);
  ExpectJson(OnStore({"list", "--json"}).out, "j['jobs'][0]['bytes_per_generation'] is None");
  ExpectJson(OnStore({"show", "sphere-1", "--json"}).out, "j['status']['bytes_per_generation'] is None");
}

TEST_F(CommandTest, EvaluateTrainsNothingAndLeavesRunningJobsRunning) {
  for (int job = 0; job < 3; ++job) ASSERT_EQ(OnStore({"submit", SphereJob()}).code, kExitOk);
  ASSERT_EQ(OnStore({"pause", "sphere-3"}).code, kExitOk);
  const CommandResult evaluate = OnStore({"evaluate", "sphere-1", "--episodes", "50", "--json"});
  ASSERT_EQ(evaluate.code, kExitOk) << evaluate.err;
  EXPECT_EQ(JsonField(evaluate.out, "version"), "0");
  EXPECT_THAT(evaluate.err, HasSubstr("paused meanwhile: sphere-1, sphere-2\n"));
  ExpectJson(OnStore({"list", "--json"}).out,
             "[(job['state'], job['version']) for job in j['jobs']] == "
             "[('RUNNING', 0), ('RUNNING', 0), ('PAUSED', 0)]");
  EXPECT_EQ(OnStore({"evaluate", "sphere-1", "--version", "9"}).code, kExitUsage) << "it has no version 9";
  ExpectJson(OnStore({"list", "--json"}).out,
             "[job['state'] for job in j['jobs']] == ['RUNNING', 'RUNNING', 'PAUSED']");
}

// A coordinator with a worker that is not embedded in the command.
class RemoteCommandTest : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    ServerOptions options;
    options.address = "127.0.0.1:0";
    auto server = CoordinatorServer::Start(options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    address_ = "127.0.0.1:" + std::to_string(server_->port());
  }

  std::unique_ptr<CoordinatorServer> server_;
  std::string address_;
};

TEST_F(RemoteCommandTest, SubmitWatchesAJobToItsEnd) {
  const auto channel = server_->InProcessChannel();
  WorkerOptions options;
  options.id = "w";
  Worker worker(options, MakeGrpcTransport(channel, channel));
  worker.Start();
  const CommandResult submit = Command({"submit", SphereJob(), "--watch", "--coordinator", address_});
  EXPECT_EQ(submit.code, kExitOk) << submit.err;
  EXPECT_THAT(submit.out, AllOf(HasSubstr("submitted sphere-1"), HasSubstr("SUCCEEDED")));
  const std::string environment = "SEEDCAST_COORDINATOR=" + address_;
  EXPECT_THAT(Command({"list"}, {environment.c_str()}).out, ContainsRegex("sphere-1 +SUCCEEDED"));
  EXPECT_EQ(Command({"verify", "sphere-1"}, {environment.c_str()}).code, kExitOk);
  EXPECT_THAT(Command({"list", "--store", Path("store")}, {environment.c_str()}).err, HasSubstr("holds no jobs"))
      << "a store named by hand wins over the environment";
  worker.RequestDrain();
  EXPECT_TRUE(worker.Join().ok());
}

// Standard error with somebody who listens to it.
class HeardBuffer : public std::stringbuf {
 public:
  explicit HeardBuffer(std::function<void(const std::string& so_far)> hear) : hear_(std::move(hear)) {}

 private:
  int sync() override {
    hear_(str());
    return 0;
  }
  const std::function<void(const std::string&)> hear_;
};

TEST_F(RemoteCommandTest, EvaluateSaysThatItWaitsForAWorker) {
  ASSERT_EQ(Command({"submit", SphereJob(), "--coordinator", address_}).code, kExitOk);
  absl::Notification waits;
  HeardBuffer heard([&](const std::string& so_far) {
    const bool said = so_far.find("evaluating · episode 0/3 · waiting: no worker\n") != std::string::npos;
    if (said && !waits.HasBeenNotified()) waits.Notify();
  });
  int code = kExitFailed;
  std::thread evaluate([&] {
    std::ostringstream out;
    std::ostream err(&heard);
    Console console{out, err};
    const char* const environment[] = {nullptr};
    code = RunApp({"evaluate", "sphere-1", "--episodes", "3", "--coordinator", address_}, environment, console);
  });
  EXPECT_TRUE(waits.WaitForNotificationWithTimeout(absl::Minutes(1)));
  const auto channel = server_->InProcessChannel();
  WorkerOptions options;
  options.id = "w";
  Worker worker(options, MakeGrpcTransport(channel, channel));
  worker.Start();
  evaluate.join();
  EXPECT_EQ(code, kExitOk) << heard.str();
  worker.RequestDrain();
  EXPECT_TRUE(worker.Join().ok());
}

TEST_F(RemoteCommandTest, AnUnreachableCoordinatorIsExitCodeThree) {
  server_->Shutdown(absl::ZeroDuration());
  const CommandResult list = Command({"list", "--coordinator", address_});
  EXPECT_EQ(list.code, kExitUnreachable);
  EXPECT_THAT(list.err, HasSubstr("coordinator " + address_ + " cannot be reached"));
}

struct UsageCase {
  std::vector<std::string> arguments;
  std::string error;  // somewhere in it
};

TEST_F(CommandTest, BadUsageIsExitCodeTwoWithOneClearLine) {
  const std::string job = SphereJob();
  const UsageCase kCases[] = {
      {{}, "seedcast: A subcommand is required (seedcast --help tells more)\n"},
      {{"lst"}, "export, verify, cluster, certs, doctor, completion, version; did you mean list?\n"},
      {{"--nope"}, "seedcast: unknown option '--nope' (seedcast --help tells more)\n"},
      {{"run", job, "--slot", "1"},
       "seedcast: unknown option '--slot'; did you mean --slots? (seedcast run --help tells more)\n"},
      {{"fork", "a-1", "--versoin", "1"}, "unknown option '--versoin'; did you mean --version? (seedcast fork --help"},
      {{"run", job, "--slot=1"}, "seedcast: unknown option '--slot'; did you mean --slots? ("},
      {{"run", "--slot", "1", "--foo"}, "seedcast: unknown option '--slot'; did you mean --slots? ("},
      {{"show", "a", "b", "c"}, "seedcast: unexpected argument 'b' (seedcast show --help tells more)\n"},
      {{"frobnicate"}, "seedcast: unknown command 'frobnicate', expected one of run, submit, "},
      {{"run", "--store", Path("store")}, "FILE or --resume JOB"},
      {{"run", job, "--resume", "sphere-1"}, "excludes"},
      {{"run", job, "--slots", "0"}, "--slots"},
      {{"run", Path("none.yaml")}, "none.yaml: cannot be opened: No such file or directory"},
      {{"run", job, "--set", "strategy.popsize=3"}, "strategy.popsize: unknown field"},
      {{"run", job, "--set", "strategy.population_size=3"}, "strategy.population_size: 3, expected an even number"},
      {{"run", job, "--output", folder_.path()}, "is a folder, expected the name of a file"},
      {{"run", job, "--store", Path("store"), "--listen", "nonsense"}, "listen: 'nonsense', expected host:port"},
      {{"run", job, "--store", Path("store"), "--listen", "nonsense:"}, "listen: 'nonsense:', expected host:port"},
      {{"run", job, "--store", Path("store"), "--listen", ":7070"}, "listen: ':7070', expected host:port"},
      {{"submit", job, "--watch", "--store", Path("store")}, "seedcast run trains here"},
      {{"show", "nobody-1", "--store", Path("store")}, "unknown job 'nobody-1'"},  // `submit` has made the store
      {{"fork", "nobody-1", "--version", "1", "--store", Path("store")}, "unknown job 'nobody-1'"},
      {{"fork", "nobody-1", "--store", Path("store")}, "--version is required"},
      {{"evaluate", "x", "--split", "other"}, "--split: other not in {train,validation,test}"},
      {{"evaluate", "x", "--way", "101"}, "--way: Value 101 not in range 2 to 100"},
      {{"evaluate", "x", "--version", "-1"}, "--version: -1, expected 0 or more"},
      {{"evaluate", "x", "--steps", "-1"}, "--steps: Value -1 not in range 0 to 10000000"},
      {{"completion", "tcsh"}, "tcsh"},
  };
  for (const UsageCase& usage : kCases) {
    const CommandResult result = Command(usage.arguments);
    EXPECT_EQ(result.code, kExitUsage) << ::testing::PrintToString(usage.arguments) << result.err;
    EXPECT_THAT(result.err, HasSubstr(usage.error)) << ::testing::PrintToString(usage.arguments);
    EXPECT_THAT(result.err, StartsWith("seedcast: "));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_EQ(result.out, "");
  }
}

TEST_F(CommandTest, OutputThatCannotBeWrittenIsAFailure) {
  std::ofstream out("/dev/full");
  std::ostringstream err;
  Console console{out, err};
  const char* const environment[] = {nullptr};
  EXPECT_EQ(RunApp({"version"}, environment, console), kExitFailed);
  EXPECT_EQ(err.str(), "seedcast: standard output cannot be written\n");
}

TEST_F(CommandTest, AnUnwritableModelIsRefusedBeforeTraining) {
  const CommandResult run = OnStore({"run", SphereJob(), "--output", "/proc/no/model.npz"});
  EXPECT_NE(run.code, kExitOk);
  EXPECT_THAT(run.err, HasSubstr("/proc/no: cannot be made"));
  EXPECT_FALSE(std::filesystem::exists(Path("store")));
}

constexpr const char* kCommandsWithExamples[] = {"run",    "submit",  "list",  "show",     "watch",     "pause",
                                                 "resume", "cancel",  "fork",  "evaluate", "compare",   "export",
                                                 "verify", "cluster", "certs", "doctor",   "completion"};

TEST_F(CommandTest, HelpShowsExamplesAndExitCodes) {
  const CommandResult help = Command({"--help"});
  EXPECT_EQ(help.code, kExitOk);
  EXPECT_THAT(help.out, AllOf(HasSubstr("Exit codes"), HasSubstr("130 interrupted")));
  for (const char* name : kCommandsWithExamples) {
    EXPECT_THAT(Command({name, "--help"}).out, HasSubstr("Examples:")) << name;
  }
}

TEST_F(CommandTest, HelpFitsATerminalOf80Columns) {
  std::string all = Command({"--help"}).out;
  for (const char* name : kCommandsWithExamples) all += Command({name, "--help"}).out;
  EXPECT_GT(std::count(all.begin(), all.end(), '\n'), 300);
  for (const absl::string_view line : absl::StrSplit(all, '\n')) {
    if (absl::StartsWith(line, "  seedcast ")) continue;  // an example is one line
    EXPECT_LE(line.size(), 80u) << line;
  }
}

TEST_F(CommandTest, HelpNamesThePlacesOfDataInTheirOrder) {
  EXPECT_THAT(absl::StrReplaceAll(Command({"run", "--help"}).out, {{"\n                            ", " "}}),
              HasSubstr("$SEEDCAST_DATA, else ./data, then the cache directory, then a download"));
}

TEST_F(CommandTest, VersionIsPrintedForPeopleAndMachines) {
  EXPECT_THAT(Command({"version"}).out, StartsWith("seedcast "));
  ExpectJson(Command({"version", "--json"}).out, "j['protocol'] >= 1");
}

TEST_F(CommandTest, CertificatesAreListedForPeopleAndMachines) {
  EXPECT_THAT(Command({"certs", Path("certs")}).out, AllOf(StartsWith("ROLE"), HasSubstr("coordinator")));
  ExpectJson(Command({"certs", Path("certs"), "--json", "--role", "worker:w1"}).out,
             "[(c['role'], c['name']) for c in j['certificates']] == [('worker', 'w1')] and "
             "j['certificates'][0]['directory'].endswith('certs/w1') and len(j['certificates'][0]['expires']) == 10");
}

}  // namespace
}  // namespace seedcast
