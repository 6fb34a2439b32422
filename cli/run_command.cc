// `seedcast run`: a coordinator, a worker and a client in one process, from a job file to a tested model.
#include <filesystem>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/commands.h"
#include "cli/comparison.h"
#include "cli/interrupt.h"
#include "cli/job_file.h"
#include "cli/json.h"
#include "cli/model_file.h"
#include "cli/replay.h"
#include "cli/table.h"
#include "common/status_macros.h"
#include "common/strategy/estimator.h"

namespace seedcast {
namespace {

struct RunFlags : ConnectionFlags {
  std::string file;
  std::string resume;
  std::vector<std::string> overrides;
  std::string output;
  std::string listen;
  bool insecure = false;
  int slots = DefaultSlots();
  int32_t test_episodes = 1000;
  int comparison_seeds = 20;
};

// What is left to say once a job has ended.
struct Outcome {
  v1::JobStatus status;
  std::vector<v1::EvaluationResult> tests;
  std::optional<Comparison> comparison;  // of a learned optimizer
  std::string picture;                   // of it
  std::string model;
};

// The job to train: a new one, or one of the store that had not ended.
absl::StatusOr<v1::JobStatus> SubmitOrResume(Client& client, const RunFlags& flags, const v1::JobSpec& spec) {
  if (flags.resume.empty()) return client.Submit(spec);
  ASSIGN_OR_RETURN(v1::JobStatus status, client.Get(flags.resume));
  if (status.state() == v1::PAUSED) return client.Resume(flags.resume);
  RETURN_IF_ERROR(OutcomeOf(status));
  return status;
}

// Leaves the job paused: its generations are in the store, and another `run` does not go on with it by accident.
absl::Status LeaveInterrupted(Client& client, const std::string& job_id, const RunFlags& flags) {
  client.Pause(job_id).IgnoreError();  // one that has just ended cannot be paused, and need not be
  const auto status = client.Get(job_id);
  const std::string where =
      status.ok() ? absl::StrCat(" at generation ", status->version(), "/", status->spec().generations()) : "";
  const std::string store = flags.store.empty() ? "" : absl::StrCat(" --store ", flags.store);
  return absl::CancelledError(
      absl::StrCat("interrupted", where, "; progress is kept, go on with: seedcast run --resume ", job_id, store));
}

std::string TestLabel(const v1::EvaluationSpec& spec) {
  return absl::StrCat("testing ", spec.way(), "-way ", spec.shot(), "-shot");
}

// Accuracy on characters never seen, in the four ways that papers report. What a small data set cannot give is left
// out.
absl::StatusOr<std::vector<v1::EvaluationResult>> TestModel(Client& client, const v1::JobStatus& status,
                                                            const RunFlags& flags, Console& console) {
  std::vector<v1::EvaluationResult> results;
  if (!status.spec().has_proto_net() || flags.test_episodes == 0) return results;
  for (const auto& [way, shot] : {std::pair(5, 5), {5, 1}, {20, 5}, {20, 1}}) {
    v1::EvaluateJobRequest request;
    request.set_job_id(status.job_id());
    request.mutable_spec()->set_split(v1::EvaluationSpec::TEST);
    request.mutable_spec()->set_way(way);
    request.mutable_spec()->set_shot(shot);
    request.mutable_spec()->set_episodes(flags.test_episodes);
    const std::string label = TestLabel(request.spec());
    const auto result = EvaluateWithProgress(client, request, label, console);
    if (absl::IsInvalidArgument(result.status())) {
      console.err << label << ": left out, " << Printable(std::string(result.status().message())) << "\n";
      continue;
    }
    RETURN_IF_ERROR(result.status());
    results.push_back(*result);
  }
  return results;
}

std::string ModelPath(const v1::JobStatus& status, const RunFlags& flags) {
  if (!flags.output.empty()) return flags.output;
  const std::string store = flags.store.empty() ? DefaultStoreDirectory() : flags.store;
  return absl::StrCat(store, "/models/", status.job_id(), ".npz");
}

// Compares a learned optimizer with tuned ones; the curves go into a picture beside the model.
absl::Status CompareModel(const State& state, const RunFlags& flags, Console& console, Outcome* outcome) {
  if (!outcome->status.spec().has_learned_optimizer() || flags.comparison_seeds == 0) return absl::OkStatus();
  ComparisonOptions options;
  options.seeds = flags.comparison_seeds;
  options.threads = flags.slots;
  ASSIGN_OR_RETURN(outcome->comparison, CompareWithProgress(outcome->status.spec(), state.theta, options, console));
  outcome->picture = std::filesystem::path(outcome->model).replace_extension(".svg");
  const std::string title = absl::StrCat(outcome->status.job_id(), ", version ", state.version, ": held-out problems");
  return WriteSvg(outcome->picture, ComparisonChart(*outcome->comparison, title));
}

int64_t FirstVersion(const v1::JobStatus& status) {
  int64_t version = 0;  // a forked job's stands behind "job@"
  const std::vector<std::string> parts = absl::StrSplit(status.forked_from(), '@');
  return parts.size() == 2 && absl::SimpleAtoi(parts[1], &version) ? version : 0;
}

// Over the whole of the training, unlike the status's own figure, which is of the last few generations.
double EvaluationsPerSecond(const v1::JobStatus& status) {
  const auto evaluations = static_cast<double>(FitnessCount(status.spec()) * (status.version() - FirstVersion(status)));
  return status.running_seconds() > 0 ? evaluations / status.running_seconds() : 0;
}

std::string OutcomeJson(const Outcome& outcome) {
  const v1::JobStatus& status = outcome.status;
  std::vector<std::string> tests;
  for (const v1::EvaluationResult& test : outcome.tests) {
    tests.push_back(JsonObject()
                        .Integer("way", test.spec().way())
                        .Integer("shot", test.spec().shot())
                        .Integer("query", test.spec().query())
                        .Integer("episodes", test.spec().episodes())
                        .Number("accuracy", test.accuracy())
                        .Number("interval", test.interval())
                        .Integer("version", test.version())
                        .str());
  }
  JsonObject object;
  object.Text("job_id", status.job_id())
      .Integer("generations", status.version())
      .Text("digest", status.digest())
      .Number("seconds", status.running_seconds())
      .Number("evaluations_per_second", EvaluationsPerSecond(status))
      .Number("bytes_per_generation", status.bytes_per_generation())
      .Raw("test", JsonArray(tests))
      .Text("model", outcome.model)
      .Text("dataset", status.dataset())
      .Integer("num_parameters", status.num_parameters());
  if (status.has_best()) object.Raw("best", ToJson(status.best()));
  if (outcome.comparison) {
    object.Raw("comparison", ComparisonJson(*outcome.comparison)).Text("picture", outcome.picture);
  }
  if (status.spec().has_proto_net()) {
    object.Text("statistics", v1::ProtoNetTask::Statistics_Name(status.spec().proto_net().statistics()));
    object.Text("characters", v1::ProtoNetTask::Characters_Name(status.spec().proto_net().characters()));
  }
  return object.str();
}

// Then validation is no measure of what was not seen, and the version tested is the last.
bool TrainsOnValidation(const v1::JobStatus& status) {
  return status.spec().proto_net().characters() == v1::ProtoNetTask::TRAIN_AND_VALIDATION;
}

std::string TestTable(const Outcome& outcome) {
  const bool support = outcome.status.spec().proto_net().statistics() != v1::ProtoNetTask::EPISODE;
  Table table({{"TEST"}, {"ACCURACY", Column::kRight}, {"EPISODES", Column::kRight}});
  for (const v1::EvaluationResult& test : outcome.tests) {
    table.AddRow({absl::StrCat(test.spec().way(), "-way ", test.spec().shot(), "-shot"), FormatAccuracy(test),
                  FormatCount(test.spec().episodes())});
  }
  return absl::StrCat("Held-out characters, version ", outcome.tests[0].version(),
                      ", 95 % intervals, batch statistics ",
                      support ? "from the support images" : "from the whole episode",
                      TrainsOnValidation(outcome.status) ? ", trained on train and validation characters" : "", "\n\n",
                      table.str(), "\n");
}

std::string OutcomeText(const Outcome& outcome) {
  const v1::JobStatus& status = outcome.status;
  Table facts({{""}, {""}});
  facts.AddRow({"job", status.job_id()});
  facts.AddRow({"generations", FormatCount(static_cast<double>(status.version()))});
  if (status.has_last()) facts.AddRow({"fitness", absl::StrCat(status.last().fitness_mean())});
  if (status.has_best()) {
    facts.AddRow({TrainsOnValidation(status) ? "last validation (trained on)" : "best validation",
                  absl::StrCat(FormatResult(status.spec(), status.best()), " at version ", status.best().version())});
  }
  facts.AddRow({"training time", FormatSeconds(status.running_seconds())});
  facts.AddRow({"evaluations/s", FormatCount(EvaluationsPerSecond(status))});
  facts.AddRow({"sent a generation", FormatBytes(status.bytes_per_generation())});
  facts.AddRow({"digest", status.digest()});
  facts.AddRow({"model", outcome.model});
  if (!outcome.picture.empty()) facts.AddRow({"picture", outcome.picture});
  return absl::StrCat(outcome.tests.empty() ? "" : TestTable(outcome),
                      outcome.comparison ? ComparisonTable(*outcome.comparison) + "\n" : "", facts.str());
}

absl::StatusOr<Outcome> Train(Session& session, const std::string& job_id, const RunFlags& flags, Console& console) {
  Outcome outcome;
  ASSIGN_OR_RETURN(const std::vector<std::string> paused, session.StartWorker(flags.slots, job_id));
  if (!paused.empty()) {
    console.err << "paused meanwhile: " << absl::StrJoin(paused, ", ") << " (go on with: seedcast run --resume JOB)\n";
  }
  ASSIGN_OR_RETURN(outcome.status, Follow(session.client(), job_id, console));
  RETURN_IF_ERROR(OutcomeOf(outcome.status));
  ASSIGN_OR_RETURN(outcome.tests, TestModel(session.client(), outcome.status, flags, console));
  const v1::JobStatus& status = outcome.status;
  const int64_t version = status.has_best() ? status.best().version() : status.version();
  ASSIGN_OR_RETURN(const State state, ReadState(session.client(), status, version));
  outcome.model = ModelPath(status, flags);
  RETURN_IF_ERROR(WriteModel(outcome.model, status, state));
  RETURN_IF_ERROR(CompareModel(state, flags, console, &outcome));
  return outcome;
}

absl::Status Run(const RunFlags& flags, Console& console) {
  v1::JobSpec spec;
  if (flags.resume.empty()) {
    ASSIGN_OR_RETURN(spec, LoadJobFile(flags.file, flags.overrides));
  }
  if (!flags.output.empty()) RETURN_IF_ERROR(PrepareFolder(flags.output));
  SessionOptions options = flags.Resolve();
  options.coordinator.clear();  // everything happens here, whatever the environment says
  options.stays = true;
  options.listen = flags.listen;
  options.insecure = flags.insecure;
  ASSIGN_OR_RETURN(const auto session, Session::Open(options));
  if (!flags.listen.empty()) console.err << "listening on port " << session->port() << "\n";
  ASSIGN_OR_RETURN(const v1::JobStatus status, SubmitOrResume(session->client(), flags, spec));
  console.err << "job:  " << status.job_id() << "\n";
  if (!status.dataset().empty()) console.err << "data: " << Printable(status.dataset()) << "\n";

  const absl::StatusOr<Outcome> outcome = Train(*session, status.job_id(), flags, console);
  if (Interrupted()) return LeaveInterrupted(session->client(), status.job_id(), flags);
  RETURN_IF_ERROR(session->worker_status());
  RETURN_IF_ERROR(outcome.status());
  console.out << (flags.json ? OutcomeJson(*outcome) + "\n" : absl::StrCat("\n", OutcomeText(*outcome)));
  return absl::OkStatus();
}

}  // namespace

void AddRunCommand(CLI::App& app, Console& console, Action* action) {
  const auto flags = std::make_shared<RunFlags>();
  CLI::App* command = app.add_subcommand("run", "Train a job here, test it and write its model: all in one process");
  command->footer(
      "Examples:\n"
      "  seedcast run examples/omniglot.yaml --data ~/omniglot\n"
      "  seedcast run examples/glyphs.yaml --set seed=7 --set generations=100 --json\n"
      "  seedcast run examples/learned-optimizer.yaml --output optimizer.npz    and optimizer.svg\n"
      "  seedcast run --resume omniglot-1              after Ctrl-C, or a crash\n"
      "  seedcast run job.yaml --listen 127.0.0.1:7070    others may watch, and workers may help");
  CLI::Option* file = command->add_option("FILE", flags->file, "Job file (YAML)");
  CLI::Option* resume =
      command->add_option("--resume", flags->resume, "Go on with a job of the store")->type_name("JOB")->excludes(file);
  command->add_option("--set", flags->overrides, "Set a field of the job, path.to.field=value; repeatable")
      ->type_name("PATH=VALUE")
      ->allow_extra_args(false)
      ->excludes(resume);
  command->add_option("--slots", flags->slots, "Threads that evaluate")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--output,-o", flags->output, "Where the model goes; default STORE/models/JOB.npz")
      ->type_name("FILE");
  command->add_option("--listen", flags->listen, "Listen on this address as well")->type_name("ADDR");
  command->add_flag("--insecure", flags->insecure, "Let --listen be other than loopback: the network is trusted");
  command->add_option("--test-episodes", flags->test_episodes, "Episodes of each test at the end; 0 tests nothing")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  command
      ->add_option(
          "--comparison-seeds", flags->comparison_seeds,
          "Held-out instances of each problem on which a learned optimizer meets tuned ones at the end; 0: none")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  AddStoreFlags(*command, flags.get());
  AddOutputFlags(*command, flags.get());
  command->callback([=, &console] {
    if (flags->file.empty() && flags->resume.empty()) throw CLI::RequiredError("FILE or --resume JOB");
    *action = [=, &console] { return Run(*flags, console); };
  });
}

}  // namespace seedcast
