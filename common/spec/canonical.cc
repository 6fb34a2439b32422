#include "common/spec/resolve.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace seedcast {

std::string CanonicalBytes(const v1::JobSpec& resolved) {
  v1::JobSpec spec = resolved;
  spec.clear_name();
  spec.clear_validation();
  spec.clear_snapshot_every();
  spec.clear_max_failed_evaluations();
  spec.clear_max_workers();
  if (!spec.proto_net().dataset_digest().empty()) spec.mutable_proto_net()->clear_dataset();

  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  spec.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

}  // namespace seedcast
