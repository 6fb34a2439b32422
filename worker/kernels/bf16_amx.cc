// Class BF16_AMX on the processor's tile registers. The algorithm (bf16_tiles.h) is tested with emulated tiles on every
// machine; the instructions below run only where AMX is, where the same tests compare them with the emulation.
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "worker/kernels/bf16_kernels.h"
#include "worker/kernels/bf16_tiles.h"

namespace seedcast {
namespace {

// Written as assembly: the compiler's intrinsics want the register as a literal, and this file needs no -mamx flags.
struct AmxTiles {
  static void Configure() {
    struct alignas(64) {
      uint8_t palette = 1;
      uint8_t start_row = 0;
      uint8_t reserved[14] = {};
      uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } config;
    asm volatile("ldtilecfg %0" : : "m"(config));
  }
  static void Release() { asm volatile("tilerelease"); }

  template <int kTile>
  static void Zero() {
    asm volatile("tilezero %%tmm%c0" : : "i"(kTile));
  }
  template <int kTile>
  static void Load(const void* from, int64_t row_bytes) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(row_bytes), "i"(kTile) : "memory");
  }
  template <int kTile>
  static void Store(void* to, int64_t row_bytes) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(row_bytes), "i"(kTile) : "memory");
  }
  template <int kSum, int kA, int kB>
  static void Dot() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSum), "i"(kA), "i"(kB));
  }
};

}  // namespace

bool RequestAmx() {
  unsigned eax, ebx, ecx, edx;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  constexpr unsigned kAmxBf16 = 1u << 22;
  constexpr unsigned kAmxTile = 1u << 24;
  if ((edx & kAmxBf16) == 0 || (edx & kAmxTile) == 0) return false;
  // Linux hands out the 8 KiB of tile state on request, once for all threads of a process.
  constexpr int kArchReqXcompPerm = 0x1023;
  constexpr int kXfeatureXtileData = 18;
  return syscall(SYS_arch_prctl, kArchReqXcompPerm, kXfeatureXtileData) == 0;
}

const Bf16Kernels kAmxBf16Kernels = {AmxTiles::Configure, MultiplyWithTiles<AmxTiles>, AmxTiles::Release};

}  // namespace seedcast
