#!/bin/sh
# Installs what is missing, builds everything and runs all tests. Arguments go to ctest, e.g. scripts/test.sh -L fast
set -eu
cd "$(dirname "$0")/.."
scripts/install.sh test
cmake --preset release -DSEEDCAST_BUILD_TESTS=ON -DSEEDCAST_BUILD_BENCH=ON
cmake --build --preset release
exec ctest --test-dir build/release --output-on-failure "$@"
