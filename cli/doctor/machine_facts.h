// Looks at this machine. None of these waits for the network; a file system that hangs holds them up.
#pragma once

#include <string>

#include "cli/doctor/facts.h"
#include "worker/data/locate.h"

namespace seedcast {

// `root` stands before /proc and /sys: "" but for tests.
ProcessorFacts LookAtProcessor(const std::string& root);
MachineFacts LookAtMachine(const std::string& root);
NumericFacts LookAtNumericClasses();  // runs the known-answer test
ClockFacts LookAtClock();
CertificateFacts LookAtCertificate(const TlsFiles& files, absl::Time now);
// Finds and checks Omniglot as a coordinator would, but downloads nothing. May take a second or two.
DataFacts LookAtData(DataOptions options);
DirectoryFacts LookAtDirectory(const std::string& path);
StoreFacts LookAtStore(const std::string& directory);

}  // namespace seedcast
