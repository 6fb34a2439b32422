// What holds of each kernel by itself: networks are used again, images and parameters may be anything.
#include "worker/kernels/convnet.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "common/digest.h"
#include "common/noise/philox.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/worker/kernels/convnet_inputs.h"

namespace seedcast {
namespace {

class EachKernelTest : public testing::TestWithParam<ConvNetKernels> {};

TEST_P(EachKernelTest, ANetworkCanBeUsedAgainForOtherImagesAndParameters) {
  const ConvNetShape shape = Uniform(32, 4);
  const std::vector<uint8_t> few = Characters(3, 1);
  const std::vector<uint8_t> many = Characters(9, 2);
  const std::vector<float> theta = Theta(shape, 1);
  std::unique_ptr<ConvNet> net = GetParam().make(shape);
  net->SetImages(few, 3, 2);
  const std::vector<float> first = Embed(*net, shape, 3, theta);
  Embed(*net, shape, 3, Theta(shape, 2));
  EXPECT_TRUE(SameBits(Embed(*net, shape, 3, theta), first));
  net->SetImages(many, 9, 9);
  Embed(*net, shape, 9, theta);
  net->SetImages(few, 3, 2);
  EXPECT_TRUE(SameBits(Embed(*net, shape, 3, theta), first));
}

// What one block leaves in the scratch memory that others use must not reach them.
TEST_P(EachKernelTest, ParametersThatAreNotFiniteLeaveNothingBehind) {
  for (const ConvNetShape& shape : MixedShapes()) {
    std::unique_ptr<ConvNet> net = GetParam().make(shape);
    net->SetImages(Characters(3), 3, 2);
    const std::vector<float> before = Embed(*net, shape, 3, Theta(shape));
    Embed(*net, shape, 3, std::vector<float>(shape.num_parameters(), std::numeric_limits<float>::quiet_NaN()));
    EXPECT_TRUE(SameBits(Embed(*net, shape, 3, Theta(shape)), before));
  }
}

TEST_P(EachKernelTest, ImagesOutsideTheStatisticsDoNotTouchTheOthers) {
  const ConvNetShape shape = Uniform(16, 4);
  std::vector<uint8_t> pixels = Characters(6);
  std::unique_ptr<ConvNet> net = GetParam().make(shape);
  net->SetImages(pixels, 6, 4);
  std::vector<float> before = Embed(*net, shape, 6, Theta(shape));
  std::fill(pixels.begin() + 5 * kImagePixels, pixels.end(), kPixelMax);
  net->SetImages(pixels, 6, 4);
  std::vector<float> after = Embed(*net, shape, 6, Theta(shape));
  before.resize(5 * shape.embedding_size());
  after.resize(5 * shape.embedding_size());
  EXPECT_TRUE(SameBits(before, after));
}

TEST_P(EachKernelTest, TheSameImageHasTheSameEmbeddingWhereverItStands) {
  const ConvNetShape shape = Uniform(16, 4);
  std::vector<uint8_t> pixels = Characters(8);
  std::copy_n(pixels.begin(), kImagePixels, pixels.begin() + 7 * kImagePixels);
  std::unique_ptr<ConvNet> net = GetParam().make(shape);
  net->SetImages(pixels, 8, 3);
  const std::vector<float> embeddings = Embed(*net, shape, 8, Theta(shape));
  const int size = shape.embedding_size();
  EXPECT_EQ(std::memcmp(&embeddings[0], &embeddings[7 * size], size * sizeof(float)), 0);
}

TEST_P(EachKernelTest, ConstantAndCrowdedImagesAreLikeAnyOther) {
  const ConvNetShape shape = Uniform(32, 4);
  std::vector<uint8_t> pixels(4 * kImagePixels, 0);  // blank, full, half, noise
  std::fill_n(pixels.begin() + kImagePixels, kImagePixels, kPixelMax);
  std::fill_n(pixels.begin() + 2 * kImagePixels, kImagePixels / 2, kPixelMax);
  PhiloxStream stream(1, 0, 0, 99);
  for (int i = 0; i < kImagePixels; ++i) pixels[3 * kImagePixels + i] = static_cast<uint8_t>(stream.Below(kPixelMax));
  for (int statistics : {1, 4}) {
    std::unique_ptr<ConvNet> net = GetParam().make(shape);
    net->SetImages(pixels, 4, statistics);
    const std::vector<float> embeddings = Embed(*net, shape, 4, Theta(shape));
    EXPECT_TRUE(std::all_of(embeddings.begin(), embeddings.end(), [](float x) { return std::isfinite(x); }));
    if (GetParam().numeric_class != v1::F32) continue;
    std::unique_ptr<ConvNet> reference = Reference().make(shape);
    reference->SetImages(pixels, 4, statistics);
    EXPECT_TRUE(SameBits(embeddings, Embed(*reference, shape, 4, Theta(shape))));
  }
}

TEST_P(EachKernelTest, ParametersThatAreNotFiniteGiveEmbeddingsThatAreNot) {
  const ConvNetShape shape = Uniform(16, 3);
  for (float poison : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (int64_t where : {int64_t{5}, int64_t{9 * 16}, int64_t{1000}, shape.num_parameters() - 20}) {
      std::vector<float> theta = Theta(shape);
      theta[where] = poison;
      const std::vector<float> embeddings = Embed(GetParam(), {shape, 4, 2}, theta);
      EXPECT_FALSE(std::all_of(embeddings.begin(), embeddings.end(), [](float x) { return std::isfinite(x); }))
          << poison << " at " << where;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Here, EachKernelTest, testing::ValuesIn(AvailableConvNetKernels()),
                         [](const auto& test) { return test.param.name; });

TEST(ConvNetShapeTest, CountsParametersAndEmbeddings) {
  EXPECT_EQ((Uniform(64, 4).num_parameters()), 111680);
  EXPECT_EQ((Uniform(64, 4).embedding_size()), 64);
  EXPECT_EQ((Uniform(16, 3).embedding_size()), 16 * 9);
  EXPECT_EQ((Uniform(16, 2).embedding_size()), 16 * 49);
  EXPECT_EQ((Uniform(16, 1).embedding_size()), 16 * 196);
  EXPECT_EQ((Uniform(16, 1).num_parameters()), 9 * 16 + 32);
  const ConvNetShape mixed{{16, 32, 64}};
  EXPECT_EQ(mixed.blocks(), 3);
  EXPECT_EQ(mixed.num_parameters(), 9 * (16 + 16 * 32 + 32 * 64) + 2 * (16 + 32 + 64));
  EXPECT_EQ(mixed.embedding_size(), 9 * 64);
}

TEST(KernelsTest, TheScalarReferenceRunsAnywhereAndIsLast) {
  EXPECT_EQ(Reference().name, "scalar");
  ASSERT_NE(BestConvNetKernels(v1::F32), nullptr);
  EXPECT_EQ(BestConvNetKernels(v1::F32)->name, AvailableConvNetKernels().front().name);
  EXPECT_EQ(BestConvNetKernels(v1::NUMERIC_CLASS_UNSPECIFIED), nullptr);
}

TEST(InitialConvNetThetaTest, HasHeVarianceGammaOneAndBetaZero) {
  const ConvNetShape shape = Uniform(64, 2);
  const std::vector<float> theta = InitialConvNetTheta(shape, 7);
  ASSERT_EQ(static_cast<int64_t>(theta.size()), shape.num_parameters());
  const auto second = theta.begin() + 9 * 64 + 128;
  double sum = 0;
  double squares = 0;
  const int n = 9 * 64 * 64;
  for (auto i = second; i != second + n; ++i) {
    sum += *i;
    squares += *i * *i;
  }
  EXPECT_NEAR(sum / n, 0, 0.002);
  EXPECT_NEAR(squares / n, 2.0 / (9 * 64), 1e-4);
  EXPECT_THAT(std::vector<float>(theta.end() - 128, theta.end() - 64), testing::Each(1.0f));
  EXPECT_THAT(std::vector<float>(theta.end() - 64, theta.end()), testing::Each(0.0f));
}

TEST(InitialConvNetThetaTest, IsAFunctionOfTheSeed) {
  const ConvNetShape shape = Uniform(16, 2);
  EXPECT_EQ(InitialConvNetTheta(shape, 1), InitialConvNetTheta(shape, 1));
  EXPECT_NE(InitialConvNetTheta(shape, 1), InitialConvNetTheta(shape, 2));
  EXPECT_EQ(ToHex(Sha256().Floats(InitialConvNetTheta(shape, 1)).Finish()),
            "023c8b51ab90eb5081a212679a29af65b9f1668db2af421ad475141df03e12ea");
}

}  // namespace
}  // namespace seedcast
