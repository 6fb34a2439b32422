#!/bin/sh
# The long check before a change lands: format, lint, and the whole suite under each sanitizer.
# Usage: check.sh [format|tidy|asan|tsan]...   (default: all)
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- format tidy asan tsan

sources() { git ls-files '*.cc' '*.h'; }

for step in "$@"; do
  echo "== $step"
  case "$step" in
    format) sources | xargs clang-format --dry-run --Werror ;;
    tidy)
      cmake --preset release -DSEEDCAST_BUILD_TESTS=ON -DSEEDCAST_BUILD_BENCH=ON >/dev/null
      cmake --build --preset release --target seedcast_proto seedcast_grpc >/dev/null
      git ls-files '*.cc' | grep -v '^tests/\|^bench/' |
        xargs -P "$(nproc)" -n 1 clang-tidy --quiet -p build/release --extra-arg=-Wno-unknown-warning-option ;;
    asan | tsan)
      cmake --preset "$step" >/dev/null
      cmake --build --preset "$step"
      ctest --test-dir "build/$step" --output-on-failure ;;
    *) echo "unknown step '$step'" >&2; exit 2 ;;
  esac
done
