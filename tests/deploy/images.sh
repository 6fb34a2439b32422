#!/bin/sh
# Builds the images of deploy/Dockerfile without Docker Engine or a registry, measures them and runs a job through them: the
# base is debootstrapped from this machine's own mirror, podman builds in a chroot and runs with runc.
# Usage: images.sh     JOBS=2 limits the compiler; SEEDCAST_IMAGES=DIR keeps images, logs and compiled files there, so that
# the next build is short. Needs root and Debian's podman, buildah, runc, debootstrap, curl, binutils; exit code 77 without.
# Limits: 150 MB over the base, serving within 1 s of the process's start, the digest of `seedcast run`.
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" -eq 0 ] || { echo "skipped: needs root"; exit 77; }
PATH=$PATH:/usr/sbin
for tool in podman buildah runc debootstrap curl readelf; do
  command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
base=localhost/seedcast-base:12
version=0.1.0
most_over_base_mb=150
most_ms_to_serve=1000
grpc=127.0.0.1:17070
http=127.0.0.1:17071
scratch=$(mktemp -d)
images=${SEEDCAST_IMAGES:-$scratch}
mkdir -p "$images/tmp"
export TMPDIR="$images/tmp"  # of podman's cache mounts, too
store="--root $images/store --runroot $images/run --storage-driver overlay --cgroup-manager cgroupfs --runtime runc"
containers=
failed=0
# shellcheck disable=SC2086  # a list of options
pod() { podman $store "$@"; }
fail() { echo "FAILED: $1"; failed=1; }
clean_up() {
  # shellcheck disable=SC2086  # a list of names
  [ -z "$containers" ] || pod rm -f -t 5 $containers >/dev/null 2>&1 || true
  pod image unmount --all >/dev/null 2>&1 || true
  rm -rf "$scratch"
}
trap clean_up EXIT

make_base() {
  mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -1)
  debootstrap --variant=minbase bookworm "$scratch/base" ${mirror:+"$mirror"} >"$scratch/debootstrap.log" 2>&1 ||
    { tail "$scratch/debootstrap.log"; exit 1; }
  rm -rf "$scratch/base/var/cache/apt/archives/"*.deb "$scratch/base/var/lib/apt/lists/"*
  cp -r /etc/apt/apt.conf.d/. "$scratch/base/etc/apt/apt.conf.d/" 2>/dev/null || true
  tar -C "$scratch/base" -c . | pod import - "$base" >/dev/null
  rm -rf "$scratch/base"
}
build() { # target
  pod build --isolation chroot --network host --layers --build-arg BASE="$base" --build-arg JOBS="${JOBS:-}" \
    -f deploy/Dockerfile --target "$1" -t "seedcast-$1:$version" . >"$images/build-$1.log" 2>&1 ||
    { tail -30 "$images/build-$1.log"; exit 1; }
}
megabytes() { echo $(($(pod image inspect --format '{{.Size}}' "$1") / 1000000)); }
measure_size() { # target
  size=$(($(megabytes "seedcast-$1:$version") - $(megabytes "$base")))
  echo "$1: $size MB over the base of $(megabytes "$base") MB"
  [ "$size" -le "$most_over_base_mb" ] || fail "more than $most_over_base_mb MB"
}
check_hardening() { # target, binary
  tests/deploy/hardened.sh "$(pod image mount "seedcast-$1:$version")/usr/local/bin/$2" || failed=1
}
run() { # target, options... : a container in the background, as a careful operator starts it
  target=$1; shift
  pod run -d --network host --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --read-only --tmpfs /tmp \
    --name "seedcast-$target-$$" "seedcast-$target:$version" "$@" >/dev/null
}
cli() { pod run --rm --network host --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 "seedcast-cli:$version" "$@"; }

start_coordinator() {
  containers="seedcast-coordinator-$$"
  start=$(date +%s%N)
  run coordinator --listen "$grpc" --http "$http" --store /var/lib/seedcast/store &
  until curl -sf "http://$http/healthz" >/dev/null; do
    [ $(($(date +%s%N) - start)) -lt 60000000000 ] || { echo "FAILED: it does not serve"; pod logs "$containers"; exit 1; }
    sleep 0.02
  done
  now=$(date +%s%N)
  wait
  # A container's making by podman is not the program's: what counts is from the process's start.
  began=$(date -d "$(pod inspect --format '{{.State.StartedAt}}' "$containers" | sed 's/ [A-Z]*$//')" +%s%N)
  took=$(((now - began) / 1000000))
  echo "serving after $took ms of the process, $(((now - start) / 1000000)) ms of podman run"
  [ "$took" -le "$most_ms_to_serve" ] || fail "more than $most_ms_to_serve ms"
  pod exec "$containers" seedcast-coordinator --healthcheck "$http" || fail "its health check"
  user=$(pod exec "$containers" id -u)
  [ "$user" = 10001 ] || fail "it runs as user $user"
}
digest() { grep -o '"digest": *"[0-9a-f]*"' | tail -1 | grep -o '[0-9a-f]\{64\}'; }
run_job() {
  containers="$containers seedcast-worker-$$"
  run worker --coordinator "$grpc" --http "" --slots 1
  through=$(cli submit examples/sphere.yaml --coordinator "$grpc" --watch --json 2>"$scratch/submit.log" | digest) ||
    { cat "$scratch/submit.log"; pod logs "seedcast-worker-$$"; }
  alone=$(cli run examples/sphere.yaml --json --store /tmp/store 2>"$scratch/run.log" | digest) || cat "$scratch/run.log"
  echo "digest through the containers $through"
  echo "digest of the single run      $alone"
  [ -n "$through" ] && [ "$through" = "$alone" ] || fail "digests differ"
}

pod image exists "$base" || make_base
for target in coordinator worker cli; do build "$target"; done
for target in coordinator worker cli; do measure_size "$target"; done
check_hardening coordinator seedcast-coordinator
check_hardening worker seedcast-worker
check_hardening cli seedcast
start_coordinator
run_job
exit "$failed"
