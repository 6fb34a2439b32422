// The meta-parameters of the optimizer: their layout, and their initial values (those of the published code).
#include <cmath>

#include "common/math/elementary.h"
#include "common/noise/noise.h"
#include "common/noise/philox.h"
#include "worker/tasks/learned_optimizer/hrnn.h"

namespace seedcast {
namespace {

// A matrix of Gaussians of deviation `spread` / sqrt(rows) about `mean`; or values uniform in mean +- spread.
enum class Draw { kGaussian, kUniform };

struct Initial {
  const char* name;
  int rows;
  int columns;
  double mean;
  double spread;
  Draw draw = Draw::kGaussian;
};

constexpr double kCellSpread = 0.5;
constexpr double kGateBias = 2.2;  // sigmoid 0.90: a cell remembers at first

constexpr Initial kInitial[] = {
    {"parameter_cell.gates.weights", 22, 20, 0, kCellSpread},
    {"parameter_cell.gates.biases", 1, 20, kGateBias, 0},
    {"parameter_cell.candidate.weights", 22, 10, 0, kCellSpread},
    {"parameter_cell.candidate.biases", 1, 10, 0, 0},
    {"parameter_from_tensor.weights", 20, 30, 0, kCellSpread},
    {"parameter_from_tensor.biases", 1, 30, 0, 0},
    {"parameter_from_global.weights", 20, 30, 0, kCellSpread},
    {"parameter_from_global.biases", 1, 30, 0, 0},
    {"tensor_cell.gates.weights", 42, 40, 0, kCellSpread},
    {"tensor_cell.gates.biases", 1, 40, kGateBias, 0},
    {"tensor_cell.candidate.weights", 42, 20, 0, kCellSpread},
    {"tensor_cell.candidate.biases", 1, 20, 0, 0},
    {"tensor_from_global.weights", 20, 60, 0, kCellSpread},
    {"tensor_from_global.biases", 1, 60, 0, 0},
    {"global_cell.gates.weights", 40, 40, 0, kCellSpread},
    {"global_cell.gates.biases", 1, 40, kGateBias, 0},
    {"global_cell.candidate.weights", 40, 20, 0, kCellSpread},
    {"global_cell.candidate.biases", 1, 20, 0, 0},
    {"initial.parameter", 1, 10, 0, 1, Draw::kUniform},
    {"initial.tensor", 1, 20, 0, 1, Draw::kUniform},
    {"initial.global", 1, 20, 0, 1, Draw::kUniform},
    {"direction.hidden", 10, 1, 0, kCellSpread},
    {"direction.gradient", 4, 1, 0.25, 0.1},
    {"scale_decay.weights", 10, 1, 0, kCellSpread},
    {"scale_decay.bias", 1, 1, 3.2, 0},  // sigmoid 0.961
    {"input_decay.weights", 10, 1, 0, kCellSpread},
    {"input_decay.bias", 1, 1, 2.2, 0},
    {"learning_rate.weights", 10, 1, 0, 0},
    {"learning_rate.bias", 1, 1, 0, 0},
    {"learning_rate.momentum", 1, 1, 3.2, 0},
    {"learning_rate.offset", 1, 1, -1, 0},
};

// Box and Muller's transform, one of its two normals, rounded to float32 by the caller.
double Gaussian(PhiloxStream& stream) {
  const double radius = std::sqrt(-2 * Log(static_cast<double>(stream.Uniform())));
  return radius * CosPi(2 * static_cast<double>(stream.Uniform()));
}

std::vector<HrnnTensor> Layout() {
  std::vector<HrnnTensor> tensors;
  int64_t first = 0;
  for (const Initial& tensor : kInitial) {
    tensors.push_back({tensor.name, first, tensor.rows, tensor.columns});
    first += int64_t{tensor.rows} * tensor.columns;
  }
  return tensors;
}

}  // namespace

absl::Span<const HrnnTensor> HrnnTensors() {
  static const auto& tensors = *new std::vector<HrnnTensor>(Layout());
  return tensors;
}

std::vector<float> InitialHrnnTheta(uint64_t seed) {
  PhiloxStream stream(seed, 0, 0, static_cast<uint32_t>(NoiseDomain::kInitialTheta));
  std::vector<float> theta;
  theta.reserve(kHrnnParameters);
  for (const Initial& tensor : kInitial) {
    const double deviation = tensor.spread / std::sqrt(static_cast<double>(tensor.rows));
    for (int i = 0; i < tensor.rows * tensor.columns; ++i) {
      double value = tensor.mean;
      if (tensor.draw == Draw::kUniform) {
        value += tensor.spread * (2 * static_cast<double>(stream.Uniform()) - 1);
      } else if (tensor.spread != 0) {
        value += deviation * Gaussian(stream);
      }
      theta.push_back(static_cast<float>(value));
    }
  }
  return theta;
}

}  // namespace seedcast
