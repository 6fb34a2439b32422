// Part of every program of ours: says what is wrong on a processor on which the rest of it would end with SIGILL. Runs
// before anything else of the program, and is itself compiled for any x86-64.
#include <cstdio>
#include <cstdlib>

namespace {

__attribute__((constructor(101))) void CheckProcessor() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v3")) return;
  std::fputs(
      "seedcast: this processor, or the virtual machine around it, lacks AVX2, FMA or another feature of x86-64-v3, "
      "expected one of Haswell's or Zen's generation or newer\n",
      stderr);
  std::_Exit(1);
}

}  // namespace
