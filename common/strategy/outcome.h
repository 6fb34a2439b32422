// What a log record says of a generation: all that Update needs.
#pragma once

#include <vector>

#include "absl/types/span.h"

namespace seedcast {

// Borrowed.
struct Outcome {
  absl::Span<const float> fitness;   // (clusters, population_size), not finite = failed
  absl::Span<const float> gradient;  // (num_parameters) for the estimator GRADIENT, else empty
};

// Of a GenerationRecord or of GenerationClosed, which lends the values.
template <typename Message>
Outcome OutcomeOf(const Message& message) {
  return {message.fitness(), message.gradient()};
}

// Owned.
struct OutcomeValues {
  std::vector<float> fitness;
  std::vector<float> gradient;

  Outcome view() const { return {fitness, gradient}; }
};

template <typename Message>
OutcomeValues OutcomeValuesOf(const Message& message) {
  return {{message.fitness().begin(), message.fitness().end()}, {message.gradient().begin(), message.gradient().end()}};
}

}  // namespace seedcast
