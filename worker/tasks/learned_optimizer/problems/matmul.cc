#include "worker/tasks/learned_optimizer/problems/matmul.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "worker/tasks/learned_optimizer/problems/dual.h"
#include "worker/tasks/learned_optimizer/problems/function_problem.h"

namespace seedcast {
namespace {

// matrix (n, n), symmetric and positive, becomes L D L'; right (n, columns) becomes matrix^-1 right.
template <typename S>
void SolveSymmetric(int n, int columns, std::vector<S>& matrix, std::vector<S>& right) {
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < i; ++j) {
      const S factor = matrix[i * n + j] / matrix[j * n + j];
      matrix[i * n + j] = factor;
      for (int k = j + 1; k <= i; ++k) matrix[i * n + k] -= factor * matrix[k * n + j] * matrix[j * n + j];
      for (int c = 0; c < columns; ++c) right[i * columns + c] -= factor * right[j * columns + c];
    }
  }
  for (int i = n; --i >= 0;) {
    for (int c = 0; c < columns; ++c) {
      S& x = right[i * columns + c];
      x = x / matrix[i * n + i];
      for (int j = i + 1; j < n; ++j) x -= matrix[j * n + i] * right[j * columns + c];
    }
  }
}

struct Matmul {
  int n;
  int k;

  int squares() const { return n * n; }
  std::vector<int64_t> TensorSizes() const { return {squares() * k, squares() * k}; }

  void Start(PhiloxStream& random, absl::Span<float> x) const {
    FillNormals(random, x);
    for (float* theta : {x.data(), x.data() + squares() * k}) {
      for (int r = 0; r < k; ++r) {
        double square = 0;
        for (int i = 0; i < squares(); ++i) square += static_cast<double>(theta[i * k + r]) * theta[i * k + r];
        const float scale = static_cast<float>(1 / std::sqrt(square));
        for (int i = 0; i < squares(); ++i) theta[i * k + r] *= scale;
      }
    }
  }

  template <typename S>
  std::vector<S> Gram(const S* theta) const {
    std::vector<S> gram(k * k);
    for (int i = 0; i < squares(); ++i) {
      for (int r = 0; r < k; ++r) {
        for (int s = 0; s < k; ++s) gram[r * k + s] += theta[i * k + r] * theta[i * k + s];
      }
    }
    return gram;
  }

  // Visits (row of theta_a, row of theta_b, column of M) of every one-hot pair whose product is not 0.
  template <typename Visit>
  void ForEachProduct(const Visit& visit) const {
    for (int i = 0; i < n; ++i) {
      for (int j = 0; j < n; ++j) {
        for (int l = 0; l < n; ++l) visit(i * n + j, j * n + l, i * n + l);
      }
    }
  }

  template <typename S>
  struct Solution {
    std::vector<S> gram_a, gram_b;  // (k, k)
    std::vector<S> m;               // (k, n^2)
    std::vector<S> theta_c;         // (k, n^2)
  };
  template <typename S>
  Solution<S> Solve(const S* x) const {
    const S* b = x + squares() * k;
    Solution<S> solution{Gram(x), Gram(b), std::vector<S>(k * squares()), {}};
    ForEachProduct([&](int row_a, int row_b, int column) {
      for (int r = 0; r < k; ++r) solution.m[r * squares() + column] += x[row_a * k + r] * b[row_b * k + r];
    });
    std::vector<S> gram(k * k);
    for (int i = 0; i < k * k; ++i) gram[i] = solution.gram_a[i] * solution.gram_b[i];
    solution.theta_c = solution.m;
    SolveSymmetric(k, squares(), gram, solution.theta_c);
    return solution;
  }

  double Value(const double* x) const {
    const auto solution = Solve(x);
    double loss = n * n * n;
    for (size_t i = 0; i < solution.m.size(); ++i) loss -= solution.m[i] * solution.theta_c[i];
    return loss;
  }

  // theta_c is at its best, so only M and G's own changes count: dLoss/dM = -2 theta_c, dLoss/dG = theta_c theta_c'.
  template <typename S>
  void Gradient(const S* x, S* gradient) const {
    const auto solution = Solve(x);
    const S* b = x + squares() * k;
    S* gradient_b = gradient + squares() * k;
    std::vector<S> outer(k * k);
    for (int r = 0; r < k; ++r) {
      for (int s = 0; s < k; ++s) {
        for (int c = 0; c < squares(); ++c) {
          outer[r * k + s] += solution.theta_c[r * squares() + c] * solution.theta_c[s * squares() + c];
        }
      }
    }
    ThroughGram(x, outer, solution.gram_b, gradient);
    ThroughGram(b, outer, solution.gram_a, gradient_b);
    ForEachProduct([&](int row_a, int row_b, int column) {
      for (int r = 0; r < k; ++r) {
        const S slope = S(-2.0) * solution.theta_c[r * squares() + column];
        gradient[row_a * k + r] += slope * b[row_b * k + r];
        gradient_b[row_b * k + r] += slope * x[row_a * k + r];
      }
    });
  }

  // gradient = 2 theta (outer * other_gram)
  template <typename S>
  void ThroughGram(const S* theta, const std::vector<S>& outer, const std::vector<S>& other_gram, S* gradient) const {
    for (int i = 0; i < squares(); ++i) {
      for (int r = 0; r < k; ++r) {
        S sum(0.0);
        for (int s = 0; s < k; ++s) sum += theta[i * k + s] * outer[s * k + r] * other_gram[s * k + r];
        gradient[i * k + r] = S(2.0) * sum;
      }
    }
  }

  int64_t Bytes() const { return 0; }
};

}  // namespace

std::unique_ptr<Problem> MakeMatmul(int n, int k, const ProblemSeed& seed) {
  return std::make_unique<FunctionProblem<Matmul>>(seed, Matmul{n, k});
}

}  // namespace seedcast
