#!/bin/sh
# A cluster of six hosts made of network namespaces: a coordinator and four workers with TLS run a job to its end, while one
# worker's link is cut and healed and the coordinator moves to another host, with its volume, behind the same name. The
# last digest must be the one that `seedcast run` gives in one process.
# Usage: netns.sh [BUILD_DIRECTORY]    needs root and iproute2; exit code 77 without them.
set -eu
build=$(realpath "${1:-$(dirname "$0")/../../build/release}")
[ "$(id -u)" -eq 0 ] || { echo "skipped: needs root"; exit 77; }
command -v ip >/dev/null || { echo "skipped: iproute2 is not installed"; exit 77; }
[ -x "$build/coordinator/seedcast-coordinator" ] || { echo "skipped: no binaries in $build"; exit 77; }

tag=sc$$
scratch=$(mktemp -d)
pids=
clean_up() {
  # shellcheck disable=SC2086  # a list of numbers
  [ -z "$pids" ] || kill $pids 2>/dev/null || true
  wait
  for host in c d w1 w2 w3 w4; do ip netns del "$tag-$host" 2>/dev/null || true; done
  ip netns del "$tag-switch" 2>/dev/null || true
  rm -rf "$scratch" "/etc/netns/$tag"-*
}
trap clean_up EXIT
ip netns add "$tag-switch" 2>/dev/null || { echo "skipped: may not make network namespaces"; exit 77; }
ip -n "$tag-switch" link add bridge type bridge 2>/dev/null || { echo "skipped: the kernel has no bridges"; exit 77; }
ip -n "$tag-switch" link set bridge up

host() { # name, address
  ip netns add "$tag-$1"
  ip link add "up$1" netns "$tag-switch" type veth peer name eth0 netns "$tag-$1"
  ip -n "$tag-switch" link set "up$1" master bridge up
  ip -n "$tag-$1" addr add "$2/24" dev eth0
  ip -n "$tag-$1" link set eth0 up
  ip -n "$tag-$1" link set lo up
  mkdir -p "/etc/netns/$tag-$1"
}
name_is_at() { # what `coordinator` means, on every host
  for each in c d w1 w2 w3 w4; do echo "$1 coordinator" >"/etc/netns/$tag-$each/hosts"; done
}
on() { name=$1; shift; ip netns exec "$tag-$name" "$@"; }
tls() { echo "--tls-cert $scratch/certs/$1/tls.crt --tls-key $scratch/certs/$1/tls.key --tls-ca $scratch/certs/$1/ca.crt"; }

host c 10.77.0.1; host d 10.77.0.2
for i in 1 2 3 4; do host w$i 10.77.0.1$i; done
name_is_at 10.77.0.1
"$build/cli/seedcast" certs "$scratch/certs" --host coordinator >/dev/null
cat >"$scratch/job.yaml" <<'JOB'
name: hosts
seed: 5
sphere: {dimension: 2000, fitness_noise: 0.05}
strategy:
  population_size: 256
  sigma: {initial: 0.1}
  learning_rate: {initial: 0.05}
generations: 1500
JOB

start_coordinator() { # host
  # shellcheck disable=SC2046  # options
  ip netns exec "$tag-$1" "$build/coordinator/seedcast-coordinator" --listen 0.0.0.0:7070 --http "" --lease-ttl 5 \
    --store "$scratch/store" $(tls coordinator) >>"$scratch/coordinator.log" 2>&1 &
  coordinator=$!
  pids="$pids $coordinator"
}
cli() { # shellcheck disable=SC2046
  on w1 "$build/cli/seedcast" "$@" --coordinator coordinator:7070 $(tls submitter)
}
field() { grep -o "\"$1\": *[^,}]*" | head -1 | sed 's/^[^:]*: *//; s/"//g'; }
generation() { cli show "$job" --json 2>/dev/null | field version || true; }
wait_for_generation() {
  until [ "$(generation)" -ge "$1" ] 2>/dev/null; do
    waited=$((${waited:-0} + 1))
    [ "$waited" -lt 1200 ] || { echo "FAILED: no generation $1"; tail -5 "$scratch"/*.log; exit 1; }
    sleep 0.2
  done
}

start_coordinator c
for i in 1 2 3 4; do
  # shellcheck disable=SC2046
  ip netns exec "$tag-w$i" "$build/worker/seedcast-worker" --coordinator coordinator:7070 --http "" --slots 1 --id "w$i" \
    $(tls worker) >"$scratch/w$i.log" 2>&1 &
  pids="$pids $!"
done
until job=$(cli submit "$scratch/job.yaml" --json 2>"$scratch/submit.log" | field job_id) && [ -n "$job" ]; do
  tries=$((${tries:-0} + 1))
  [ "$tries" -lt 50 ] || { echo "FAILED: no job"; cat "$scratch"/*.log; exit 1; }
  sleep 0.2
done

wait_for_generation 40
ip -n "$tag-switch" link set upw2 down
echo "cut: worker 2, at generation $(generation)"
wait_for_generation 100
ip -n "$tag-switch" link set upw2 up
echo "healed: worker 2, at generation $(generation)"
wait_for_generation 160
before=$(generation)
kill -KILL "$coordinator"; wait "$coordinator" 2>/dev/null || true
name_is_at 10.77.0.2
start_coordinator d
wait_for_generation $((before + 1))
echo "moved: the coordinator, at generation $before"
cli watch "$job" >"$scratch/watch.log" 2>&1 || { echo "FAILED: the job"; tail "$scratch/watch.log"; exit 1; }
cli show "$job" --json >"$scratch/cluster.json"
"$build/cli/seedcast" run "$scratch/job.yaml" --store "$scratch/alone" --json --output "$scratch/model" >"$scratch/alone.json" 2>"$scratch/alone.log" ||
  { echo "FAILED: the embedded run"; tail "$scratch/alone.log"; exit 1; }
cluster=$(field digest <"$scratch/cluster.json"); alone=$(field digest <"$scratch/alone.json")
echo "digest of the cluster    $cluster"
echo "digest of the single run $alone"
[ -n "$cluster" ] && [ "$cluster" = "$alone" ] || { echo "FAILED: digests differ"; exit 1; }
