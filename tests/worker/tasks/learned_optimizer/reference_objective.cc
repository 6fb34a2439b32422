#include "tests/worker/tasks/learned_optimizer/reference_objective.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include "absl/types/span.h"
#include "worker/tasks/learned_optimizer/problems/batches.h"
#include "worker/tasks/learned_optimizer/problems/dataset.h"

namespace seedcast {
namespace {

using Vector = std::vector<double>;

const std::map<std::string, double (*)(double, double)>& PlaneFormulas() {
  static const auto* formulas = new std::map<std::string, double (*)(double, double)>{
      {"ackley",
       [](double x, double y) {
         return -20 * std::exp(-0.2 * std::sqrt((x * x + y * y) / 2)) -
                std::exp((std::cos(2 * M_PI * x) + std::cos(2 * M_PI * y)) / 2) + M_E + 20;
       }},
      {"beale",
       [](double x, double y) {
         return std::pow(1.5 - x + x * y, 2) + std::pow(2.25 - x + x * std::pow(y, 2), 2) +
                std::pow(2.625 - x + x * std::pow(y, 3), 2);
       }},
      {"booth", [](double x, double y) { return std::pow(x + 2 * y - 7, 2) + std::pow(2 * x + y - 5, 2); }},
      {"branin",
       [](double x, double y) {
         return std::pow(y - 5.1 / (4 * M_PI * M_PI) * x * x + 5 / M_PI * x - 6, 2) +
                10 * (1 - 1 / (8 * M_PI)) * std::cos(x) + 10;
       }},
      {"logsumexp",
       [](double x, double y) {
         return std::log(std::exp(x + 3 * y - 0.1) + std::exp(x - 3 * y - 0.1) + std::exp(-x - 0.1) + 1);
       }},
      {"matyas", [](double x, double y) { return 0.26 * (x * x + y * y) - 0.48 * x * y; }},
      {"michalewicz",
       [](double x, double y) {
         return 2 - std::sin(x) * std::pow(std::sin(x * x / M_PI), 10) -
                std::sin(y) * std::pow(std::sin(2 * y * y / M_PI), 10);
       }},
      {"rosenbrock", [](double x, double y) { return std::pow(1 - x, 2) + 100 * std::pow(y - x * x, 2); }},
      {"styblinski_tang",
       [](double x, double y) {
         const auto half = [](double t) { return std::pow(t, 4) - 16 * t * t + 5 * t; };
         return (half(x) + half(y)) / 2 + 80;
       }},
  };
  return *formulas;
}

double Dot(const Vector& a, const Vector& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

// W x - y of quadratic(n) and norm(n, p): n columns of W, then y, as their headers say.
std::function<Vector(const Vector&)> DrawResidual(int n, bool norm, const ProblemSeed& seed) {
  PhiloxStream random = seed.Stream(ProblemSeed::Purpose::kData);
  std::vector<float> w(int64_t{n} * n), y(n);
  if (norm) {
    FillNormals(random, absl::MakeSpan(w));
  } else {
    for (int c = 0; c < n; ++c) FillNormals(random, absl::MakeSpan(w).subspan(int64_t{c} * n, n));
  }
  FillNormals(random, absl::MakeSpan(y));
  const double sign = norm ? -1 : 1;  // the quadratic's y is drawn as -y
  return [=](const Vector& x) {
    Vector residual(n);
    for (int row = 0; row < n; ++row) {
      residual[row] = sign * y[row];
      for (int column = 0; column < n; ++column) residual[row] += double{w[int64_t{column} * n + row]} * x[column];
    }
    return residual;
  };
}

// The samples of a batch as rows; of the whole set for -1.
std::vector<int> SamplesOf(const Dataset& dataset, int batch_size, const ProblemSeed& seed, int64_t batch) {
  std::vector<int> samples(dataset.samples);
  std::iota(samples.begin(), samples.end(), 0);
  if (batch < 0) return samples;
  Batches batches(seed, dataset.samples, batch_size);
  const auto chosen = batches.Samples(batch);
  return {chosen.begin(), chosen.end()};
}

// Affine layers from a flat parameter vector; sizes of the units, with or without biases and sigmoids between.
double LogitZero(absl::Span<const double> x, const std::vector<int>& sizes, bool embedding, Vector units,
                 size_t* used) {
  size_t at = 0;
  for (size_t layer = 0; layer + 1 < sizes.size(); ++layer) {
    const bool bias = !(embedding && layer == 0);
    Vector next(sizes[layer + 1]);
    for (int o = 0; o < sizes[layer + 1]; ++o) {
      for (int i = 0; i < sizes[layer]; ++i) next[o] += units[i] * x[at + i * sizes[layer + 1] + o];
      if (bias) next[o] += x[at + sizes[layer] * sizes[layer + 1] + o];
      if (layer + 2 < sizes.size() && !embedding) next[o] = 1 / (1 + std::exp(-next[o]));
    }
    at += sizes[layer] * sizes[layer + 1] + (bias ? sizes[layer + 1] : 0);
    units = next;
  }
  *used = at;
  return units[0];
}

// An image (size, size, channels) after a convolution with k x k taps (k, k, channels, filters), zeros around it.
Vector Convolved(const Vector& image, int size, int channels, int filters, int k, const double* taps) {
  Vector out(size * size * filters);
  for (int r = 0; r < size; ++r) {
    for (int c = 0; c < size; ++c) {
      for (int i = 0; i < k * k; ++i) {
        const int from_r = r + i / k - k / 2, from_c = c + i % k - k / 2;
        if (from_r < 0 || from_r >= size || from_c < 0 || from_c >= size) continue;
        for (int ch = 0; ch < channels; ++ch) {
          for (int f = 0; f < filters; ++f) {
            out[(r * size + c) * filters + f] +=
                image[(from_r * size + from_c) * channels + ch] * taps[(i * channels + ch) * filters + f];
          }
        }
      }
    }
  }
  return out;
}

double ConvnetLogitZero(const Vector& x, int size, const std::vector<int>& filters, bool relu, Vector image,
                        size_t* used) {
  size_t at = 0;
  int channels = 1;
  for (size_t layer = 0; layer < filters.size(); ++layer) {
    const int k = layer % 2 == 0 ? 3 : 5;
    image = Convolved(image, size, channels, filters[layer], k, &x[at]);
    for (double& value : image) value = relu ? std::max(value, 0.0) : 1 / (1 + std::exp(-value));
    at += k * k * channels * filters[layer];
    channels = filters[layer];
  }
  const int units = size * size * channels;
  const double logit = LogitZero(absl::MakeConstSpan(x).subspan(at), {units, 2}, false, std::move(image), used);
  *used += at;
  return logit;
}

// Mean cross-entropy of the samples and the weight decay; logit(x, features, &parameters it has read).
template <typename Logit>
ReferenceObjective ClassificationLoss(const Dataset& dataset, const std::vector<int>& samples, double tensors,
                                      const Logit& logit) {
  return [=](const Vector& x) {
    double loss = 0;
    size_t used = 0;
    for (const int sample : samples) {
      const double z = logit(x, Vector(dataset.row(sample), dataset.row(sample) + dataset.num_features), &used);
      loss += std::log1p(std::exp(dataset.labels[sample] == 1 ? -z : z));
    }
    return used == x.size() ? loss / samples.size() + 1e-3 * Dot(x, x) / tensors : NAN;
  };
}

bool IsConvnet(const Expression& e) { return e.kind == "convnet_relu" || e.kind == "convnet_sigmoid"; }

ReferenceObjective MakeConvnet(const Expression& e, const ProblemSeed& seed, int64_t batch) {
  PhiloxStream random = seed.Stream(ProblemSeed::Purpose::kData);
  const int size = static_cast<int>(e.numbers[0]);
  const std::vector<int> filters(e.numbers.begin() + 2, e.numbers.end() - 1);
  const Dataset dataset = MakeClusters(size * size, e.numbers[1], random);
  const auto samples = SamplesOf(dataset, static_cast<int>(e.numbers.back()), seed, batch);
  return ClassificationLoss(dataset, samples, static_cast<double>(filters.size()) + 2,
                            [=, relu = e.kind == "convnet_relu"](const Vector& x, Vector image, size_t* used) {
                              return ConvnetLogitZero(x, size, filters, relu, std::move(image), used);
                            });
}

ReferenceObjective MakeClassifier(const Expression& e, const ProblemSeed& seed, int64_t batch) {
  PhiloxStream random = seed.Stream(ProblemSeed::Purpose::kData);
  const int first = static_cast<int>(e.numbers[0]);
  const bool embedding = e.kind == "sparse_softmax";
  std::vector<int> sizes = {first, 2};
  if (embedding) sizes = {2, 5, 2};
  if (e.kind == "mlp") sizes.insert(sizes.begin() + 1, e.numbers.begin() + 1, e.numbers.end() - 1);
  const Dataset dataset = embedding             ? MakeNoisyParity(first, random)
                          : e.kind == "softmax" ? MakeClusters(first, e.numbers[1], random)
                                                : MakeNetworkLabels(first, random);
  const auto samples = SamplesOf(dataset, static_cast<int>(e.numbers.back()), seed, batch);
  const double tensors = 2.0 * (sizes.size() - 1) - embedding;
  return ClassificationLoss(dataset, samples, tensors, [=](const Vector& x, Vector features, size_t* used) {
    return LogitZero(x, sizes, embedding, std::move(features), used);
  });
}

// |P theta_c - C|^2 with P formed over all pairs of one-hot matrices, and theta_c by Gauss and Jordan's elimination.
double MatmulLoss(int n, int k, const Vector& x) {
  const int s = n * n;
  const int rows = s * s;
  Vector p(rows * k), c(rows * s);
  for (int a = 0; a < s; ++a) {
    for (int b = 0; b < s; ++b) {
      for (int r = 0; r < k; ++r) p[(a * s + b) * k + r] = x[a * k + r] * x[s * k + b * k + r];
      if (a % n == b / n) c[(a * s + b) * s + a / n * n + b % n] = 1;
    }
  }
  const int width = k + s;
  Vector system(k * width);  // P'P | P'C
  for (int row = 0; row < rows; ++row) {
    for (int i = 0; i < k; ++i) {
      for (int j = 0; j < k; ++j) system[i * width + j] += p[row * k + i] * p[row * k + j];
      for (int j = 0; j < s; ++j) system[i * width + k + j] += p[row * k + i] * c[row * s + j];
    }
  }
  for (int i = 0; i < k; ++i) {
    const double pivot = system[i * width + i];
    for (int j = 0; j < width; ++j) system[i * width + j] /= pivot;
    for (int other = 0; other < k; ++other) {
      const double factor = other == i ? 0 : system[other * width + i];
      for (int j = 0; j < width; ++j) system[other * width + j] -= factor * system[i * width + j];
    }
  }
  double loss = 0;
  for (int row = 0; row < rows; ++row) {
    for (int j = 0; j < s; ++j) {
      double error = -c[row * s + j];
      for (int i = 0; i < k; ++i) error += p[row * k + i] * system[i * width + k + j];
      loss += error * error;
    }
  }
  return loss;
}

ReferenceObjective MakeVectorFormula(const Expression& e) {
  if (e.kind == "isotropic_quadratic") return [](const Vector& x) { return Dot(x, x); };
  if (e.kind == "dependency_chain") {
    return [](const Vector& x) {
      double sum = 0;
      for (size_t i = 1; i < x.size(); ++i) sum += x[0] * x[0] + x[i] * x[i] / (x[i - 1] * x[i - 1] + 1e-6);
      return sum;
    };
  }
  return [](const Vector& x) {  // min_max_well
    double low = INFINITY, high = 0;
    for (const double value : x) {
      low = std::min(low, value * value);
      high = std::max(high, value * value);
    }
    return high + 1 / low - 2 + 1e-12;
  };
}

ReferenceObjective MakeDataFormula(const Expression& e, const ProblemSeed& seed, int64_t batch) {
  PhiloxStream random = seed.Stream(ProblemSeed::Purpose::kData);
  const int n = static_cast<int>(e.numbers[0]);
  const int count = static_cast<int>(e.numbers[1]);
  const bool snake = e.kind == "outward_snake";
  const Dataset dataset = snake ? MakeBinary(n, count, random) : MakeSymmetric(n, count, random);
  const auto samples = SamplesOf(dataset, static_cast<int>(e.numbers[2]), seed, batch);
  const std::string kind = e.kind;
  return [=](const Vector& x) {
    double sum = kind == "sum_of_quadratics" ? 1e-12 : 0;
    for (const int sample : samples) {
      const Vector d(dataset.row(sample), dataset.row(sample) + n);
      if (snake) sum += d[0] / (std::sqrt(Dot(x, x)) + 1e-6);
      for (int i = 0; i < n; ++i) {
        if (kind == "projection_quadratic") sum += std::pow(x[i] * d[i], 2);
        if (kind == "sum_of_quadratics") sum += std::pow(x[i] - d[i], 2) - d[i] * d[i];
        if (snake && i > 0) sum += std::pow((x[i] - std::cos(x[i - 1]) * M_PI) * d[i], 2);
      }
    }
    return sum;
  };
}

ReferenceObjective MakeSimple(const Expression& e, const ProblemSeed& seed, int64_t batch) {
  if (const auto plane = PlaneFormulas().find(e.kind); plane != PlaneFormulas().end()) {
    return [formula = plane->second](const Vector& x) { return formula(x[0], x[1]); };
  }
  if (e.kind == "softmax" || e.kind == "mlp" || e.kind == "sparse_softmax") return MakeClassifier(e, seed, batch);
  if (IsConvnet(e)) return MakeConvnet(e, seed, batch);
  if (e.kind == "bowl") {
    const double condition = e.numbers[0];
    const double angle = e.numbers[1] * M_PI / 180;
    return [=](const Vector& x) {
      const double u = std::cos(angle) * x[0] - std::sin(angle) * x[1];
      const double v = std::sin(angle) * x[0] + std::cos(angle) * x[1];
      return (condition * u * u + v * v) / 2;
    };
  }
  const int n = static_cast<int>(e.numbers[0]);
  if (e.kind == "quadratic") {
    return [residual = DrawResidual(n, false, seed)](const Vector& x) { return Dot(residual(x), residual(x)) / 2; };
  }
  if (e.kind == "norm") {
    return [residual = DrawResidual(n, true, seed), p = e.numbers[1]](const Vector& x) {
      double sum = 0;
      for (const double r : residual(x)) sum += std::pow(std::abs(r) + 1e-6, p);
      return std::pow(sum, 1 / p);
    };
  }
  if (e.kind == "matmul") {
    return [n, k = static_cast<int>(e.numbers[1])](const Vector& x) { return MatmulLoss(n, k, x); };
  }
  return e.numbers.size() == 3 ? MakeDataFormula(e, seed, batch) : MakeVectorFormula(e);
}

// How many parameters a problem inside a sum takes: all such problems have one tensor.
size_t SizeInSum(const Expression& e) {
  if (!e.problems.empty()) return SizeInSum(e.problems[0]);
  return e.kind == "quadratic" || e.kind == "norm" ? static_cast<size_t>(e.numbers[0]) : 2;
}

}  // namespace

ReferenceObjective MakeReference(const Expression& e, const ProblemSeed& seed, int64_t batch) {
  if (e.problems.empty()) return MakeSimple(e, seed, batch);
  std::vector<ReferenceObjective> parts;
  for (size_t i = 0; i < e.problems.size(); ++i) {
    parts.push_back(MakeReference(e.problems[i], seed.Part(static_cast<int>(i)), batch));
  }
  if (e.kind == "sum") {
    return [e, parts](const Vector& x) {
      double sum = 0;
      auto at = x.begin();
      for (size_t i = 0; i < parts.size(); ++i) {
        const size_t size = SizeInSum(e.problems[i]);
        sum += parts[i](Vector(at, at + size));
        at += size;
      }
      return at == x.end() ? sum : NAN;
    };
  }
  if (e.kind == "rescale") {
    return [inner = parts[0], scale = e.numbers[0]](Vector x) {
      for (double& value : x) value /= scale;
      return inner(x);
    };
  }
  if (e.kind == "log") {
    return [inner = parts[0]](const Vector& x) { return std::log(inner(x) + 1e-6) - std::log(1e-6); };
  }
  return parts[0];  // noise and sparsity are not in the objective
}

}  // namespace seedcast
