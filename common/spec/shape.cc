#include "common/spec/shape.h"

namespace seedcast {

int ClusterCount(const v1::JobSpec& spec) {
  return spec.has_learned_optimizer() ? spec.learned_optimizer().clusters_size() : 1;
}

int64_t TotalClusterWeight(const v1::JobSpec& spec) {
  int64_t sum = 0;
  for (int cluster = 0; cluster < ClusterCount(spec); ++cluster) sum += ClusterWeight(spec, cluster);
  return sum;
}

int32_t ClusterWeight(const v1::JobSpec& spec, int cluster) {
  return spec.has_learned_optimizer() ? spec.learned_optimizer().clusters(cluster).weight() : 1;
}

int64_t FitnessCount(const v1::JobSpec& spec) { return ClusterCount(spec) * spec.strategy().population_size(); }

bool HasClasses(const v1::JobSpec& spec) { return spec.has_proto_net(); }

bool HasUnrolls(const v1::JobSpec& spec) { return spec.has_learned_optimizer() || spec.has_influence(); }

const v1::Unroll& UnrollOf(const v1::JobSpec& spec) {
  return spec.has_learned_optimizer() ? spec.learned_optimizer().unroll() : spec.influence().unroll();
}

bool CarriesState(const v1::JobSpec& spec) {
  // Specs of jobs that are older than the field have no estimator.
  return spec.strategy().estimator() > v1::Strategy::FULL_ES;
}

}  // namespace seedcast
