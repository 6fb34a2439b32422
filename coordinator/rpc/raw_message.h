// Requests that are looked at before they are parsed. A message of empty submessages takes thirty times its size once
// it is parsed, and gRPC compares only the size on the wire with its limit; where a request may hold many submessages,
// we take its bytes and parse them ourselves.
#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/byte_buffer.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace seedcast {

// RESOURCE_EXHAUSTED for more than `max_bytes`, INVALID_ARGUMENT for what is no such message. Takes the bytes.
template <typename Message>
absl::Status ParseRaw(grpc::ByteBuffer* bytes, size_t max_bytes, Message* message) {
  if (bytes->Length() > max_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("message of ", bytes->Length(), " bytes, at most ", max_bytes, " are accepted"));
  }
  if (grpc::SerializationTraits<Message>::Deserialize(bytes, message).ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("not a message of type ", message->GetTypeName()));
}

template <typename Message>
grpc::ByteBuffer ToRaw(const Message& message) {
  grpc::ByteBuffer bytes;
  bool own_buffer = false;
  grpc::SerializationTraits<Message>::Serialize(message, &bytes, &own_buffer);
  return bytes;
}

// What a message takes while it waits to be written.
inline size_t SizeInQueue(const google::protobuf::MessageLite& message) { return message.ByteSizeLong(); }
inline size_t SizeInQueue(const grpc::ByteBuffer& bytes) { return bytes.Length(); }

}  // namespace seedcast
