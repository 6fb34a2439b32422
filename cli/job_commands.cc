// submit, list, show, watch, pause, resume, cancel, fork: one or two calls each, and a way to print the answer.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/job_file.h"
#include "cli/job_views.h"
#include "cli/json.h"
#include "cli/table.h"
#include "common/spec/job_state.h"
#include "common/status_macros.h"

namespace seedcast {
namespace {

struct JobFlags : ConnectionFlags {
  std::string file;
  std::string job_id;
  std::vector<std::string> overrides;
  int64_t version = 0;
  bool watch = false;
};

void PrintStatus(const v1::JobStatus& status, const JobFlags& flags, Console& console, const std::string& sentence) {
  console.out << (flags.json ? ToJson(status) : sentence) << "\n" << std::flush;
}

// Nothing trains in a store that a command opens by itself: whoever waits for it waits for ever.
absl::Status RefuseWaiting(const Session& session, const std::string& job_id, const JobFlags& flags) {
  if (!session.embedded()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(job_id, " has no workers in a local store; ", flags.ResumeCommand(job_id), " trains it here"));
}

// The same for who does not wait.
void SayWhatTrainsIt(const Session& session, const v1::JobStatus& status, const JobFlags& flags, Console& console) {
  if (!session.embedded() || status.state() != v1::RUNNING) return;
  console.err << "it has no workers in a local store; " << flags.ResumeCommand(status.job_id()) << " trains it here\n";
}

absl::Status WatchToEnd(Session& session, const std::string& job_id, const JobFlags& flags, Console& console) {
  const auto print = [&](const v1::JobStatus& status) {
    console.out << ToJson(status) << "\n" << std::flush;  // one line a status
  };
  const absl::StatusOr<v1::JobStatus> last =
      flags.json ? session.client().Watch(job_id, print) : Follow(session.client(), job_id, console);
  if (absl::IsCancelled(last.status()) && Interrupted()) {
    return absl::CancelledError(absl::StrCat("interrupted; the job goes on: seedcast watch ", job_id,
                                             " follows it again, seedcast cancel ", job_id, " ends it"));
  }
  RETURN_IF_ERROR(last.status());
  if (!flags.json) {
    ASSIGN_OR_RETURN(const v1::GetHistoryResponse history, session.client().History(job_id));
    console.out << ShowTable(*last, history);
  }
  return OutcomeOf(*last);
}

absl::Status Submit(const JobFlags& flags, Console& console) {
  ASSIGN_OR_RETURN(const v1::JobSpec spec, LoadJobFile(flags.file, flags.overrides));
  SessionOptions options = flags.Resolve(console);
  options.makes_store = true;
  ASSIGN_OR_RETURN(const auto session, Session::Open(options));
  if (flags.watch && session->embedded()) {
    return absl::InvalidArgumentError("--watch needs a coordinator with workers; seedcast run trains here");
  }
  ASSIGN_OR_RETURN(const v1::JobStatus status, session->client().Submit(spec));
  if (!status.dataset().empty()) console.err << "data: " << Printable(status.dataset()) << "\n";
  if (!flags.watch || !flags.json) PrintStatus(status, flags, console, absl::StrCat("submitted ", status.job_id()));
  SayWhatTrainsIt(*session, status, flags, console);
  return flags.watch ? WatchToEnd(*session, status.job_id(), flags, console) : absl::OkStatus();
}

// On a fresh machine: the default store is not made just to say that it has no jobs. One named by hand is an error.
bool HasNoStoreYet(const JobFlags& flags) {
  const std::string directory = DefaultStoreDirectory();
  return flags.coordinator.empty() && flags.store.empty() && !directory.empty() && !HoldsStore(directory);
}

void PrintJobs(const v1::ListJobsResponse& jobs, const JobFlags& flags, Console& console) {
  console.out << (flags.json ? ToJson(jobs) + "\n" : ListTable(jobs, absl::Now())) << std::flush;
}

absl::Status List(const JobFlags& flags, Console& console) {
  if (HasNoStoreYet(flags)) {
    PrintJobs(v1::ListJobsResponse(), flags, console);
    if (!flags.json) console.err << "no jobs yet: seedcast run FILE trains the first\n";
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const auto session, Session::Open(flags.Resolve(console)));
  ASSIGN_OR_RETURN(const v1::ListJobsResponse response, session->client().List());
  PrintJobs(response, flags, console);
  const bool any_running = std::any_of(response.jobs().begin(), response.jobs().end(),
                                       [](const v1::JobStatus& job) { return job.state() == v1::RUNNING; });
  if (any_running && session->embedded() && !flags.json) {
    console.err << "nothing trains in a local store: " << flags.ResumeCommand("JOB") << "\n";
  }
  return absl::OkStatus();
}

absl::Status Show(const JobFlags& flags, Console& console) {
  ASSIGN_OR_RETURN(const auto session, Session::Open(flags.Resolve(console)));
  ASSIGN_OR_RETURN(const v1::JobStatus status, session->client().Get(flags.job_id));
  ASSIGN_OR_RETURN(const v1::GetHistoryResponse history, session->client().History(flags.job_id));
  if (flags.json) {
    console.out << JsonObject().Raw("status", ToJson(status)).Raw("history", ToJson(history)).str() << "\n";
  } else {
    console.out << ShowTable(status, history);
  }
  return absl::OkStatus();
}

absl::Status Watch(const JobFlags& flags, Console& console) {
  ASSIGN_OR_RETURN(const auto session, Session::Open(flags.Resolve(console)));
  ASSIGN_OR_RETURN(const v1::JobStatus status, session->client().Get(flags.job_id));
  if (!HasEnded(status.state())) RETURN_IF_ERROR(RefuseWaiting(*session, flags.job_id, flags));
  return WatchToEnd(*session, flags.job_id, flags, console);
}

// What a constant schedule ends at was filled in, not written: it must not stand against an override of where it
// begins.
void ForgetFilledIn(v1::Schedule* schedule) {
  if (schedule->decay() == v1::Schedule::CONSTANT) schedule->clear_final();
}

absl::Status Fork(const JobFlags& flags, Console& console) {
  ASSIGN_OR_RETURN(const auto session, Session::Open(flags.Resolve(console)));
  ASSIGN_OR_RETURN(const v1::JobStatus original, session->client().Get(flags.job_id));
  v1::JobSpec spec = original.spec();
  ForgetFilledIn(spec.mutable_strategy()->mutable_sigma());
  ForgetFilledIn(spec.mutable_strategy()->mutable_learning_rate());
  Origins origins;
  RETURN_IF_ERROR(ApplyOverrides(flags.overrides, &spec, &origins));
  ASSIGN_OR_RETURN(const v1::JobStatus status, session->client().Fork(flags.job_id, flags.version, spec));
  PrintStatus(status, flags, console,
              absl::StrCat("forked ", status.job_id(), " from ", flags.job_id, " at version ", flags.version));
  SayWhatTrainsIt(*session, status, flags, console);
  return absl::OkStatus();
}

using Change = absl::StatusOr<v1::JobStatus> (Client::*)(const std::string& job_id);

absl::Status ChangeState(Change change, const std::string& done, const JobFlags& flags, Console& console) {
  ASSIGN_OR_RETURN(const auto session, Session::Open(flags.Resolve(console)));
  ASSIGN_OR_RETURN(const v1::JobStatus status, (session->client().*change)(flags.job_id));
  PrintStatus(status, flags, console, absl::StrCat(done, " ", status.job_id(), " at generation ", Generations(status)));
  SayWhatTrainsIt(*session, status, flags, console);
  return absl::OkStatus();
}

// Adds one subcommand; its flags live as long as its callback does.
CLI::App* AddCommand(CLI::App& app, const std::string& name, const std::string& description,
                     const std::string& examples, const std::shared_ptr<JobFlags>& flags,
                     const std::string& remarks = "") {
  CLI::App* command = app.add_subcommand(name, description);
  command->footer(absl::StrCat(remarks, remarks.empty() ? "" : "\n\n", "Examples:\n", examples));
  AddConnectionFlags(*command, flags.get());
  return command;
}

}  // namespace

void AddJobCommands(CLI::App& app, Console& console, Action* action) {
  const auto set_action = [action, &console](CLI::App* command, const std::shared_ptr<JobFlags>& flags,
                                             auto(*function)(const JobFlags&, Console&)->absl::Status) {
    command->callback([=, &console] { *action = [=, &console] { return function(*flags, console); }; });
  };
  const auto add_job = [](CLI::App* command, JobFlags& flags) {
    command->add_option("JOB", flags.job_id, "Id of the job")->required();
  };
  const auto add_set = [](CLI::App* command, JobFlags& flags) {
    command->add_option("--set", flags.overrides, "Set a field of the job, path.to.field=value; repeatable")
        ->type_name("PATH=VALUE")
        ->allow_extra_args(false);
  };

  auto flags = std::make_shared<JobFlags>();
  CLI::App* command =
      AddCommand(app, "submit", "Hand a job to a coordinator",
                 "  seedcast submit examples/omniglot.yaml --coordinator host:7070 --watch\n"
                 "  seedcast submit job.yaml --set strategy.population_size=1024 --set seed=7",
                 flags,
                 "A job file is YAML; proto/seedcast/v1/job.proto has every field with its default and range.\n"
                 "The coordinator answers once it has the job's data, which may be a download. The job trains\n"
                 "whenever workers are there; without --watch the command leaves at once.");
  command->add_option("FILE", flags->file, "Job file (YAML)")->required();
  add_set(command, *flags);
  command->add_flag("--watch", flags->watch, "Follow the job to its end");
  set_action(command, flags, Submit);

  flags = std::make_shared<JobFlags>();
  command =
      AddCommand(app, "list", "All jobs, in order of submission", "  seedcast list\n  seedcast list --json", flags);
  set_action(command, flags, List);

  flags = std::make_shared<JobFlags>();
  command = AddCommand(app, "show", "One job in full, with its curves", "  seedcast show omniglot-1", flags);
  add_job(command, *flags);
  set_action(command, flags, Show);

  flags = std::make_shared<JobFlags>();
  command = AddCommand(app, "watch", "Follow a job to its end; with --json one line a status",
                       "  seedcast watch omniglot-1 --coordinator host:7070", flags);
  add_job(command, *flags);
  set_action(command, flags, Watch);

  flags = std::make_shared<JobFlags>();
  command = AddCommand(app, "fork", "A new job that starts from a version of another",
                       "  seedcast fork omniglot-1 --version 400 --set strategy.learning_rate.initial=0.005", flags,
                       "With no --set it repeats the original from there, to the bit.");
  add_job(command, *flags);
  command->add_option("--version", flags->version, "Version of the parameters to start from")->required();
  add_set(command, *flags);
  set_action(command, flags, Fork);

  struct StateCommand {
    const char* name;
    const char* description;
    const char* done;
    Change change;
  };
  for (const StateCommand& state : {StateCommand{"pause", "Stop a job until it is resumed", "paused", &Client::Pause},
                                    StateCommand{"resume", "Go on with a paused job", "resumed", &Client::Resume},
                                    StateCommand{"cancel", "End a job for good", "cancelled", &Client::Cancel}}) {
    flags = std::make_shared<JobFlags>();
    command =
        AddCommand(app, state.name, state.description, absl::StrCat("  seedcast ", state.name, " omniglot-1"), flags);
    add_job(command, *flags);
    command->callback(
        [=, &console] { *action = [=, &console] { return ChangeState(state.change, state.done, *flags, console); }; });
  }
}

}  // namespace seedcast
