// What each estimator's estimate of a meta-gradient is worth: its mean and 95 % interval at a fixed theta, made by the
// workers' own code (LeaseEvaluator), beside the true gradient in closed form. Raw fitness differences, not ranks.
//
//   influence  worker/tasks/influence.h: short unrolls point the wrong way
//   quadratic  theta is the learning rate of gradient descent on 1/2 sum_i h_i x_i^2 / 3, h = (0.1, 0.3, 1), from x = 1
//
// One sample is the mean of a pair's estimates over one inner training: samples are independent, estimates within an
// inner training are not. An estimate is (f+ - f-) / (2 s) sum_j n_j / 4, with the noise that WeighedNoise names
// (popcount noise has variance 4); for GRADIENT what the worker returns.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

struct StudyOptions {
  absl::string_view problem = "influence";
  int steps = 10;  // of an unroll
  int count = 20;  // unrolls of an inner training
  double theta = 0.5;
  double sigma = 0.05;
  int64_t trainings = 2000;  // inner trainings of pairs, at least
  uint64_t seed = 1;
};

struct StudyResult {
  double mean = 0;
  double interval = 0;   // half width of the 95 % interval of the mean: 1.96 standard errors
  double deviation = 0;  // standard deviation of one inner training's estimate
  int64_t trainings = 0;
};

// d fitness / d theta of a whole inner training of steps * count steps, undisturbed.
double TrueGradient(const StudyOptions& options);
StudyResult EstimateGradient(const StudyOptions& options, v1::Strategy::Estimator estimator);

}  // namespace seedcast
