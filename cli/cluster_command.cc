// `seedcast cluster`: finds the clusters of a learned optimizer's job by itself. Each problem is a cluster of its own
// for a few generations; those that judge the same perturbations alike go together (clustering.h).
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/clustering.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/job_file.h"
#include "cli/json.h"
#include "cli/model_file.h"
#include "cli/table.h"
#include "cli/yaml_writer.h"
#include "common/status_macros.h"
#include "worker/tasks/learned_optimizer/learned_optimizer.h"

namespace seedcast {
namespace {

constexpr int kMaxProblems = 64;        // clusters that a job may have
constexpr size_t kMaxPrintedRows = 24;  // a larger matrix fits no terminal; --json has it

struct ClusterFlags : ConnectionFlags {
  std::string file;
  std::vector<std::string> overrides;
  std::string output;
  int count = 0;
  int pairs = 64;
  int generations = 4;
  int slots = DefaultSlots();
};

struct Clustering {
  std::vector<std::string> problems;
  std::vector<int32_t> weights;    // (problems), of the clusters that they were in
  Matrix correlation;              // (problems, problems)
  std::vector<int> cluster;        // (problems)
  std::vector<std::string> names;  // (count)
  std::string file;
};

// A folder of a name that nobody can guess, which goes when its owner does.
class ScratchFolder {
 public:
  ScratchFolder() = default;
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  // NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED and the like, by errno.
  absl::Status Make() {
    std::error_code error;
    const std::filesystem::path parent = std::filesystem::temp_directory_path(error);
    if (error) return absl::ErrnoToStatus(error.value(), "TMPDIR: expected a directory");
    std::string path = parent / "seedcast-cluster-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat("cannot make ", path));
    path_ = std::move(path);
    return absl::OkStatus();
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The job's problems and their weights, to be made into `count` clusters.
absl::StatusOr<Clustering> ProblemsOf(const v1::JobSpec& spec, int count) {
  if (!spec.has_learned_optimizer()) {
    return absl::InvalidArgumentError("learned_optimizer: missing, expected a job that has problems to be clustered");
  }
  ASSIGN_OR_RETURN(const std::vector<ProblemCluster> clusters, ExpandClusters(spec.learned_optimizer()));
  Clustering clustering;
  std::vector<std::string>& problems = clustering.problems;
  for (size_t c = 0; c < clusters.size(); ++c) {
    problems.insert(problems.end(), clusters[c].problems.begin(), clusters[c].problems.end());
    const int32_t weight = spec.learned_optimizer().clusters(static_cast<int>(c)).weight();
    clustering.weights.resize(problems.size(), weight == 0 ? 1 : weight);
  }
  if (problems.size() > kMaxProblems) {
    return absl::InvalidArgumentError(
        absl::StrCat("learned_optimizer.clusters: ", problems.size(), " problems, expected at most ", kMaxProblems));
  }
  if (count > static_cast<int>(problems.size())) {
    return absl::InvalidArgumentError(
        absl::StrCat("--count: ", count, ", expected at most ", problems.size(), ", the number of problems"));
  }
  return clustering;
}

// The job that measures: whole inner trainings, so that no unroll's bias blurs the picture.
v1::JobSpec MeasuringJob(const v1::JobSpec& spec, const std::vector<std::string>& problems, const ClusterFlags& flags) {
  v1::JobSpec measuring = spec;
  measuring.set_name("clustering");
  measuring.set_generations(flags.generations);
  measuring.set_cluster_groups(1);
  measuring.mutable_validation()->set_every(0);
  measuring.mutable_strategy()->set_population_size(2 * int64_t{flags.pairs});
  measuring.mutable_strategy()->set_estimator(v1::Strategy::FULL_ES);
  measuring.mutable_strategy()->clear_gradient_clip();
  v1::LearnedOptimizerTask* task = measuring.mutable_learned_optimizer();
  task->clear_problems_per_evaluation();
  task->clear_clusters();
  for (size_t i = 0; i < problems.size(); ++i) {
    v1::LearnedOptimizerTask::Cluster* cluster = task->add_clusters();
    cluster->set_name(absl::StrCat("p", i + 1));
    cluster->add_problems(problems[i]);
  }
  return measuring;
}

// f+ - f- of every pair of every generation, (problems, generations * pairs).
absl::StatusOr<Matrix> Measure(const v1::JobSpec& spec, const ClusterFlags& flags, Console& console) {
  ScratchFolder folder;
  RETURN_IF_ERROR(folder.Make());
  SessionOptions options = flags.Resolve(console);
  options.coordinator.clear();
  options.store_directory = folder.path();
  options.makes_store = true;
  ASSIGN_OR_RETURN(const auto session, Session::Open(options));
  Client& client = session->client();
  ASSIGN_OR_RETURN(const v1::JobStatus submitted, client.Submit(spec));
  RETURN_IF_ERROR(session->StartWorker(flags.slots, submitted.job_id()).status());
  const auto ended = Follow(client, submitted.job_id(), console);
  if (Interrupted()) return absl::CancelledError("interrupted");
  RETURN_IF_ERROR(session->worker_status());
  RETURN_IF_ERROR(ended.status());
  RETURN_IF_ERROR(OutcomeOf(*ended));

  const int problems = spec.learned_optimizer().clusters_size();
  const auto members = static_cast<int>(spec.strategy().population_size());
  Matrix differences(problems);
  RETURN_IF_ERROR(client.ReadLog(submitted.job_id(), 0, spec.generations(), [&](const v1::GenerationRecord& record) {
    for (int i = 0; i < problems; ++i) {
      for (int m = i * members; m < (i + 1) * members; m += 2) {
        differences[i].push_back(double{record.fitness(m)} - record.fitness(m + 1));
      }
    }
    return absl::OkStatus();
  }));
  return differences;
}

// The kind of its first problem, with a number where that is taken.
std::vector<std::string> ClusterNames(const Clustering& clustering, int count) {
  std::vector<std::string> names(count);
  std::map<std::string, int> taken;
  for (size_t i = 0; i < clustering.problems.size(); ++i) {
    std::string& name = names[clustering.cluster[i]];
    if (!name.empty()) continue;
    name = clustering.problems[i].substr(0, clustering.problems[i].find('('));
    if (const int times = ++taken[name]; times > 1) absl::StrAppend(&name, "-", times);
  }
  return names;
}

// A new cluster has the weight that all its problems came with; where they differ it has none, which is said.
void SetWeights(const Clustering& clustering, v1::LearnedOptimizerTask* task, Console& console) {
  for (int c = 0; c < task->clusters_size(); ++c) {
    std::set<int32_t> weights;
    for (size_t i = 0; i < clustering.problems.size(); ++i) {
      if (clustering.cluster[i] == c) weights.insert(clustering.weights[i]);
    }
    v1::LearnedOptimizerTask::Cluster* cluster = task->mutable_clusters(c);
    if (weights.size() > 1) {
      console.err << "weight left out: the problems of cluster " << cluster->name() << " had weights "
                  << absl::StrJoin(weights, ", ") << "\n";
    } else if (*weights.begin() != 1) {
      cluster->set_weight(*weights.begin());
    }
  }
}

absl::Status WriteJob(const v1::JobSpec& spec, const Clustering& clustering, Console& console) {
  v1::JobSpec clustered = spec;
  v1::LearnedOptimizerTask* task = clustered.mutable_learned_optimizer();
  task->clear_clusters();
  for (const std::string& name : clustering.names) task->add_clusters()->set_name(name);
  for (size_t i = 0; i < clustering.problems.size(); ++i) {
    task->mutable_clusters(clustering.cluster[i])->add_problems(clustering.problems[i]);
  }
  SetWeights(clustering, task, console);
  clustered.set_cluster_groups(std::min(clustered.cluster_groups(), task->clusters_size()));
  // No evaluation can draw more problems than the smallest cluster has.
  for (const v1::LearnedOptimizerTask::Cluster& cluster : task->clusters()) {
    task->set_problems_per_evaluation(std::min(task->problems_per_evaluation(), cluster.problems_size()));
  }
  std::ofstream file(clustering.file);
  file << "# Clusters found by seedcast cluster.\n" << ToYaml(clustered);
  file.close();
  return file ? absl::OkStatus() : absl::UnknownError(absl::StrCat(clustering.file, ": cannot be written"));
}

std::string ClusteringJson(const Clustering& clustering) {
  std::vector<std::string> problems, rows;
  for (size_t i = 0; i < clustering.problems.size(); ++i) {
    problems.push_back(JsonObject()
                           .Text("problem", clustering.problems[i])
                           .Text("cluster", clustering.names[clustering.cluster[i]])
                           .str());
    std::vector<std::string> row;
    for (const double value : clustering.correlation[i]) row.push_back(absl::StrFormat("%.4f", value));
    rows.push_back(JsonArray(row));
  }
  return JsonObject()
      .Raw("problems", JsonArray(problems))
      .Raw("correlation", JsonArray(rows))
      .Text("file", clustering.file)
      .str();
}

// Problems in the order of their clusters, with their correlations.
std::string ClusteringTable(const Clustering& clustering) {
  std::vector<size_t> order;
  for (size_t c = 0; c < clustering.names.size(); ++c) {
    for (size_t i = 0; i < clustering.problems.size(); ++i) {
      if (clustering.cluster[i] == static_cast<int>(c)) order.push_back(i);
    }
  }
  const bool whole = order.size() <= kMaxPrintedRows;
  std::vector<Column> columns = {{"CLUSTER"}, {"PROBLEM"}, {"", Column::kRight}};
  for (size_t i = 0; whole && i < order.size(); ++i) columns.push_back({absl::StrCat(i + 1), Column::kRight});
  Table table(std::move(columns));
  for (size_t row = 0; row < order.size(); ++row) {
    std::vector<std::string> cells = {clustering.names[clustering.cluster[order[row]]], clustering.problems[order[row]],
                                      absl::StrCat(row + 1)};
    for (size_t k = 0; whole && k < order.size(); ++k) {
      cells.push_back(absl::StrFormat("%.2f", clustering.correlation[order[row]][order[k]]));
    }
    table.AddRow(std::move(cells));
  }
  return table.str();
}

absl::Status FindClusters(const ClusterFlags& flags, Console& console) {
  ASSIGN_OR_RETURN(const v1::JobSpec spec, LoadJobFile(flags.file, flags.overrides));
  ASSIGN_OR_RETURN(Clustering clustering, ProblemsOf(spec, flags.count));
  clustering.file = flags.output;
  if (clustering.file.empty()) {
    const std::filesystem::path source = flags.file;
    clustering.file = source.parent_path() / absl::StrCat(source.stem().string(), "-clustered.yaml");
  }
  RETURN_IF_ERROR(PrepareFolder(clustering.file));
  ASSIGN_OR_RETURN(const Matrix differences, Measure(MeasuringJob(spec, clustering.problems, flags), flags, console));
  clustering.correlation = RankCorrelations(differences);
  clustering.cluster = GroupByCorrelation(clustering.correlation, flags.count);
  clustering.names = ClusterNames(clustering, flags.count);
  RETURN_IF_ERROR(WriteJob(spec, clustering, console));
  if (flags.json) {
    console.out << ClusteringJson(clustering) << "\n";
  } else {
    console.out << "Rank correlation of fitness differences over " << flags.generations * flags.pairs
                << " shared perturbations\n\n"
                << ClusteringTable(clustering) << "\nwritten to " << clustering.file << "\n";
  }
  return absl::OkStatus();
}

}  // namespace

void AddClusterCommand(CLI::App& app, Console& console, Action* action) {
  const auto flags = std::make_shared<ClusterFlags>();
  CLI::App* command = app.add_subcommand("cluster", "Find the clusters of a learned optimizer's problems");
  command->footer(
      "Examples:\n"
      "  seedcast cluster examples/learned-optimizer.yaml --count 3 -o clustered.yaml\n"
      "  seedcast run clustered.yaml");
  command->add_option("FILE", flags->file, "Job file (YAML)")->required();
  command->add_option("--count", flags->count, "Clusters to make")->check(CLI::Range(1, kMaxProblems))->required();
  command->add_option("--output,-o", flags->output, "Job file to write; default FILE-clustered.yaml")
      ->type_name("FILE");
  command->add_option("--generations", flags->generations, "Generations to measure")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--pairs", flags->pairs, "Perturbations a generation")
      ->check(CLI::Range(2, 4096))
      ->capture_default_str();
  command->add_option("--set", flags->overrides, "Set a field of the job, path.to.field=value; repeatable")
      ->type_name("PATH=VALUE")
      ->allow_extra_args(false);
  command
      ->add_option("--slots", flags->slots,
                   "Threads that evaluate; default one a core, or as many as a CPU quota feeds")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  AddOutputFlags(*command, flags.get());
  command->callback([=, &console] { *action = [=, &console] { return FindClusters(*flags, console); }; });
}

}  // namespace seedcast
