#include "common/strategy/schedule.h"

#include "common/math/elementary.h"

namespace seedcast {
namespace {

double Decayed(const v1::Schedule& schedule, double y) {
  const double a = schedule.initial();
  const double b = schedule.final();
  switch (schedule.decay()) {
    case v1::Schedule::LINEAR:
      return a + (b - a) * y;
    case v1::Schedule::COSINE:
      return b + (a - b) * (0.5 * (1 + CosPi(y)));
    case v1::Schedule::EXPONENTIAL:
      return a * Exp(y * Log(b / a));
    default:
      return a;
  }
}

}  // namespace

double ValueAt(const v1::Schedule& schedule, int64_t generation, int64_t generations) {
  const double total = static_cast<double>(generations);
  const double x = static_cast<double>(generation) / total;
  const double y = x <= schedule.start() ? 0 : (x - schedule.start()) / (1 - schedule.start());
  const double value = Decayed(schedule, y);
  const double next = static_cast<double>(generation + 1);
  const double warm_after = schedule.warmup() * total;
  return next < warm_after ? value * (next / warm_after) : value;
}

}  // namespace seedcast
