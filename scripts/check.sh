#!/bin/sh
# The long check before a change lands: format, lint, and the whole suite under each sanitizer.
# Usage: check.sh [format|tidy|asan|tsan]...   (default: all)
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- format tidy asan tsan

# What git tracks or, in a checkout without git, what lies in the source folders.
sources() { # pattern...
  if [ -e .git ] && git ls-files "$@" 2>/dev/null; then return; fi
  for pattern in "$@"; do
    find bench cli cmake common coordinator tests worker -name "$pattern"
  done
}

# Exit code 77 is "skipped" to ctest, whose entry `format` runs this step.
require() {
  command -v "$1" >/dev/null || { echo "skipped: $1 is not installed"; exit 77; }
}

for step in "$@"; do
  echo "== $step"
  case "$step" in
    format)
      require clang-format
      sources '*.cc' '*.h' | xargs clang-format --dry-run --Werror ;;
    tidy)
      require clang-tidy
      cmake --preset release -DSEEDCAST_BUILD_TESTS=ON -DSEEDCAST_BUILD_BENCH=ON >/dev/null
      cmake --build --preset release --target seedcast_proto seedcast_grpc >/dev/null
      # The compile commands are gcc's: clang does not know all of its warnings.
      sources '*.cc' | grep -E '^(cli|common|coordinator|worker)/' |
        xargs -P "$(nproc)" -n 1 clang-tidy --quiet -p build/release --extra-arg=-Wno-unknown-warning-option ;;
    asan | tsan)
      cmake --preset "$step" >/dev/null
      cmake --build --preset "$step"
      ctest --test-dir "build/$step" --output-on-failure ;;
    *) echo "unknown step '$step'" >&2; exit 2 ;;
  esac
done
