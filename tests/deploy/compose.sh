#!/bin/sh
# docker-compose.yml as deploy/README.md tells it, without Docker Engine: docker-compose talks to podman's service, containers
# are on a network with names, Prometheus is Debian's. Grafana is not there. Runs a job with four workers; one with eight,
# then three, and a coordinator that restarts; one with TLS, renewed certificates, the status page over HTTPS; a job file and an
# export through a mounted folder. Digests must be those of `seedcast run`.
# Usage: SEEDCAST_IMAGES=DIR compose.sh     with the directory that images.sh filled. Needs root and Debian's
# podman, runc, netavark, aardvark-dns, docker-compose, iproute2, curl; exit code 77 without.
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" -eq 0 ] || { echo "skipped: needs root"; exit 77; }
PATH=$PATH:/usr/sbin:/usr/lib/podman
for tool in podman runc netavark aardvark-dns docker-compose ip curl; do
  command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
images=$(realpath "${SEEDCAST_IMAGES:-/nonexistent}")
[ -d "$images/store" ] || { echo "skipped: SEEDCAST_IMAGES names no directory that images.sh filled"; exit 77; }

export TMPDIR="$images/tmp"
store="--root $images/store --runroot $images/run --storage-driver overlay --cgroup-manager cgroupfs --runtime runc"
# shellcheck disable=SC2086  # a list of options
pod() { podman $store "$@"; }
make_prometheus() {
  pod build --isolation chroot --network host -t docker.io/prom/prometheus:v2.53.2 -f - "$images/tmp" <<'FILE'
FROM localhost/seedcast-base:12
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus >/dev/null \
 && mkdir /prometheus && chown 65534:65534 /prometheus
USER 65534:65534
ENTRYPOINT ["prometheus", "--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
FILE
}
# In a network namespace of its own the ports are free, whatever else this machine runs.
if [ -z "${SEEDCAST_OWN_NETWORK:-}" ]; then
  pod image exists docker.io/prom/prometheus:v2.53.2 || make_prometheus >"$images/build-prometheus.log" 2>&1 ||
    { tail "$images/build-prometheus.log"; exit 1; }
  # shellcheck disable=SC2016  # for the other shell
  SEEDCAST_OWN_NETWORK=1 exec unshare --net sh -c 'ip link set lo up && exec "$0"' "$PWD/tests/deploy/compose.sh"
fi

scratch=$(mktemp -d)
project=$scratch/seedcast
printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]\n' >"$scratch/containers.conf"
export CONTAINERS_CONF="$scratch/containers.conf" DOCKER_HOST="unix://$scratch/podman.sock"
tls=
pids=
# shellcheck disable=SC2086
compose() { docker-compose $tls "$@"; }
# shellcheck disable=SC2317,SC2086  # called by the trap; a list of numbers
clean_up() {
  compose down -v --remove-orphans -t 20 >/dev/null 2>&1 || true
  kill $pids 2>/dev/null || true
  wait
  rm -rf "$scratch"
}
fail() { echo "FAILED: $1"; tail -20 "$scratch/log"; exit 1; }
quietly() { "$@" >"$scratch/log" 2>&1 || fail "$*"; }

start_engine() {
  pod system service --time 0 "$DOCKER_HOST" >"$scratch/service.log" 2>&1 &
  pids="$!"
  # In the place of systemd's timers, with which podman runs health checks.
  while sleep 1; do pod healthcheck run seedcast_coordinator_1 >/dev/null 2>&1 || true; done &
  pids="$pids $!"
  until docker-compose ps >/dev/null 2>&1; do
    waited=$((${waited:-0} + 1))
    [ "$waited" -lt 50 ] || { echo "FAILED: podman's service"; cat "$scratch/service.log"; exit 1; }
    sleep 0.2
  done
}
up() { quietly compose up -d --scale "worker=$1" --no-recreate coordinator worker prometheus; }
cli() { compose run --rm -T cli "$@" 2>"$scratch/log"; }
digest() { grep -o '"digest": *"[0-9a-f]*"' | tail -1 | grep -o '[0-9a-f]\{64\}'; }
# What a job's digest must be: that of one process.
expect_of() { expected=$(compose run --rm -T --no-deps cli run "$@" --json --store /tmp/store 2>"$scratch/log" | digest) || fail "seedcast run"; }
expect_digest() { # what, digest
  [ -n "$2" ] && [ "$2" = "$expected" ] || fail "$1: digest '$2', expected $expected"
  echo "$1: digest $2"
}
metric() { curl -sf http://127.0.0.1:7071/metrics | sed -n "s/^$1[^ ]* //p" | head -1; }
wait_until() { # what, command...
  what=$1; shift
  for _ in $(seq 300); do "$@" && return; sleep 0.2; done
  fail "$what"
}
scraped() { [ "$(curl -sf http://127.0.0.1:9090/api/v1/targets | grep -o '"health":"up"' | wc -l)" -eq "$1" ]; }
has_workers() { [ "$(metric seedcast_workers)" = "$1" ]; }
renewed() { [ "$(metric seedcast_certificate_expiry_timestamp_seconds)" != "$1" ]; }
certificates() {
  quietly compose run --rm -T --no-deps -v "$PWD:/here" --user 0 --entrypoint seedcast cli certs /here/certs --host coordinator "$@"
}

mkdir "$project"
cp -r docker-compose.yml deploy "$project"
cp examples/sphere.yaml "$project/my.yaml"
trap clean_up EXIT
cd "$project"
start_engine
longer="examples/sphere.yaml --set generations=4000 --set name=longer"

expect_of examples/sphere.yaml
up 4
expect_digest "four workers" "$(cli submit examples/sphere.yaml --watch --json | digest)"
wait_until "Prometheus does not see the coordinator and four workers" scraped 5
quietly compose run --rm -T -v "$PWD:/jobs" cli submit /jobs/my.yaml --watch
quietly compose run --rm -T -v "$PWD:/jobs" --user "$(id -u)" cli export sphere-2 --output /jobs/model.npz
[ -s model.npz ] || fail "no exported model"
echo "my.yaml: exported $(wc -c <model.npz) bytes"

# shellcheck disable=SC2086
expect_of $longer
# shellcheck disable=SC2086
cli submit $longer --json >/dev/null || fail "submit"
up 8
wait_until "eight workers" has_workers 8
up 3
quietly compose restart coordinator
wait_until "three workers" has_workers 3
cli watch longer-1 --json >/dev/null || fail "watch"
expect_digest "eight workers, then three, and a restart" "$(cli show longer-1 --json | digest)"

quietly compose down
certificates
chown -R 10001 certs/coordinator certs/worker certs/submitter
tls="-f docker-compose.yml -f deploy/compose/tls.yml"
up 4
expect_of examples/sphere.yaml
expect_digest "TLS" "$(cli submit examples/sphere.yaml --watch --json | digest)"
curl -sf --cacert certs/ca.crt --cert certs/submitter/tls.crt --key certs/submitter/tls.key https://localhost:7073/healthz >/dev/null ||
  fail "the status page over HTTPS"
before=$(metric seedcast_certificate_expiry_timestamp_seconds)
certificates --days 30
wait_until "the renewed certificate is not taken up" renewed "$before"
expect_digest "renewed certificates" "$(cli submit examples/sphere.yaml --watch --json | digest)"
tls=
if cli list >/dev/null; then fail "the coordinator answers a client without a certificate"; fi
tls="-f docker-compose.yml -f deploy/compose/tls.yml"
echo "a client without a certificate: $(grep "^seedcast: " "$scratch/log")"
