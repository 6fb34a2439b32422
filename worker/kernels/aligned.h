// Arrays on cache-line boundaries, for vector loads that never straddle one.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace seedcast {

struct FreeMemory {
  void operator()(void* p) const { std::free(p); }
};

template <typename T>
using AlignedArray = std::unique_ptr<T[], FreeMemory>;

// `count` values, all zero.
template <typename T>
AlignedArray<T> MakeAlignedArray(size_t count) {
  constexpr size_t kCacheLine = 64;
  const size_t bytes = (count * sizeof(T) + kCacheLine - 1) / kCacheLine * kCacheLine;
  void* p = std::aligned_alloc(kCacheLine, bytes);
  if (p == nullptr) throw std::bad_alloc();
  __builtin_memset(p, 0, bytes);
  return AlignedArray<T>(static_cast<T*>(p));
}

}  // namespace seedcast
