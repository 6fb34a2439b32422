// RETURN_IF_ERROR(expr); ASSIGN_OR_RETURN(auto x, expr): the two ways a Status travels up.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define SEEDCAST_CONCAT_INNER(a, b) a##b
#define SEEDCAST_CONCAT(a, b) SEEDCAST_CONCAT_INNER(a, b)

#define RETURN_IF_ERROR(expr)                                                                 \
  do {                                                                                        \
    if (absl::Status seedcast_status = (expr); !seedcast_status.ok()) return seedcast_status; \
  } while (false)

#define ASSIGN_OR_RETURN(lhs, expr) SEEDCAST_ASSIGN_OR_RETURN(SEEDCAST_CONCAT(seedcast_or_, __LINE__), lhs, expr)
#define SEEDCAST_ASSIGN_OR_RETURN(var, lhs, expr) \
  auto var = (expr);                              \
  if (!var.ok()) return std::move(var).status();  \
  lhs = *std::move(var)
