// What a worker says first: one that serves class F32, with one slot for sphere where nothing else is said.
#pragma once

#include <string>
#include <vector>

#include "common/version.h"
#include "seedcast/v1/worker.pb.h"
#include "worker/tasks/task.h"

namespace seedcast {

inline v1::Hello F32Hello(const std::string& worker_id, int slots, const std::vector<std::string>& tasks = {"sphere"}) {
  v1::Hello hello;
  hello.set_protocol_version(kProtocolVersion);
  hello.set_worker_id(worker_id);
  hello.set_slots(slots);
  for (const std::string& task : tasks) hello.add_tasks(task);
  v1::ClassProof& proof = *hello.add_proofs();
  proof.set_numeric_class(v1::F32);
  proof.set_digest(ExpectedF32Proof());
  return hello;
}

inline v1::WorkerMessage F32HelloMessage(const std::string& worker_id, int protocol_version = kProtocolVersion) {
  v1::WorkerMessage message;
  *message.mutable_hello() = F32Hello(worker_id, /*slots=*/1);
  message.mutable_hello()->set_protocol_version(protocol_version);
  return message;
}

}  // namespace seedcast
