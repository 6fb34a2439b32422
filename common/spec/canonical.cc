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
  spec.clear_cluster_groups();
  if (!spec.proto_net().dataset_digest().empty()) spec.mutable_proto_net()->clear_dataset();

  // Fields that came later, where they say what jobs without them do: such jobs keep their chains.
  if (spec.strategy().estimator() == v1::Strategy::FULL_ES) spec.mutable_strategy()->clear_estimator();
  if (spec.proto_net().characters() == v1::ProtoNetTask::TRAIN_ONLY) spec.mutable_proto_net()->clear_characters();

  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  spec.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

}  // namespace seedcast
