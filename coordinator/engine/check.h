// SEEDCAST_CHECK(condition, message): our own bugs, never input. On in release: a coordinator that has lost count of
// its units must stop before it writes a wrong log; its store is intact and a restart replays it.
#pragma once

#include <cstdio>
#include <cstdlib>

#define SEEDCAST_CHECK(condition, message)                                                            \
  do {                                                                                                \
    if (!(condition)) {                                                                               \
      std::fprintf(stderr, "%s:%d: check failed: %s: %s\n", __FILE__, __LINE__, #condition, message); \
      std::abort();                                                                                   \
    }                                                                                                 \
  } while (false)
