// What `seedcast` does with a learned optimizer: from a job file to a table, a picture, a model that numpy steps with.
#include <gmock/gmock.h>

#include <cstdlib>

#include "tests/cli/command_fixture.h"
#include "tests/testing/read_text.h"

namespace seedcast {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class LearnedOptimizerCommandTest : public CommandTest {
 protected:
  // Two clusters and few steps: done in a moment.
  std::string Job(const std::string& clusters =
                      "[{name: quadratics, problems: [quadratic(4)]},"
                      " {name: nets, problems: [\"softmax(3, 2, 50)\"]}]") const {
    std::ofstream(Path("job.yaml")) << "name: tiny\n"
                                       "learned_optimizer:\n  clusters: "
                                    << clusters
                                    << "\n  unroll: {steps: 10}\n"
                                       "strategy: {population_size: 4}\n"
                                       "generations: 3\n"
                                       "validation: {every: 2, episodes: {episodes: 4}}\n";
    return Path("job.yaml");
  }

  CommandResult Run(const std::string& comparison_seeds, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {
        "run", Job(), "--comparison-seeds", comparison_seeds, "--output", Path("model.npz")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return OnStore(arguments);
  }
};

TEST_F(LearnedOptimizerCommandTest, ARunEndsWithATableAndAPicture) {
  const CommandResult run = Run("2");
  ASSERT_EQ(run.code, 0) << run.err;
  for (const char* text :
       {"FAMILY", "LEARNED", "ADAM", "quadratics", "norm (never trained on)", "Accuracy at the end"}) {
    EXPECT_THAT(run.out, HasSubstr(text));
  }
  EXPECT_THAT(run.out, Not(HasSubstr("no family is left")));
  const std::string picture = ReadText(Path("model.svg"));
  EXPECT_THAT(picture, HasSubstr("tiny-1, version"));
  EXPECT_THAT(picture, HasSubstr("norm (never trained on)"));
  const std::string table = ReadText(Path("model.md"));
  EXPECT_EQ(table.find("# tiny-1, version"), 0u);
  const size_t begin = table.find("```\n") + 4;
  EXPECT_THAT(run.out, HasSubstr(table.substr(begin, table.rfind("```") - begin))) << "the same in both";
  EXPECT_THAT(table, HasSubstr("norm (never trained on)"));
  EXPECT_THAT(run.out, HasSubstr("model.svg, and the table above in " + Path("model.md")));
  EXPECT_THAT(run.err, HasSubstr("quadratics ")) << "progress by cluster";
}

TEST_F(LearnedOptimizerCommandTest, ATableWithoutANewFamilySaysSo) {
  const std::string job =
      Job("[{name: all, problems: [\"norm(3, 2)\", \"matmul(2, 4)\", quadratic(3), bowl(1), \"softmax(3, 2, 50)\","
          " dependency_chain(3), \"outward_snake(3, 50, 10)\", min_max_well(3), \"convnet_relu(2, 1, 2, 10)\"]}]");
  const CommandResult run = OnStore({"run", job, "--comparison-seeds", "1", "--output", Path("model.npz")});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("\nno family is left that it was never trained on\n"));
  EXPECT_THAT(run.out, Not(HasSubstr("(never trained on)")));
}

TEST_F(LearnedOptimizerCommandTest, ARunsJsonHasTheComparison) {
  const CommandResult run = Run("2", {"--json"});
  ASSERT_EQ(run.code, 0) << run.err;
  ExpectJson(run.out,
             "len(j['comparison']) == 15 and {c['family'] for c in j['comparison']} == {'quadratics', 'nets', 'norm'} "
             "and [c['optimizer'] for c in j['comparison'][:5]] == ['learned', 'SGD', 'momentum', 'RMSProp', 'Adam'] "
             "and j['comparison'][0]['learning_rate'] is None and j['comparison'][1]['learning_rate'] > 0 "
             "and j['picture'].endswith('model.svg') and j['table'].endswith('model.md')");
}

TEST_F(LearnedOptimizerCommandTest, TheComparisonCanBeLeftOut) {
  const CommandResult run = Run("0", {"--json"});
  ASSERT_EQ(run.code, 0) << run.err;
  ExpectJson(run.out, "'comparison' not in j and j['model'].endswith('.npz')");
}

TEST_F(LearnedOptimizerCommandTest, AnEpisodeMayHaveOtherStepsThanTraining) {
  ASSERT_EQ(Run("0").code, 0);
  const auto fitness_after = [&](const std::vector<std::string>& steps) {
    std::vector<std::string> arguments = {"evaluate", "tiny-1", "--episodes", "4", "--json"};
    arguments.insert(arguments.end(), steps.begin(), steps.end());
    return JsonField(OnStore(arguments).out, "fitness");
  };
  EXPECT_NE(fitness_after({}), "");
  EXPECT_EQ(fitness_after({"--steps", "10"}), fitness_after({})) << "as in training";
  EXPECT_NE(fitness_after({"--steps", "3"}), fitness_after({}));
}

TEST_F(LearnedOptimizerCommandTest, CompareDoesWhatRunDoesAtItsEnd) {
  const CommandResult run = Run("2");
  ASSERT_EQ(run.code, 0) << run.err;
  const std::vector<std::string> compare = {"compare", "tiny-1", "--seeds", "2", "--output", Path("again")};
  const CommandResult text = OnStore(compare);
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_EQ(ReadText(Path("again.md")), ReadText(Path("model.md")));
  EXPECT_EQ(ReadText(Path("again.svg")), ReadText(Path("model.svg")));
  EXPECT_THAT(text.out, HasSubstr("norm (never trained on)"));
  EXPECT_THAT(text.out, HasSubstr("picture in " + Path("again.svg")));
  std::vector<std::string> longer = compare;
  longer.insert(longer.end(), {"--steps", "3", "--version", "0", "--json"});
  ExpectJson(OnStore(longer).out,
             "len(j['comparison']) == 15 and j['comparison'][0]['steps'] == 3 and j['version'] == 0 "
             "and j['picture'].endswith('again.svg') and j['table'].endswith('again.md')");
}

TEST_F(LearnedOptimizerCommandTest, OnlyALearnedOptimizerIsCompared) {
  ASSERT_EQ(OnStore({"run", SphereJob()}).code, 0);
  const CommandResult sphere = OnStore({"compare", "sphere-1"});
  EXPECT_EQ(sphere.code, 2);
  EXPECT_THAT(sphere.err, HasSubstr("JOB: sphere-1, expected a job that trains a learned optimizer"));
}

TEST_F(LearnedOptimizerCommandTest, ShowPrintsTheClusters) {
  ASSERT_EQ(Run("0").code, 0);
  const CommandResult show = OnStore({"show", "tiny-1"});
  EXPECT_THAT(show.out, HasSubstr("CLUSTER"));
  EXPECT_THAT(show.out, HasSubstr("DIVERGED"));
  EXPECT_THAT(show.out, HasSubstr("quadratics"));
}

TEST_F(LearnedOptimizerCommandTest, NumpyStepsWithTheExportToTheSameLosses) {
  if (std::system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") != 0) GTEST_SKIP() << "numpy is not installed";
  const std::string script = std::string(std::getenv("SEEDCAST_SOURCE_DIR")) + "/examples/step_with_numpy.py ";
  for (const std::string from_last : {"false", "true"}) {
    const CommandResult run =
        Run("0", {"--json", "--set", "learned_optimizer.published.global_from_last_tensor=" + from_last});
    ASSERT_EQ(run.code, 0) << run.err;
    const std::string model = Path(from_last + ".npz");
    ASSERT_EQ(OnStore({"export", JsonField(run.out, "job_id"), "--output", model}).code, 0);
    EXPECT_EQ(std::system(("/usr/bin/python3 " + script + model + " > " + Path("log")).c_str()), 0) << from_last;
    std::ofstream(Path("option.py")) << "import numpy, sys\n"
                                        "option = numpy.load(sys.argv[1])['published.global_from_last_tensor']\n"
                                        "sys.exit(option.shape != () or str(option > 0).lower() != sys.argv[2])\n";
    EXPECT_EQ(std::system(("/usr/bin/python3 " + Path("option.py") + " " + model + " " + from_last).c_str()), 0);
  }
}

TEST_F(LearnedOptimizerCommandTest, ARunTakesABoundForItsInnerStates) {
  const std::vector<std::string> carried = {"--set", "strategy.estimator=PES", "--set",
                                            "learned_optimizer.unroll.count=2", "--json"};
  const CommandResult with = Run("0", carried);
  ASSERT_EQ(with.code, 0) << with.err;
  std::vector<std::string> none = carried;
  none.insert(none.end(), {"--inner-state-mb", "0"});
  EXPECT_EQ(JsonField(Run("0", none).out, "digest"), JsonField(with.out, "digest")) << "all states built again";
  none.back() = "-1";
  const CommandResult negative = Run("0", none);
  EXPECT_EQ(negative.code, 2);
  EXPECT_THAT(negative.err, HasSubstr("--inner-state-mb"));
  const CommandResult text = Command({"run", Job(), "--store", Path("store")}, {"SEEDCAST_INNER_STATE_MB=lots"});
  EXPECT_EQ(text.code, 2);
  EXPECT_THAT(text.err, HasSubstr("lots"));
}

TEST_F(LearnedOptimizerCommandTest, BadJobsAreRefusedWithWhatWasExpected) {
  const struct {
    std::string clusters;
    std::vector<std::string> overrides;
    std::string error;
  } kCases[] = {
      {"[]", {}, "job.yaml:3: learned_optimizer.clusters: 0 entries, expected 1 .. 64 entries"},
      {"[{name: a}]", {}, "learned_optimizer.clusters[0].problems: 0 entries, expected 1 .. 200 entries"},
      {"[{name: a, problems: [bowl]}, {name: a, problems: [mlp]}]", {}, "clusters[1].name: \"a\" again, expected"},
      {"[{name: a, problems: [default, default]}]", {}, "clusters[0].problems: 202 problems, expected at most 200"},
      {"[{name: a, problems: [bowl]}]",
       {"learned_optimizer.problems_per_evaluation=5"},
       "problems_per_evaluation: 5, expected at most 4, the problems of cluster a"},
      {"[{name: a, problems: [bowl]}, {name: b, problems: [mlp]}]",
       {"strategy.population_size=1048576"},
       "population_size * clusters <= 1048576 with 2 clusters"},
      {"[{name: a, problems: [bowl]}]",
       {"learned_optimizer.unroll.steps=0"},
       "learned_optimizer.unroll.steps: 0 is out of its range; leave it out for the default, 100"},
      {"[{name: a, problems: [bowl]}]",
       {"learned_optimizer.unroll={steps: 1000000, count: 10000}"},
       "steps * count * restarts <= 1000000000"},
  };
  for (const auto& bad : kCases) {
    std::vector<std::string> arguments = {"run", Job(bad.clusters)};
    for (const std::string& override : bad.overrides) arguments.insert(arguments.end(), {"--set", override});
    const CommandResult run = OnStore(arguments);
    EXPECT_EQ(run.code, 2) << bad.error;
    EXPECT_THAT(run.err, HasSubstr(bad.error));
  }
  const CommandResult gradient = OnStore({"run", SphereJob(), "--set", "strategy.estimator=GRADIENT"});
  EXPECT_EQ(gradient.code, 2);
  EXPECT_THAT(gradient.err, HasSubstr("strategy.estimator: GRADIENT, expected FULL_ES with sphere, without unrolls"));
}

TEST_F(LearnedOptimizerCommandTest, AnUnknownProblemIsNamedWithItsPath) {
  const CommandResult run = OnStore({"run", Job("[{name: a, problems: [bowl(5), quadratik(3)]}]")});
  EXPECT_EQ(run.code, 2);
  EXPECT_THAT(run.err, HasSubstr("learned_optimizer.clusters[0].problems[1]"));
  EXPECT_THAT(run.err, HasSubstr("quadratic"));
}

TEST_F(LearnedOptimizerCommandTest, ClusterTellsProblemsApartThatWantOppositeThings) {
  // The tiny ones overshoot with every step, so they want smaller steps; the others want larger ones.
  const std::string job =
      Job("[{name: all, problems: [quadratic(4), \"rescale(quadratic(5), 0.000001)\", quadratic(6), "
          "\"rescale(quadratic(7), 0.000001)\"]}]");
  const CommandResult found = Command(
      {"cluster", job, "--count", "2", "--pairs", "32", "--generations", "2", "--json", "-o", Path("two.yaml")});
  ASSERT_EQ(found.code, 0) << found.err;
  ExpectJson(found.out,
             "[p['cluster'] for p in j['problems']] == ['quadratic', 'rescale', 'quadratic', 'rescale'] "
             "and j['correlation'][0][2] > 0.3 and j['correlation'][0][1] < 0");
  const CommandResult run = OnStore({"run", Path("two.yaml"), "--comparison-seeds", "0"});
  EXPECT_EQ(run.code, 0) << run.err;

  const CommandResult table = Command({"cluster", job, "--count", "4", "--pairs", "2", "--generations", "1"});
  EXPECT_THAT(table.out, HasSubstr("PROBLEM"));
  EXPECT_THAT(table.out, HasSubstr("job-clustered.yaml"));
}

TEST_F(LearnedOptimizerCommandTest, ClusterKeepsWeightsOrSaysThatItCannot) {
  const std::string job =
      Job("[{name: a, weight: 3, problems: [quadratic(4), quadratic(6)]},"
          " {name: b, problems: [\"rescale(quadratic(5), 0.000001)\", \"rescale(quadratic(7), 0.000001)\"]}]");
  const auto cluster = [&](const std::string& count) {
    const CommandResult found =
        Command({"cluster", job, "--count", count, "--pairs", "32", "--generations", "2", "-o", Path("found.yaml")});
    EXPECT_EQ(found.code, 0) << found.err;
    std::ostringstream file;
    file << std::ifstream(Path("found.yaml")).rdbuf();
    return std::pair(found.err, file.str());
  };
  const auto [silent, kept] = cluster("2");
  EXPECT_THAT(silent, Not(HasSubstr("weight")));
  EXPECT_THAT(kept, ContainsRegex("name: quadratic\n[^n]*problems:[^n]*weight: 3\n"));
  const auto [told, dropped] = cluster("1");
  EXPECT_THAT(told, HasSubstr("weight left out: the problems of cluster quadratic had weights 1, 3\n"));
  EXPECT_THAT(dropped, Not(HasSubstr("weight")));
}

TEST_F(LearnedOptimizerCommandTest, ClusterWritesNoMoreGroupsThanClusters) {
  const std::string job =
      Job("[{name: a, problems: [quadratic(4)]}, {name: b, problems: [quadratic(5)]}, {name: c, problems: [bowl(1)]}]");
  const CommandResult found = Command({"cluster", job, "--set", "cluster_groups=3", "--count", "2", "--pairs", "2",
                                       "--generations", "1", "-o", Path("two.yaml")});
  ASSERT_EQ(found.code, 0) << found.err;
  const CommandResult run = OnStore({"run", Path("two.yaml"), "--comparison-seeds", "0"});
  EXPECT_EQ(run.code, 0) << run.err;
}

TEST_F(LearnedOptimizerCommandTest, ClusterRefusesWhatItCannotDo) {
  const CommandResult many = Command({"cluster", Job(), "--count", "3"});
  EXPECT_EQ(many.code, 2);
  EXPECT_THAT(many.err, HasSubstr("--count: 3, expected at most 2, the number of problems"));
  EXPECT_THAT(Command({"cluster", SphereJob(), "--count", "1"}).err, HasSubstr("learned_optimizer: missing"));
  EXPECT_THAT(Command({"cluster", Job("[{name: a, problems: [default]}]"), "--count", "1"}).err,
              HasSubstr("101 problems, expected at most 64"));
}

}  // namespace
}  // namespace seedcast
