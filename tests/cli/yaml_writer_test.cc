#include "cli/yaml_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/yaml_message.h"
#include "google/protobuf/util/message_differencer.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {
namespace {

TEST(YamlWriterTest, IsReadBackAsWritten) {
  v1::JobSpec spec;
  spec.set_name("a-job");
  spec.set_seed(uint64_t{1} << 63);
  spec.set_generations(40);
  spec.mutable_strategy()->mutable_sigma()->set_initial(0.1);
  spec.mutable_strategy()->set_estimator(v1::Strategy::PES);
  spec.mutable_strategy()->mutable_adam();
  spec.mutable_validation()->set_every(0);
  v1::LearnedOptimizerTask::Cluster* cluster = spec.mutable_learned_optimizer()->add_clusters();
  cluster->set_name("yes");  // a boolean to some readers
  for (const char* problem : {"noisy(bowl(5, 45), 0.1)", "matyas", "softmax(10, 2, 100)"})
    cluster->add_problems(problem);
  spec.mutable_learned_optimizer()->add_clusters()->set_name("second");
  spec.mutable_learned_optimizer()->mutable_published()->set_doubled_start(true);

  v1::JobSpec read;
  Origins origins;
  const absl::Status status = MergeYaml(ToYaml(spec), "job.yaml", &read, &origins);
  ASSERT_TRUE(status.ok()) << status << "\n" << ToYaml(spec);
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(read, spec)) << ToYaml(spec);
}

}  // namespace
}  // namespace seedcast
