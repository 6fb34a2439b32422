// Inner steps per second of the learned optimizer on one core, by problem size, and its rate against the measured peak
// of the core's FMA units.
//
//   unroll_bench [seconds per figure, default 1]
//
// A step is the optimizer's and the gradient of a separable quadratic, 0.5 sum c_i (x_i - y_i)^2: as little work for
// the problem as there can be. Each figure is the best of several runs of many steps. The flops are those of the cells'
// matrices and the readouts, two a multiplication; elementary functions are not counted. One JSON object a line.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "bench/peak.h"
#include "common/noise/philox.h"
#include "worker/tasks/learned_optimizer/hrnn.h"
#include "worker/tasks/learned_optimizer/hrnn_adjoint.h"

namespace seedcast {
namespace {

double seconds_per_figure = 1;

// Of one step in which n parameters are one tensor.
double FlopsPerStep(int64_t n) {
  const double parameter = 22 * 30 + 4 * 10 + 4;      // cell 0 and the readouts
  const double tensor = 20 * 30 + 42 * 60;            // from the tensor to its parameters, cell 1
  const double global = 20 * 30 + 20 * 60 + 40 * 60;  // from the problem to parameters and tensors, cell 2
  return 2 * (static_cast<double>(n) * parameter + tensor + global);
}

struct SeparableQuadratic {
  explicit SeparableQuadratic(int64_t n) : curvature(n), centre(n), x(n), gradient(n) {
    PhiloxStream stream(1, 0, 0, 99);
    for (int64_t i = 0; i < n; ++i) {
      curvature[i] = stream.Uniform();
      centre[i] = stream.Uniform();
    }
  }
  void SetGradient() {
    for (size_t i = 0; i < x.size(); ++i) gradient[i] = curvature[i] * (x[i] - centre[i]);
  }
  std::vector<float> curvature, centre, x, gradient;
};

void PrintSteps(const std::string& kernels, int64_t n, double peak) {
  const std::unique_ptr<Hrnn> hrnn = MakeHrnn({n}, {}, kernels);
  hrnn->SetTheta(InitialHrnnTheta(1));
  HrnnState state;
  hrnn->Begin(1, 0, 0, &state);
  SeparableQuadratic problem(n);
  const int64_t steps = std::max<int64_t>(5, 1000 / n);
  const double seconds_of_all = BestSeconds(seconds_per_figure, [&] {
    for (int64_t step = 0; step < steps; ++step) {
      problem.SetGradient();
      hrnn->Step(problem.gradient, &state, absl::MakeSpan(problem.x));
    }
  });
  const double seconds = seconds_of_all / static_cast<double>(steps);
  const double gflops = FlopsPerStep(n) / seconds * 1e-9;
  std::printf(R"({"what": "step", "kernels": "%s", "parameters": %ld, "steps_per_second": %.6g, "microseconds": %.4g, )"
              R"("gflops": %.4g, "peak_gflops": %.4g})"
              "\n",
              kernels.c_str(), n, 1 / seconds, seconds * 1e6, gflops, peak);
}

// A step forward with its record and the step back, the problem's part left out.
void PrintBackward(int64_t n) {
  HrnnAdjoint adjoint({n}, {});
  adjoint.SetTheta(InitialHrnnTheta(1));
  const std::unique_ptr<Hrnn> hrnn = MakeHrnn({n}, {});
  hrnn->SetTheta(InitialHrnnTheta(1));
  HrnnState state, d_state;
  hrnn->Begin(1, 0, 0, &state);
  d_state.Resize(n, 1);
  SeparableQuadratic problem(n);
  problem.SetGradient();
  std::vector<float> record(adjoint.RecordSize()), d_x(n, 1.0f), d_gradient(n);
  std::vector<double> d_theta(kHrnnParameters);
  const double seconds = BestSeconds(seconds_per_figure, [&] {
    adjoint.Record(problem.gradient, state, absl::MakeSpan(record));
    hrnn->Step(problem.gradient, &state, absl::MakeSpan(problem.x));
    d_state.Resize(n, 1);
    adjoint.StepBackward(record, d_x, &d_state, absl::MakeSpan(d_gradient), absl::MakeSpan(d_theta));
  });
  std::printf(R"({"what": "step and back", "parameters": %ld, "steps_per_second": %.6g, "microseconds": %.4g})"
              "\n",
              n, 1 / seconds, seconds * 1e6);
}

}  // namespace
}  // namespace seedcast

int main(int argc, char** argv) {
  using namespace seedcast;
  if (argc > 1) seconds_per_figure = std::atof(argv[1]);
  for (const char* kernels : {"avx512", "avx2", "scalar"}) {
    if (MakeHrnn({1}, {}, kernels) == nullptr) continue;
    const double peak = PeakGflops(seconds_per_figure, kernels == std::string("avx512"));
    for (const int64_t n : {2, 100, 2500}) PrintSteps(kernels, n, peak);
  }
  for (const int64_t n : {2, 100, 2500}) PrintBackward(n);
}
