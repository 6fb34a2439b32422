// What `seedcast doctor` gathers, and from which the findings follow (findings.h). Plain values: nothing here looks at
// anything.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/tls/certificate.h"
#include "common/tls/probe.h"
#include "coordinator/store/inspect.h"
#include "worker/tasks/task.h"

namespace seedcast {

struct ProcessorFacts {
  std::string model;
  std::set<std::string> features;  // as /proc/cpuinfo names them: "avx512_bf16"
};

// The known-answer test that workers run when they join, and what was dispatched for it.
struct NumericFacts {
  std::vector<NumericClassProof> proofs;
  std::string expected_f32;
  std::string noise_kernels;  // "avx512"
};

struct MachineFacts {
  int cores = 0;           // that this process may run on
  double cpu_quota = 0;    // cores' worth that the control group allows; 0: no limit
  int64_t memory = 0;      // bytes
  int64_t available = 0;   // without swapping
  int64_t memory_max = 0;  // of the control group; 0: no limit
  int64_t memory_used = 0;
  int64_t descriptors = 0;  // the hard limit, to which a coordinator raises its own
};

struct DataFacts {
  std::string directory;            // named by the user; empty: the usual places
  std::vector<std::string> places;  // these
  bool offline = false;
  absl::StatusOr<std::string> found = absl::UnknownError("");  // where it comes from, its digest checked
};

struct DirectoryFacts {
  std::string path;
  absl::Status writable;
  double free_bytes = -1;  // -1: unknown
};

struct StoreFacts {
  DirectoryFacts directory;
  absl::StatusOr<StoreInspection> inspection = absl::UnknownError("");
  std::string holder;  // the name of the process that has it open, where it can be told
};

struct ClockFacts {
  absl::Time now;
  absl::Time built;                  // when this program was put together
  std::optional<bool> synchronised;  // what the kernel says; nothing where it may not be asked
};

struct CertificateFacts {
  TlsFiles files;
  absl::StatusOr<CheckedCertificate> checked = absl::UnknownError("");
  int key_mode = 0;  // permission bits
};

struct ClockOffset {
  absl::Duration ahead;  // of the coordinator, against ours
  absl::Duration error;  // at most
};

struct CoordinatorFacts {
  std::string address;
  bool local = false;  // nobody but this machine can reach it
  bool certificates_given = false;
  bool insecure = false;   // plain text with a coordinator elsewhere is accepted (--insecure)
  absl::Status connected;  // by TCP
  absl::StatusOr<TlsPeer> peer = absl::UnknownError("");       // looked at once connected
  absl::Status serving;                                        // over gRPC, with our certificate
  absl::StatusOr<std::string> build = absl::UnknownError("");  // the status is that of the question
  int protocol_version = 0;
  absl::Duration round_trip;
  std::optional<ClockOffset> clock;
};

}  // namespace seedcast
