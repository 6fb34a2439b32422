#include "worker/tasks/learned_optimizer/problems/vector_functions.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "worker/tasks/learned_optimizer/problems/dual.h"
#include "worker/tasks/learned_optimizer/problems/function_problem.h"

namespace seedcast {
namespace {

constexpr double kEpsilon = 1e-6;

// n variables in one tensor, started at N(0, 1).
struct NormalStart {
  int n;
  std::vector<int64_t> TensorSizes() const { return {n}; }
  void Start(PhiloxStream& random, absl::Span<float> x) const { FillNormals(random, x); }
  int64_t Bytes() const { return 0; }
};

struct IsotropicQuadratic : NormalStart {
  double Value(const double* x) const {
    double sum = 0;
    for (int i = 0; i < n; ++i) sum += x[i] * x[i];
    return sum;
  }
  template <typename S>
  void Gradient(const S* x, S* gradient) const {
    for (int i = 0; i < n; ++i) gradient[i] = x[i] + x[i];
  }
};

struct DependencyChain : NormalStart {  // n here: variables, one more than links
  double Value(const double* x) const {
    double sum = (n - 1) * x[0] * x[0];
    for (int i = 0; i + 1 < n; ++i) sum += x[i + 1] * x[i + 1] / (x[i] * x[i] + kEpsilon);
    return sum;
  }
  template <typename S>
  void Gradient(const S* x, S* gradient) const {
    gradient[0] = S(2.0 * (n - 1)) * x[0];
    for (int i = 0; i + 1 < n; ++i) {
      const S inverse = S(1.0) / (x[i] * x[i] + S(kEpsilon));
      gradient[i] -= S(2.0) * x[i] * Square(x[i + 1] * inverse);
      gradient[i + 1] = S(2.0) * x[i + 1] * inverse;
    }
  }
};

// Of equal squares the first one counts.
struct MinMaxWell : NormalStart {
  template <typename S>
  std::pair<int, int> Extremes(const S* x) const {
    int smallest = 0;
    int largest = 0;
    const auto square = [x](int i) { return PlainValue(x[i]) * PlainValue(x[i]); };
    for (int i = 1; i < n; ++i) {
      if (square(i) < square(smallest)) smallest = i;
      if (square(i) > square(largest)) largest = i;
    }
    return {smallest, largest};
  }
  double Value(const double* x) const {
    const auto [smallest, largest] = Extremes(x);
    return Square(x[largest]) + 1 / Square(x[smallest]) - 2 + 1e-12;
  }
  template <typename S>
  void Gradient(const S* x, S* gradient) const {
    const auto [smallest, largest] = Extremes(x);
    std::fill_n(gradient, n, S(0.0));
    gradient[largest] += S(2.0) * x[largest];
    gradient[smallest] -= S(2.0) / (x[smallest] * x[smallest] * x[smallest]);
  }
};

struct Norm : NormalStart {
  double p;
  std::vector<float> columns;  // (n, n): W
  std::vector<float> y;

  Norm(int size, double power, const ProblemSeed& seed)
      : NormalStart{size}, p(power), columns(int64_t{size} * size), y(size) {
    PhiloxStream random = seed.Stream(ProblemSeed::Purpose::kData);
    FillNormals(random, absl::MakeSpan(columns));
    FillNormals(random, absl::MakeSpan(y));
  }

  template <typename S>
  std::vector<S> Residual(const S* x) const {
    std::vector<S> residual(n);
    for (int row = 0; row < n; ++row) residual[row] = S(-static_cast<double>(y[row]));
    for (int column = 0; column < n; ++column) {
      const float* rows = &columns[int64_t{column} * n];
      for (int row = 0; row < n; ++row) residual[row] += S(static_cast<double>(rows[row])) * x[column];
    }
    return residual;
  }
  template <typename S>
  static S Magnitude(const S& residual) {
    return (PlainValue(residual) < 0 ? -residual : residual) + S(kEpsilon);
  }
  double Value(const double* x) const {
    double sum = 0;
    for (const double r : Residual(x)) sum += Power(Magnitude(r), p);
    return Power(sum, 1 / p);
  }
  // d/dr_i: sign(r_i) * m_i^(p-1) * (sum m^p)^(1/p - 1) with m = |r| + epsilon.
  template <typename S>
  void Gradient(const S* x, S* gradient) const {
    std::vector<S> slope = Residual(x);
    S sum(0.0);
    for (const S& r : slope) sum += Power(Magnitude(r), p);
    const S outer = Power(sum, 1 / p - 1);
    for (S& r : slope) r = S(PlainValue(r) < 0 ? -1.0 : 1.0) * Power(Magnitude(r), p - 1) * outer;
    for (int column = 0; column < n; ++column) {
      const float* rows = &columns[int64_t{column} * n];
      gradient[column] = S(0.0);
      for (int row = 0; row < n; ++row) gradient[column] += S(static_cast<double>(rows[row])) * slope[row];
    }
  }
  int64_t Bytes() const { return static_cast<int64_t>((columns.size() + y.size()) * sizeof(float)); }
};

template <typename Function>
std::unique_ptr<Problem> MakeFrom(const ProblemSeed& seed, Function function) {
  return std::make_unique<FunctionProblem<Function>>(seed, std::move(function));
}

}  // namespace

std::unique_ptr<Problem> MakeNorm(int n, double p, const ProblemSeed& seed) { return MakeFrom(seed, Norm(n, p, seed)); }

std::unique_ptr<Problem> MakeVectorFunction(absl::string_view name, int n, const ProblemSeed& seed) {
  if (name == "isotropic_quadratic") return MakeFrom(seed, IsotropicQuadratic{{n}});
  if (name == "dependency_chain") return MakeFrom(seed, DependencyChain{{n + 1}});
  if (name == "min_max_well") return MakeFrom(seed, MinMaxWell{{n}});
  return nullptr;
}

}  // namespace seedcast
