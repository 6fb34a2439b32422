#!/bin/sh
# Builds the images of deploy/Dockerfile without Docker Engine or a registry, and measures them: the base is debootstrapped
# from this machine's own mirror and imported under the Dockerfile's base name, podman builds in a chroot and runs with runc.
# Usage: images.sh [--keep]     JOBS=2 limits the compiler, SEEDCAST_IMAGES=DIR keeps images there. Needs root and Debian's podman, buildah, runc, debootstrap, curl;
# exit code 77 without. Limits: 150 MB over the base, serving within 1 s of the container's start.
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" -eq 0 ] || { echo "skipped: needs root"; exit 77; }
for tool in podman buildah runc debootstrap curl; do
  command -v "$tool" >/dev/null || PATH=$PATH:/usr/sbin command -v "$tool" >/dev/null ||
    { echo "skipped: $tool is not installed"; exit 77; }
done
keep=${1:-}
base=localhost/seedcast-base:12
most_over_base_mb=150
most_seconds_to_serve=1
scratch=$(mktemp -d)
images=${SEEDCAST_IMAGES:-$scratch}
store="--root $images/store --runroot $images/run --storage-driver vfs --cgroup-manager cgroupfs"
container=
clean_up() {
  [ -z "$container" ] || podman $store rm -f "$container" >/dev/null 2>&1 || true
  [ "$keep" = --keep ] || rm -rf "$scratch"
}
trap clean_up EXIT

make_base() {
  mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -1)
  debootstrap --variant=minbase bookworm "$scratch/base" "${mirror:-http://deb.debian.org/debian}" >"$scratch/debootstrap.log" 2>&1 ||
    { tail "$scratch/debootstrap.log"; exit 1; }
  rm -rf "$scratch/base/var/cache/apt/archives/"*.deb "$scratch/base/var/lib/apt/lists/"*
  cp -r /etc/apt/apt.conf.d/. "$scratch/base/etc/apt/apt.conf.d/" 2>/dev/null || true
  tar -C "$scratch/base" -c . | podman $store import - "$base" >/dev/null
  rm -rf "$scratch/base"
}
megabytes() { echo $(($(podman $store image inspect --format '{{.Size}}' "$1") / 1000000)); }

# shellcheck disable=SC2086  # $store is a list of options
{
  podman $store image exists "$base" || make_base
  for target in coordinator worker cli; do
    podman $store build --isolation chroot --network host --layers --build-arg BASE="$base" --build-arg JOBS="${JOBS:-}" \
      -f deploy/Dockerfile --target "$target" -t "seedcast-$target:0.1.0" . >"$scratch/build-$target.log" 2>&1 ||
      { tail -30 "$scratch/build-$target.log"; exit 1; }
  done

  failed=0
  over() { echo $(($(megabytes "seedcast-$1:0.1.0") - $(megabytes "$base"))); }
  for target in coordinator worker cli; do
    size=$(over "$target")
    echo "$target: $size MB over the base"
    [ "$size" -le "$most_over_base_mb" ] || { echo "FAILED: more than $most_over_base_mb MB"; failed=1; }
  done

  start=$(date +%s%N)
  podman $store --runtime runc run -d --network host --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 \
    --read-only --tmpfs /tmp seedcast-coordinator:0.1.0 --listen 127.0.0.1:17070 --http 127.0.0.1:17071 \
    --store /var/lib/seedcast/store >"$scratch/container" &
  until curl -sf http://127.0.0.1:17071/healthz >/dev/null; do
    [ $(($(date +%s%N) - start)) -lt 60000000000 ] || { echo "FAILED: it does not serve"; cat "$scratch/container"; exit 1; }
    sleep 0.02
  done
  now=$(date +%s%N)
  wait
  container=$(cat "$scratch/container")
  # A container's making by podman is not the program's: what counts is from the process's start.
  began=$(date -d "$(podman $store inspect --format '{{.State.StartedAt}}' "$container" | sed 's/ [A-Z]*$//')" +%s%N)
  echo "serving after $(((now - began) / 1000000)) ms of the process, $(((now - start) / 1000000)) ms of podman run"
  [ $((now - began)) -le $((most_seconds_to_serve * 1000000000)) ] || { echo "FAILED: more than $most_seconds_to_serve s"; failed=1; }
  podman $store exec "$container" seedcast-coordinator --healthcheck 127.0.0.1:17071
  echo "as $(podman $store exec "$container" id -u)"
}
exit "$failed"
