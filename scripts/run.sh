#!/bin/sh
# Everything from a fresh machine to a trained model: installs what is missing, builds, runs examples/omniglot.yaml.
# Arguments go to `seedcast run`, e.g. scripts/run.sh examples/glyphs.yaml --set seed=7
set -eu
cd "$(dirname "$0")/.."
scripts/install.sh run
[ -f build/release/build.ninja ] || cmake --preset release -DSEEDCAST_BUILD_TESTS=OFF -DSEEDCAST_BUILD_BENCH=OFF >build.log 2>&1 ||
  { cat build.log; exit 1; }
rm -f build.log
cmake --build --preset release --target seedcast seedcast-coordinator seedcast-worker

# A checkout beside a folder with the data set uses it; everyone else gets it from the cache or the network.
if [ -z "${SEEDCAST_DATA:-}" ] && [ -d ../shared/data/omniglot ]; then
  SEEDCAST_DATA=../shared/data/omniglot
  export SEEDCAST_DATA
fi
[ $# -gt 0 ] || set -- examples/omniglot.yaml
exec build/release/cli/seedcast run "$@"
