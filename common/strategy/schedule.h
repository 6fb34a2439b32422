// Values that change over a job: learning rate and sigma. In double, by the functions of common/math.
//
// With x = generation / generations, a = initial, b = final, y = 0 for x <= start, else (x - start) / (1 - start):
//
//   CONSTANT     a
//   LINEAR       a + (b - a) y
//   COSINE       b + (a - b) * (0.5 * (1 + CosPi(y)))
//   EXPONENTIAL  a * Exp(y * Log(b / a))
//
// and while generation + 1 < warmup * generations, times (generation + 1) / (warmup * generations).
#pragma once

#include <cstdint>

#include "seedcast/v1/job.pb.h"

namespace seedcast {

// `schedule` is resolved; 0 <= generation <= generations.
double ValueAt(const v1::Schedule& schedule, int64_t generation, int64_t generations);

}  // namespace seedcast
