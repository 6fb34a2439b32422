#include "common/strategy/state.h"
#include "tests/coordinator/rpc/server_fixture.h"

namespace seedcast {
namespace {

using ParameterServiceTest = ServerTest;

TEST_F(ParameterServiceTest, StreamsALogOfSeveralBatchesInOrder) {
  const auto worker = StartWorker("w1");
  const std::string job_id = WatchToTheEnd(Submit(SphereJob(600)).job_id()).job_id();
  Drain(*worker);
  const struct { int64_t from, to, first, last; } cases[] = {{0, 0, 0, 600}, {590, 0, 590, 600}, {3, 300, 3, 299}};
  for (const auto& c : cases) {
    Context context;
    v1::GetLogRequest request;
    request.set_job_id(job_id);
    request.set_from_generation(c.from);
    request.set_to_generation(c.to);
    const auto stream = parameters_->GetLog(&context, request);
    v1::GenerationRecord record;
    int64_t next = c.first;
    while (stream->Read(&record)) ASSERT_EQ(record.generation(), next++);
    EXPECT_TRUE(stream->Finish().ok());
    EXPECT_EQ(next, c.last + 1);
  }
}

TEST_F(ParameterServiceTest, SendsASnapshotInChunksWithItsDigest) {
  v1::GetSnapshotRequest request;
  request.set_job_id(Submit(SphereJob(5, /*dimension=*/400'000)).job_id());
  Context context;
  const auto stream = parameters_->GetSnapshot(&context, request);
  v1::SnapshotChunk chunk, first;
  std::string bytes;
  int chunks = 0;
  while (stream->Read(&chunk)) {
    if (chunks++ == 0) first = chunk;
    EXPECT_LE(chunk.data().size(), size_t{1} << 20);
    bytes += chunk.data();
  }
  ASSERT_TRUE(stream->Finish().ok());
  EXPECT_GT(chunks, 4);
  EXPECT_EQ(first.total_bytes(), static_cast<int64_t>(bytes.size()));
  const auto state = ParseState(bytes);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->version, first.version());
  EXPECT_EQ(ToBytes(StateDigest(*state)), first.digest());
}

TEST_F(ParameterServiceTest, UnknownThingsAreNotFound) {
  {
    Context context;
    v1::GetLogRequest request;
    request.set_job_id("nothing-1");
    EXPECT_EQ(parameters_->GetLog(&context, request)->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
  }
  {
    Context context;
    v1::GetSnapshotRequest request;
    request.set_job_id("nothing-1");
    EXPECT_EQ(parameters_->GetSnapshot(&context, request)->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
  }
  for (const std::string& digest : {std::string(64, 'a'), std::string("../../etc/passwd")}) {
    Context context;
    v1::GetArtifactRequest request;
    request.set_digest(digest);
    EXPECT_EQ(parameters_->GetArtifact(&context, request)->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
  }
}

}  // namespace
}  // namespace seedcast
