// `seedcast run`: a coordinator, a worker and a client in one process, from a job file to a tested model.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "cli/comparison.h"
#include "cli/interrupt.h"
#include "cli/job_file.h"
#include "cli/model_file.h"
#include "cli/replay.h"
#include "cli/run_outcome.h"
#include "cli/table.h"
#include "common/status_macros.h"

namespace seedcast {
namespace {

struct RunFlags : ConnectionFlags {
  std::string file;
  std::string resume;
  std::vector<std::string> overrides;
  std::string output;
  std::string listen;
  int slots = DefaultSlots();
  int inner_state_mb = WorkerOptions().inner_state_mb;
  int32_t test_episodes = 1000;
  int comparison_seeds = 20;
};

// That the job does not wait for ever: without --listen no worker can join but the one here.
absl::Status CheckServed(const v1::JobSpec& spec, const RunFlags& flags) {
  return flags.listen.empty() ? CheckNumericClassHere(spec) : absl::OkStatus();
}

// The job to train: a new one, or one of the store that had not ended.
absl::StatusOr<v1::JobStatus> SubmitOrResume(Client& client, const RunFlags& flags, const v1::JobSpec& spec) {
  if (flags.resume.empty()) return client.Submit(spec);
  ASSIGN_OR_RETURN(v1::JobStatus status, client.Get(flags.resume));
  RETURN_IF_ERROR(CheckServed(status.spec(), flags));
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
  return absl::CancelledError(
      absl::StrCat("interrupted", where, "; progress is kept, go on with: ", flags.ResumeCommand(job_id)));
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

// Compares a learned optimizer with tuned ones; the table and a picture of the curves go beside the model.
absl::Status CompareModel(const State& state, const RunFlags& flags, Console& console, RunOutcome* outcome) {
  if (!outcome->status.spec().has_learned_optimizer() || flags.comparison_seeds == 0) return absl::OkStatus();
  ComparisonOptions options;
  options.seeds = flags.comparison_seeds;
  options.threads = flags.slots;
  ASSIGN_OR_RETURN(outcome->comparison, CompareWithProgress(outcome->status.spec(), state.theta, options, console));
  const std::string subject = absl::StrCat(outcome->status.job_id(), ", version ", state.version);
  ASSIGN_OR_RETURN(outcome->comparison_files, WriteComparison(*outcome->comparison, subject, outcome->model));
  return absl::OkStatus();
}

absl::StatusOr<RunOutcome> Train(Session& session, const std::string& job_id, const RunFlags& flags, Console& console) {
  RunOutcome outcome;
  ASSIGN_OR_RETURN(const std::vector<std::string> paused,
                   session.StartWorker(flags.slots, job_id, flags.inner_state_mb));
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
    RETURN_IF_ERROR(CheckServed(spec, flags));
  }
  if (!flags.output.empty()) RETURN_IF_ERROR(PrepareFolder(flags.output));
  SessionOptions options = flags.Resolve(console);
  options.coordinator.clear();  // everything happens here, whatever the environment says
  options.stays = true;
  options.makes_store = flags.resume.empty();
  options.listen = flags.listen;
  ASSIGN_OR_RETURN(const auto session, Session::Open(options));
  if (!flags.listen.empty()) console.err << "listening on port " << session->port() << "\n";
  ASSIGN_OR_RETURN(const v1::JobStatus status, SubmitOrResume(session->client(), flags, spec));
  console.err << "job:  " << status.job_id() << "\n";
  if (!status.dataset().empty()) console.err << "data: " << Printable(status.dataset()) << "\n";

  const absl::StatusOr<RunOutcome> outcome = Train(*session, status.job_id(), flags, console);
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
      "At the end the model is tested on classes that it never saw, or a learned optimizer compared with\n"
      "tuned ones, and written. Ctrl-C leaves the job paused, with its progress kept. While it runs, other\n"
      "commands on the same --store reach it, and submit hands it one more job; with --listen, by\n"
      "--coordinator.\n"
      "\n"
      "Examples:\n"
      "  seedcast run examples/omniglot.yaml --data ~/omniglot\n"
      "  seedcast run examples/glyphs.yaml --set seed=7 --set generations=100 --json\n"
      "  seedcast run examples/learned-optimizer.yaml --output optimizer.npz\n"
      "  seedcast run --resume omniglot-1              after Ctrl-C, or a crash\n"
      "  seedcast run job.yaml --listen 127.0.0.1:7070    others may watch and help");
  CLI::Option* file = command->add_option("FILE", flags->file, "Job file (YAML)");
  CLI::Option* resume =
      command->add_option("--resume", flags->resume, "Go on with a job of the store")->type_name("JOB")->excludes(file);
  command->add_option("--set", flags->overrides, "Set a field of the job, path.to.field=value; repeatable")
      ->type_name("PATH=VALUE")
      ->allow_extra_args(false)
      ->excludes(resume);
  command
      ->add_option("--slots", flags->slots,
                   "Threads that evaluate; default one a core, or as many as a CPU quota feeds")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command
      ->add_option("--inner-state-mb", flags->inner_state_mb,
                   "MiB for inner trainings that are carried from generation to generation")
      ->configurable(true)
      ->check(CLI::Range(0, 1 << 20))
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
