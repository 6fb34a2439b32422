// `seedcast doctor`: looks at this machine, and at a coordinator from here, and says what is wrong.
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "cli/commands.h"
#include "cli/doctor/coordinator_probe.h"
#include "cli/doctor/findings.h"
#include "cli/doctor/in_background.h"
#include "cli/doctor/machine_facts.h"
#include "cli/doctor/report.h"
#include "common/config/configuration.h"
#include "common/log.h"
#include "common/signals.h"

namespace seedcast {
namespace {

// Whatever is broken, all looks together end within this.
constexpr absl::Duration kPatience = absl::Seconds(9);

constexpr const char* kFooter =
    "Looks at: processor, numeric-classes (the known-answer test that workers run), kernels, cores, memory,\n"
    "descriptors, data, cache, store, configuration, certificate (if given), and if a coordinator is given: "
    "coordinator,\n"
    "tls, health, version, role; clock. OK: as it should be; WARN: works, but not as well as it might; FAIL: "
    "something\n"
    "will not work. Nothing is downloaded, and nothing of a store is changed.\n"
    "\n"
    "Examples:\n"
    "  seedcast doctor\n"
    "  seedcast doctor --coordinator host:7070 --tls-cert tls.crt --tls-key tls.key --tls-ca ca.crt\n"
    "  seedcast doctor --config /etc/seedcast/worker.yaml --json\n"
    "\n"
    "Exit codes: 0 nothing failed, 1 a check failed, 2 usage. It takes ten seconds at most.";

struct DoctorFlags : ConnectionFlags {
  std::string cache;
  int slots = DefaultSlots();
};

DataOptions DataOptionsOf(const DoctorFlags& flags) {
  DataOptions options = DataOptions::FromEnvironment();
  if (!flags.data.empty()) options.directory = flags.data;
  if (!flags.cache.empty()) options.cache_directory = flags.cache;
  return options;
}

// Appends what follows from a look, or that it did not end.
class Collector {
 public:
  explicit Collector(absl::Time deadline) : deadline_(deadline) {}

  template <typename Facts, typename Judge>
  void Add(const char* check, std::future<Facts>& look, const Judge& judge) {
    const std::optional<Facts> facts = TakeBy(deadline_, look);
    if (facts) return Add(judge(*facts));
    Add(Finding{check, Verdict::kFail, absl::StrCat("did not end within ", absl::FormatDuration(kPatience)),
                "a file system or a name server that hangs, or a machine that is very busy"});
  }
  void Add(const Findings& findings) { findings_.insert(findings_.end(), findings.begin(), findings.end()); }
  void Add(const Finding& finding) { findings_.push_back(finding); }

  const Findings& findings() const { return findings_; }

 private:
  const absl::Time deadline_;
  Findings findings_;
};

Findings Examine(const DoctorFlags& flags, const std::vector<absl::Status>& problems) {
  const absl::Time now = absl::Now();
  const DataOptions data_options = DataOptionsOf(flags);
  const std::string store = flags.store.empty() ? DefaultStoreDirectory() : flags.store;
  auto coordinator = InBackground([=] {
    CoordinatorFacts facts = LookAtCoordinator(flags.coordinator, flags.tls);
    facts.insecure = flags.insecure;
    return facts;
  });
  auto numeric = InBackground([] { return LookAtNumericClasses(); });
  auto data = InBackground([=] { return LookAtData(data_options); });
  auto cache = InBackground([=] { return LookAtDirectory(data_options.cache_directory); });
  auto store_facts = InBackground([=] { return LookAtStore(store); });
  auto certificate = InBackground([=] { return LookAtCertificate(flags.tls, now); });
  const ProcessorFacts processor = LookAtProcessor("");
  const MachineFacts machine = LookAtMachine("");

  Collector collector(now + kPatience);
  collector.Add(JudgeProcessor(processor));
  collector.Add("numeric-classes", numeric, [&](const NumericFacts& facts) -> Findings {
    return {JudgeNumericClasses(facts), JudgeKernels(facts, processor)};
  });
  collector.Add(JudgeCores(machine, flags.slots));
  collector.Add(JudgeMemory(machine, flags.slots));
  collector.Add(JudgeDescriptors(machine));
  collector.Add("data", data, JudgeData);
  collector.Add("cache", cache, [](const DirectoryFacts& facts) { return JudgeDirectory("cache", "--cache", facts); });
  collector.Add("store", store_facts, JudgeStore);
  collector.Add(JudgeConfiguration(problems));
  std::optional<ClockOffset> clock;
  if (flags.tls.configured()) {
    collector.Add("certificate", certificate, [&](const CertificateFacts& facts) -> Findings {
      Findings findings = {JudgeCertificate(facts, now)};
      if (facts.checked.ok()) findings.push_back(JudgeRole(facts.checked->identity));
      return findings;
    });
  }
  if (!flags.coordinator.empty()) {
    collector.Add("coordinator", coordinator, [&](const CoordinatorFacts& facts) {
      clock = facts.clock;
      return JudgeCoordinator(facts, now);
    });
  }
  collector.Add(JudgeClock(LookAtClock(), clock));
  return collector.findings();
}

absl::Status Doctor(const DoctorFlags& flags, const std::vector<absl::Status>& problems, Console& console) {
  SetLogLevel(flags.verbose ? LogLevel::kInfo : LogLevel::kOff);  // what matters becomes a finding
  IgnoreBrokenPipes();                                            // a peer that hangs up on the handshake
  const Findings findings = Examine(flags, problems);
  console.out << (flags.json ? FindingsJson(findings) + "\n" : FindingsTable(findings));
  const int failed = Count(findings, Verdict::kFail);
  if (failed == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(failed, failed == 1 ? " check" : " checks", " failed"));
}

}  // namespace

void AddDoctorCommand(CLI::App& app, const char* const* environment, Console& console, Action* action) {
  auto flags = std::make_shared<DoctorFlags>();
  CLI::App* command = app.add_subcommand("doctor", "Look at this machine and a coordinator, and say what is wrong");
  command->footer(kFooter);
  AddCoordinatorFlags(*command, flags.get());
  AddStoreFlags(*command, flags.get());
  command->add_option("--cache", flags->cache, "Directory of downloaded and decoded data sets")
      ->type_name("DIR")
      ->configurable(true);
  command
      ->add_option("--slots", flags->slots,
                   "Threads that a worker here would evaluate on; default one a core, or as many as a CPU quota feeds")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str()
      ->configurable(true);
  AddOutputFlags(*command, flags.get());
  auto configuration = std::make_shared<Configuration>(command, Configuration::OtherParts::kLetPass);
  command->callback([=, &console] {
    *action = [=, &console]() -> absl::Status {
      const std::vector<absl::Status> problems = configuration->Complete(environment);  // its first findings
      if (configuration->check_only()) {
        console.out << configuration->Describe();
        return problems.empty() ? absl::OkStatus() : problems.front();
      }
      return Doctor(*flags, problems, console);
    };
  });
}

}  // namespace seedcast
