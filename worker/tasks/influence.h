// Influence balancing (Tallec and Ollivier 2017, arXiv 1702.05043), the smallest task whose short unrolls point the
// wrong way:
//
//   s_0 = (1, .. 1);  s_t+1 = A s_t + theta b      A = 1/2 on the diagonal and just above it; b = +1 for the first
//   loss_t = 1/2 (s_t,1 - 1)^2                     `positive` units, -1 for the others; 0-based: s_t,1 is s[0]
//
// Fitness of an unroll: minus the mean of loss_t over its steps. Of a whole evaluation: the mean over its unrolls, a
// restart beginning at s_0 again. All in double, in the order of the equations; rounded to float32 once.
//
// One inner training of T steps in closed form, C the binomial coefficient, p = positive, n = units:
//
//   A^t is 2^-t C(t, j) in its first row, so s_t,1 = a_t theta + c_t with
//   c_t = 2^-t sum_{j < n} C(t, j)
//   a_t = sum_{k < t} 2^-k (sum_{j < p} C(k, j) - sum_{p <= j < n} C(k, j))
//   d fitness / d theta = - mean_t a_t (a_t theta + c_t - 1)
//
// a_t = t for t <= p, but 2 (2 p - n) for t to infinity, which is negative by default: the influence of theta on s_t,1
// changes its sign after some twenty steps.
#pragma once

#include <memory>

#include "seedcast/v1/job.pb.h"
#include "worker/tasks/task.h"

namespace seedcast {

// Fitness of one undisturbed inner training of `steps` steps and its derivative, by the closed form above.
struct InfluenceTruth {
  double fitness;
  double gradient;
};
InfluenceTruth InfluenceClosedForm(const v1::InfluenceTask& task, int64_t steps, double theta);

// spec: resolved, with an influence task.
std::unique_ptr<Task> MakeInfluenceTask(const v1::JobSpec& spec);

}  // namespace seedcast
