#include "worker/tasks/learned_optimizer/problems/data_functions.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "worker/tasks/learned_optimizer/problems/batches.h"
#include "worker/tasks/learned_optimizer/problems/dataset.h"
#include "worker/tasks/learned_optimizer/problems/dual.h"
#include "worker/tasks/learned_optimizer/problems/function_problem.h"

namespace seedcast {
namespace {

constexpr double kPi = 3.14159265358979323846;

// What the functions see of the samples of a mini-batch.
struct Moments {
  double count = 0;
  std::vector<double> sum;      // (n)
  std::vector<double> squares;  // (n)
};

class MomentsOfData {
 public:
  MomentsOfData(Dataset dataset, int batch_size, const ProblemSeed& seed)
      : dataset_(std::move(dataset)), batches_(seed, dataset_.samples, batch_size) {
    std::vector<int> all(dataset_.samples);
    std::iota(all.begin(), all.end(), 0);
    whole_ = Of(all);
  }

  void Select(int64_t batch) {
    if (batch != kWholeSet && batch != batch_) moments_of_batch_ = Of(batches_.Samples(batch));
    if (batch != kWholeSet) batch_ = batch;
    whole_set_selected_ = batch == kWholeSet;
  }
  const Moments& selected() const { return whole_set_selected_ ? whole_ : moments_of_batch_; }
  int64_t Bytes() const { return dataset_.Bytes(); }

 private:
  Moments Of(absl::Span<const int> samples) const {
    const int n = dataset_.num_features;
    Moments moments{static_cast<double>(samples.size()), std::vector<double>(n), std::vector<double>(n)};
    for (const int sample : samples) {
      const float* row = dataset_.row(sample);
      for (int i = 0; i < n; ++i) {
        const double value = row[i];
        moments.sum[i] += value;
        moments.squares[i] += value * value;
      }
    }
    return moments;
  }

  Dataset dataset_;
  Batches batches_;
  Moments whole_;
  Moments moments_of_batch_;  // of batch_
  int64_t batch_ = kWholeSet;
  bool whole_set_selected_ = true;
};

struct DataFunction {
  int n;
  MomentsOfData data;

  std::vector<int64_t> TensorSizes() const { return {n}; }
  void Start(PhiloxStream& random, absl::Span<float> x) const { FillNormals(random, x); }
  void Select(int64_t batch) { data.Select(batch); }
  int64_t Bytes() const { return data.Bytes(); }
};

struct OutwardSnake : DataFunction {
  static constexpr double kEpsilon = 1e-6;

  template <typename S>
  S Radius(const S* x) const {
    S sum(0.0);
    for (int i = 0; i < n; ++i) sum += x[i] * x[i];
    return Sqrt(sum);
  }
  // How far x_i+1 is from the path.
  template <typename S>
  static S Distance(const S* x, int i) {
    return x[i + 1] - S(kPi) * CosPi(S(1 / kPi) * x[i]);
  }
  double Value(const double* x) const {
    const Moments& d = data.selected();
    double sum = d.sum[0] / (Radius(x) + kEpsilon);
    for (int i = 0; i + 1 < n; ++i) sum += d.squares[i + 1] * Square(Distance(x, i));
    return sum;
  }
  template <typename S>
  void Gradient(const S* x, S* gradient) const {
    const Moments& d = data.selected();
    const S radius = Radius(x);
    const S outward = S(-d.sum[0]) / (Square(radius + S(kEpsilon)) * radius);
    for (int i = 0; i < n; ++i) gradient[i] = outward * x[i];
    for (int i = 0; i + 1 < n; ++i) {
      const S slope = S(2 * d.squares[i + 1]) * Distance(x, i);
      gradient[i + 1] += slope;
      gradient[i] += slope * S(kPi) * SinPi(S(1 / kPi) * x[i]);
    }
  }
};

struct ProjectionQuadratic : DataFunction {
  double Value(const double* x) const {
    double sum = 0;
    for (int i = 0; i < n; ++i) sum += data.selected().squares[i] * x[i] * x[i];
    return sum;
  }
  template <typename S>
  void Gradient(const S* x, S* gradient) const {
    for (int i = 0; i < n; ++i) gradient[i] = S(2 * data.selected().squares[i]) * x[i];
  }
};

struct SumOfQuadratics : DataFunction {
  double Value(const double* x) const {
    const Moments& d = data.selected();
    double sum = 1e-12;
    for (int i = 0; i < n; ++i) sum += x[i] * (d.count * x[i] - 2 * d.sum[i]);
    return sum;
  }
  template <typename S>
  void Gradient(const S* x, S* gradient) const {
    const Moments& d = data.selected();
    for (int i = 0; i < n; ++i) gradient[i] = S(2 * d.count) * x[i] - S(2 * d.sum[i]);
  }
};

template <typename Function>
std::unique_ptr<Problem> MakeFrom(const ProblemSeed& seed, Function function) {
  return std::make_unique<FunctionProblem<Function>>(seed, std::move(function));
}

}  // namespace

std::unique_ptr<Problem> MakeDataFunction(absl::string_view name, int n, int samples, int batch_size,
                                          const ProblemSeed& seed) {
  PhiloxStream random = seed.Stream(ProblemSeed::Purpose::kData);
  const auto data = [&](Dataset dataset) {
    return DataFunction{n, MomentsOfData(std::move(dataset), batch_size, seed)};
  };
  if (name == "outward_snake") return MakeFrom(seed, OutwardSnake{data(MakeBinary(n, samples, random))});
  if (name == "projection_quadratic") {
    return MakeFrom(seed, ProjectionQuadratic{data(MakeSymmetric(n, samples, random))});
  }
  if (name == "sum_of_quadratics") return MakeFrom(seed, SumOfQuadratics{data(MakeSymmetric(n, samples, random))});
  return nullptr;
}

}  // namespace seedcast
