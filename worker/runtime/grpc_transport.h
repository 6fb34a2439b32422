// The Transport over gRPC: one bidirectional stream for the conversation, server streams for parameters and data.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "common/tls/certificate.h"
#include "common/transferred_bytes.h"
#include "worker/runtime/transport.h"

namespace seedcast {

struct GrpcTransportOptions {
  absl::Duration log_deadline = absl::Seconds(60);
  absl::Duration snapshot_deadline = absl::Seconds(120);
  absl::Duration artifact_deadline = absl::Seconds(600);
  int64_t max_snapshot_bytes = int64_t{1} << 31;  // larger ones are refused before they are allocated
  int64_t max_artifact_bytes = int64_t{1} << 31;
  TransferredBytes* bytes = nullptr;  // counts, if given; outlives the transport
  // What the control channel was made with, for errors that name what of it does not fit.
  std::string coordinator = {};
  TlsFiles tls = {};
};

enum class ChannelUse { kControl, kBulk };  // the two never share a connection, so that bulk does not delay leases

// A channel to "host:port" with keepalive and the message limits of both sides; in plain text without `tls`.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address, ChannelUse use, const TlsFiles& tls = {});

// `control` carries the conversation, `bulk` the fetches; they may be the same (an in-process channel).
std::unique_ptr<Transport> MakeGrpcTransport(std::shared_ptr<grpc::Channel> control,
                                             std::shared_ptr<grpc::Channel> bulk, GrpcTransportOptions options = {});

}  // namespace seedcast
