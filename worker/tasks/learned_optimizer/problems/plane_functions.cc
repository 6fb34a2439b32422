#include "worker/tasks/learned_optimizer/problems/plane_functions.h"

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "common/math/elementary.h"
#include "worker/tasks/learned_optimizer/problems/dual.h"
#include "worker/tasks/learned_optimizer/problems/function_problem.h"

namespace seedcast {
namespace {

constexpr double kPi = 3.14159265358979323846;

struct Range {
  float low;
  float high;
};

// Every formula below is `Value`, and where a training starts: uniform in kX and kY, N(0, 1) where there is no range.
struct Ackley {
  static constexpr Range kX{-32.768f, 32.768f}, kY = kX;
  template <typename S>
  static S Value(const S& x, const S& y) {
    const S radius = Sqrt(S(0.5) * (x * x + y * y));
    const S waves = S(0.5) * (CosPi(S(2.0) * x) + CosPi(S(2.0) * y));
    return S(Exp(1.0) + 20) - S(20.0) * Exp(S(-0.2) * radius) - Exp(waves);
  }
};

struct Beale {
  static constexpr Range kX{-4.5f, 4.5f}, kY = kX;
  template <typename S>
  static S Value(const S& x, const S& y) {
    const S y2 = y * y;
    return Square(S(1.5) - x + x * y) + Square(S(2.25) - x + x * y2) + Square(S(2.625) - x + x * y2 * y);
  }
};

struct Booth {
  static constexpr Range kX{-10, 10}, kY = kX;
  template <typename S>
  static S Value(const S& x, const S& y) {
    return Square(x + S(2.0) * y - S(7.0)) + Square(S(2.0) * x + y - S(5.0));
  }
};

struct Branin {
  static constexpr Range kX{-5, 10}, kY{0, 15};
  template <typename S>
  static S Value(const S& x, const S& y) {
    const S valley = y - S(5.1 / (4 * kPi * kPi)) * x * x + S(5 / kPi) * x - S(6.0);
    return Square(valley) + S(10 * (1 - 1 / (8 * kPi))) * CosPi(S(1 / kPi) * x) + S(10.0);
  }
};

struct LogSumExp {
  template <typename S>
  static S Value(const S& x, const S& y) {
    const S sum = Exp(x + S(3.0) * y - S(0.1)) + Exp(x - S(3.0) * y - S(0.1)) + Exp(-x - S(0.1));
    return Log(sum + S(1.0));
  }
};

struct Matyas {
  static constexpr Range kX{-10, 10}, kY = kX;
  template <typename S>
  static S Value(const S& x, const S& y) {
    return S(0.26) * (x * x + y * y) - S(0.48) * x * y;
  }
};

struct Michalewicz {
  static constexpr Range kX{0, static_cast<float>(kPi)}, kY = kX;
  template <typename S>
  static S Ridge(const S& x, double index) {
    const S wave = SinPi(S(index / (kPi * kPi)) * x * x);
    const S wave2 = wave * wave;
    const S wave4 = wave2 * wave2;
    return SinPi(S(1 / kPi) * x) * wave4 * wave4 * wave2;
  }
  template <typename S>
  static S Value(const S& x, const S& y) {
    return S(2.0) - Ridge(x, 1) - Ridge(y, 2);
  }
};

struct Rosenbrock {
  static constexpr Range kX{-5, 10}, kY = kX;
  template <typename S>
  static S Value(const S& x, const S& y) {
    return Square(S(1.0) - x) + S(100.0) * Square(y - x * x);
  }
};

struct StyblinskiTang {
  static constexpr Range kX{-5, 5}, kY = kX;
  template <typename S>
  static S Half(const S& x) {
    return x * x * x * x - S(16.0) * x * x + S(5.0) * x;
  }
  template <typename S>
  static S Value(const S& x, const S& y) {
    return S(0.5) * (Half(x) + Half(y)) + S(80.0);
  }
};

struct Bowl {
  double a[2][2];
  template <typename S>
  S Value(const S& x, const S& y) const {
    return S(0.5) * (Square(S(a[0][0]) * x + S(a[0][1]) * y) + Square(S(a[1][0]) * x + S(a[1][1]) * y));
  }
};

// A formula as a Function of function_problem.h.
template <typename Formula>
struct Plane {
  Formula formula;

  std::vector<int64_t> TensorSizes() const { return {2}; }
  void Start(PhiloxStream& random, absl::Span<float> x) const {
    if constexpr (requires { Formula::kX; }) {
      FillUniform(random, Formula::kX.low, Formula::kX.high, x.first(1));
      FillUniform(random, Formula::kY.low, Formula::kY.high, x.last(1));
    } else {
      FillNormals(random, x);
    }
  }
  double Value(const double* x) const { return formula.Value(x[0], x[1]); }
  template <typename S>
  void Gradient(const S* x, S* gradient) const {
    const S zero(0.0), one(1.0);
    gradient[0] = formula.Value(Dual<S>(x[0], one), Dual<S>(x[1], zero)).derivative;
    gradient[1] = formula.Value(Dual<S>(x[0], zero), Dual<S>(x[1], one)).derivative;
  }
  int64_t Bytes() const { return 0; }
};

template <typename Formula>
std::unique_ptr<Problem> MakePlane(const ProblemSeed& seed, const Formula& formula = {}) {
  return std::make_unique<FunctionProblem<Plane<Formula>>>(seed, Plane<Formula>{formula});
}

}  // namespace

std::unique_ptr<Problem> MakePlaneFunction(absl::string_view name, const ProblemSeed& seed) {
  if (name == "ackley") return MakePlane<Ackley>(seed);
  if (name == "beale") return MakePlane<Beale>(seed);
  if (name == "booth") return MakePlane<Booth>(seed);
  if (name == "branin") return MakePlane<Branin>(seed);
  if (name == "logsumexp") return MakePlane<LogSumExp>(seed);
  if (name == "matyas") return MakePlane<Matyas>(seed);
  if (name == "michalewicz") return MakePlane<Michalewicz>(seed);
  if (name == "rosenbrock") return MakePlane<Rosenbrock>(seed);
  if (name == "styblinski_tang") return MakePlane<StyblinskiTang>(seed);
  return nullptr;
}

std::unique_ptr<Problem> MakeBowl(double condition, double degrees, const ProblemSeed& seed) {
  const double cosine = CosPi(degrees / 180);
  const double sine = SinPi(degrees / 180);
  const double stretch = std::sqrt(condition);
  return MakePlane(seed, Bowl{{{stretch * cosine, -stretch * sine}, {sine, cosine}}});
}

}  // namespace seedcast
