// evaluate, compare, export, verify: what can be done with a job's parameters.
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "cli/commands.h"
#include "cli/comparison.h"
#include "cli/json.h"
#include "cli/model_file.h"
#include "cli/progress.h"
#include "cli/replay.h"
#include "cli/table.h"
#include "common/spec/resolve.h"
#include "common/spec/shape.h"
#include "common/status_macros.h"

namespace seedcast {
namespace {

struct ModelFlags : ConnectionFlags {
  std::string job_id;
  int64_t version = -1;  // the best one, else the last
  std::string output;
  int slots = DefaultSlots();
  std::string split = "test";
  int32_t way = 0;    // these three as given; 0: 5
  int32_t shot = 0;   // 5
  int32_t query = 0;  // 15, or what the shots leave of a character's drawings
  int32_t episodes = 1000;
  int32_t steps = 0;  // as in training
  int seeds = 20;
};

v1::EvaluationSpec::Split SplitOf(const std::string& name) {
  v1::EvaluationSpec::Split split = v1::EvaluationSpec::SPLIT_UNSPECIFIED;
  v1::EvaluationSpec::Split_Parse(absl::AsciiStrToUpper(name), &split);
  return split;
}

// Of the flags that were given.
absl::Status CheckAreRead(const v1::JobSpec& spec, const ModelFlags& flags) {
  const std::pair<const char*, int32_t> given[] = {
      {"way", flags.way}, {"shot", flags.shot}, {"query", flags.query}, {"steps", flags.steps}};
  for (const auto& [field, value] : given) {
    if (value == 0) continue;
    RETURN_IF_ERROR(CheckIsRead(spec, field, absl::StrCat("--", field), absl::StrCat(value)));
  }
  return absl::OkStatus();
}

// ToJson(result), with null for what the task does not read.
std::string EvaluationJson(const v1::JobSpec& spec, const v1::EvaluationResult& result) {
  const v1::EvaluationSpec& measured = result.spec();
  JsonObject read;
  read.Text("split", v1::EvaluationSpec::Split_Name(measured.split()));
  const auto add = [&read](const char* name, bool is_read, int32_t value) {
    is_read ? read.Integer(name, value) : read.Raw(name, "null");
  };
  add("way", HasClasses(spec), measured.way());
  add("shot", HasClasses(spec), measured.shot());
  add("query", HasClasses(spec), measured.query());
  add("episodes", true, measured.episodes());
  add("steps", HasUnrolls(spec), measured.steps());
  return JsonObject()
      .Raw("spec", read.str())
      .Integer("version", result.version())
      .Number("accuracy", result.accuracy())
      .Number("interval", result.interval())
      .Number("fitness", result.fitness())
      .str();
}

absl::Status Evaluate(const ModelFlags& flags, Console& console) {
  ASSIGN_OR_RETURN(const auto session, Session::Open(flags.Resolve(console)));
  ASSIGN_OR_RETURN(const v1::JobStatus status, session->client().Get(flags.job_id));
  RETURN_IF_ERROR(CheckAreRead(status.spec(), flags));
  if (session->embedded()) {
    RETURN_IF_ERROR(CheckNumericClassHere(status.spec()));
    ASSIGN_OR_RETURN(const std::vector<std::string> paused, session->StartWorkerForEvaluation(flags.slots));
    if (!paused.empty()) console.err << "paused meanwhile: " << absl::StrJoin(paused, ", ") << "\n";
  }
  v1::EvaluateJobRequest request;
  request.set_job_id(flags.job_id);
  if (flags.version >= 0) request.set_version(flags.version);
  request.mutable_spec()->set_split(SplitOf(flags.split));
  request.mutable_spec()->set_way(flags.way);
  request.mutable_spec()->set_shot(flags.shot);
  request.mutable_spec()->set_query(flags.query);
  request.mutable_spec()->set_episodes(flags.episodes);
  request.mutable_spec()->set_steps(flags.steps);
  const auto evaluated = EvaluateWithProgress(session->client(), request, "evaluating", console);
  RETURN_IF_ERROR(session->worker_status());
  ASSIGN_OR_RETURN(const v1::EvaluationResult result, evaluated);
  if (flags.json) {
    console.out << EvaluationJson(status.spec(), result) << "\n";
    return absl::OkStatus();
  }
  Table table({{"JOB"},
               {"VERSION", Column::kRight},
               {"SPLIT"},
               {"EPISODES", Column::kRight},
               {"ACCURACY", Column::kRight},
               {"FITNESS", Column::kRight}});
  table.AddRow({flags.job_id, absl::StrCat(result.version()), v1::EvaluationSpec::Split_Name(result.spec().split()),
                FormatCount(result.spec().episodes()), std::isfinite(result.accuracy()) ? FormatAccuracy(result) : "-",
                std::isfinite(result.fitness()) ? absl::StrCat(result.fitness()) : "-"});
  console.out << table.str();
  return absl::OkStatus();
}

int64_t VersionOf(const v1::JobStatus& status, const ModelFlags& flags) {
  if (flags.version >= 0) return flags.version;
  return status.has_best() ? status.best().version() : status.version();
}

absl::Status CompareJob(const ModelFlags& flags, Console& console) {
  ASSIGN_OR_RETURN(const auto session, Session::Open(flags.Resolve(console)));
  ASSIGN_OR_RETURN(const v1::JobStatus status, session->client().Get(flags.job_id));
  if (!status.spec().has_learned_optimizer()) {
    return absl::InvalidArgumentError(
        absl::StrCat("JOB: ", flags.job_id, ", expected a job that trains a learned optimizer"));
  }
  const std::string path = flags.output.empty() ? flags.job_id : flags.output;
  RETURN_IF_ERROR(PrepareFolder(path));
  ASSIGN_OR_RETURN(const State state, ReadState(session->client(), status, VersionOf(status, flags)));
  ComparisonOptions options;
  options.seeds = flags.seeds;
  options.steps = flags.steps;
  options.threads = flags.slots;
  ASSIGN_OR_RETURN(const Comparison comparison, CompareWithProgress(status.spec(), state.theta, options, console));
  const std::string subject = absl::StrCat(flags.job_id, ", version ", state.version);
  ASSIGN_OR_RETURN(const ComparisonFiles files, WriteComparison(comparison, subject, path));
  if (flags.json) {
    console.out << JsonObject()
                       .Text("job_id", flags.job_id)
                       .Integer("version", state.version)
                       .Raw("comparison", ComparisonJson(comparison))
                       .Text("picture", files.picture)
                       .Text("table", files.table)
                       .str()
                << "\n";
  } else {
    console.out << ComparisonTable(comparison) << "\n"
                << subject << "; picture in " << files.picture << ", and the table above in " << files.table << "\n";
  }
  return absl::OkStatus();
}

absl::Status Export(const ModelFlags& flags, Console& console) {
  ASSIGN_OR_RETURN(const auto session, Session::Open(flags.Resolve(console)));
  ASSIGN_OR_RETURN(const v1::JobStatus status, session->client().Get(flags.job_id));
  ASSIGN_OR_RETURN(const State state, ReadState(session->client(), status, VersionOf(status, flags)));
  const std::string path = flags.output.empty() ? flags.job_id + ".npz" : flags.output;
  RETURN_IF_ERROR(WriteModel(path, status, state));
  if (flags.json) {
    console.out << JsonObject()
                       .Text("job_id", flags.job_id)
                       .Integer("version", state.version)
                       .Text("digest", ToHex(StateDigest(state)))
                       .Text("model", path)
                       .str()
                << "\n";
  } else {
    console.out << "version " << state.version << " of " << flags.job_id << " written to " << path << "\n";
  }
  return absl::OkStatus();
}

absl::Status VerifyJob(const ModelFlags& flags, Console& console) {
  ASSIGN_OR_RETURN(const auto session, Session::Open(flags.Resolve(console)));
  absl::StatusOr<VerifyReport> report;
  {
    ProgressLine progress(console);
    report = Verify(session->client(), flags.job_id, flags.slots, [&](int64_t version, int64_t versions) {
      progress.Show(absl::StrCat("replayed ", version, "/", versions), absl::Now());
    });
  }
  if (absl::IsDataLoss(report.status())) {
    if (flags.json) {
      console.out << JsonObject()
                         .Text("job_id", flags.job_id)
                         .Raw("verified", "false")
                         .Text("difference", std::string(report.status().message()))
                         .str()
                  << "\n";
    }
    return absl::DataLossError(absl::StrCat(flags.job_id, " does not verify: ", report.status().message()));
  }
  RETURN_IF_ERROR(report.status());
  if (flags.json) {
    console.out << JsonObject()
                       .Text("job_id", flags.job_id)
                       .Raw("verified", "true")
                       .Integer("first_version", report->first_version)
                       .Integer("generations", report->generations)
                       .Integer("snapshots", report->snapshots)
                       .Text("digest", report->digest)
                       .Text("first_state_note", report->first_state_note)
                       .str()
                << "\n";
    return absl::OkStatus();
  }
  if (!report->first_state_note.empty())
    console.err << "first state not recomputed: " << report->first_state_note << "\n";
  console.out << flags.job_id << " verifies: " << FormatCount(static_cast<double>(report->generations))
              << " generations replayed, " << report->snapshots << " snapshots compared, digest " << report->digest
              << "\n";
  return absl::OkStatus();
}

// CLI11's own check of a half-open range prints its end, the largest double.
const CLI::Validator kNotNegative(
    [](const std::string& value) { return value.starts_with('-') ? value + ", expected 0 or more" : ""; }, "");

CLI::App* AddCommand(CLI::App& app, const std::string& name, const std::string& description,
                     const std::string& examples, ModelFlags* flags) {
  CLI::App* command = app.add_subcommand(name, description);
  command->footer("Examples:\n" + examples);
  command->add_option("JOB", flags->job_id, "Id of the job")->required();
  AddConnectionFlags(*command, flags);
  return command;
}

void AddVersion(CLI::App& command, ModelFlags* flags) {
  command.add_option("--version", flags->version, "Version of the parameters; default the best by validation")
      ->check(kNotNegative);
}

void AddSteps(CLI::App& command, ModelFlags* flags) {
  command
      .add_option("--steps", flags->steps,
                  "Inner steps of a learned optimizer's episode; 0 as in training: an unroll's times their number")
      ->check(CLI::Range(0, 10'000'000))
      ->capture_default_str();
}

void AddSlots(CLI::App& command, ModelFlags* flags) {
  command
      .add_option("--slots", flags->slots, "Threads to use here; default one a core, or as many as a CPU quota feeds")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
}

}  // namespace

void AddModelCommands(CLI::App& app, Console& console, Action* action) {
  auto flags = std::make_shared<ModelFlags>();
  CLI::App* command = AddCommand(app, "evaluate", "Measure a version on episodes, on the workers",
                                 "  seedcast evaluate omniglot-1\n"
                                 "  seedcast evaluate omniglot-1 --split validation --way 20 --shot 1 --episodes 5000\n"
                                 "  seedcast evaluate optimizer-1 --steps 1000    longer than it was trained for",
                                 flags.get());
  command->add_option("--split", flags->split, "Where the episodes come from")
      ->transform(CLI::IsMember({"train", "validation", "test"}, CLI::ignore_case))
      ->capture_default_str()
      ->type_name("SPLIT");
  command->add_option("--way", flags->way, "Classes an episode; default 5")->check(CLI::Range(2, 100));
  command->add_option("--shot", flags->shot, "Support images a class; default 5")->check(CLI::Range(1, 19));
  command->add_option("--query", flags->query, "Query images a class; default 15, or what there is")
      ->check(CLI::Range(1, 19));
  command->add_option("--episodes", flags->episodes, "Number of episodes")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  AddSteps(*command, flags.get());
  AddVersion(*command, flags.get());
  AddSlots(*command, flags.get());
  command->callback([=, &console] { *action = [=, &console] { return Evaluate(*flags, console); }; });

  flags = std::make_shared<ModelFlags>();
  command = AddCommand(app, "compare", "Measure a learned optimizer here against SGD, momentum, RMSProp and Adam",
                       "  seedcast compare optimizer-1                 a table, optimizer-1.md and optimizer-1.svg\n"
                       "  seedcast compare optimizer-1 --steps 1000    longer than it was trained for\n"
                       "\n"
                       "Each meets new instances of the problems, and of a family it was never trained on; the others\n"
                       "have their learning rates tuned on further instances.",
                       flags.get());
  command->add_option("--seeds", flags->seeds, "Held-out instances of each problem")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  AddSteps(*command, flags.get());
  command->add_option("--output,-o", flags->output, "The table's and the picture's name, .md and .svg; default JOB")
      ->type_name("FILE");
  AddVersion(*command, flags.get());
  AddSlots(*command, flags.get());
  command->callback([=, &console] { *action = [=, &console] { return CompareJob(*flags, console); }; });

  flags = std::make_shared<ModelFlags>();
  command = AddCommand(app, "export", "Write a version's parameters as .npz, which numpy loads",
                       "  seedcast export omniglot-1 --output model.npz\n"
                       "  python3 -c 'import numpy; print(numpy.load(\"model.npz\").files)'",
                       flags.get());
  command->add_option("--output,-o", flags->output, "File to write; default JOB.npz")->type_name("FILE");
  AddVersion(*command, flags.get());
  command->callback([=, &console] { *action = [=, &console] { return Export(*flags, console); }; });

  flags = std::make_shared<ModelFlags>();
  command = AddCommand(app, "verify", "Replay a job's log here and compare every digest, link and snapshot",
                       "  seedcast verify omniglot-1", flags.get());
  AddSlots(*command, flags.get());
  command->callback([=, &console] { *action = [=, &console] { return VerifyJob(*flags, console); }; });
}

}  // namespace seedcast
