// How many connections come from one address, so that one machine, which needs no certificate for this, cannot take all
// descriptors. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace seedcast {

class SourceLimit {
 public:
  // Counts the connection that was just accepted as `fd`, from `source` (peer_address.h), unless there are `most` from
  // there already: then false.
  bool Take(int fd, const std::string& source, int64_t most, absl::Time now);

 private:
  struct Source {
    int64_t connections = 0;
    absl::Time counted = absl::InfinitePast();
  };
  void Forget(int fd);
  void Recount(const std::string& source);

  // Nobody says when a connection ends. That its number comes again does; the rest is found when it matters.
  std::vector<std::string> source_of_;  // by descriptor; empty: none
  std::map<std::string, Source> sources_;
};

}  // namespace seedcast
