#!/bin/sh
# The Debian package as deploy/README.md tells it: installed on a clean Debian, with systemd as a container's first process.
# Services with all of their restrictions, a job, a coordinator that is killed, TLS with the services' own keys, options that
# cannot work, removal. Digests must be those of `seedcast run`.
# Usage: SEEDCAST_IMAGES=DIR package.sh BUILD_DIRECTORY|PACKAGE.deb     with the directory that images.sh filled, and a release
# build, which is packed first. Needs root and Debian's podman, buildah, runc; exit code 77 without.
set -eu
cd "$(dirname "$0")/../.."
[ $# -eq 1 ] || { echo "usage: SEEDCAST_IMAGES=DIR $0 BUILD_DIRECTORY|PACKAGE.deb" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || { echo "skipped: needs root"; exit 77; }
PATH=$PATH:/usr/sbin
for tool in podman buildah runc unshare ip; do
  command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
images=$(realpath "${SEEDCAST_IMAGES:-/nonexistent}")
[ -d "$images/store" ] || { echo "skipped: SEEDCAST_IMAGES names no directory that images.sh filled"; exit 77; }

export TMPDIR="$images/tmp"
store="--root $images/store --runroot $images/run --storage-driver overlay --cgroup-manager cgroupfs --runtime runc"
image=localhost/seedcast-package-test
container=seedcast-package-$$
# shellcheck disable=SC2086  # a list of options
pod() { podman $store "$@"; }
in_it() { pod exec "$container" "$@"; }
fail() { echo "FAILED: $1"; in_it journalctl --no-pager -n 20 2>/dev/null || true; exit 1; }

# On a root that has systemd and nothing else; apt resolves what the package depends on.
make_image() {
  folder=$(mktemp -d)
  case "$1" in
    *.deb) cp "$1" "$folder/seedcast.deb" ;;
    *)
      tests/deploy/hardened.sh "$1/coordinator/seedcast-coordinator" "$1/worker/seedcast-worker" "$1/cli/seedcast"
      cpack --config "$1/CPackConfig.cmake" -B "$folder/package" >"$folder/log" 2>&1 || { tail "$folder/log"; exit 1; }
      mv "$folder/package/"*.deb "$folder/seedcast.deb" ;;
  esac
  cat >"$folder/Containerfile" <<'FILE'
FROM localhost/seedcast-base:12
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends systemd systemd-sysv >/dev/null
COPY seedcast.deb /tmp/
RUN DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends /tmp/seedcast.deb >/dev/null
CMD ["/sbin/init"]
FILE
  pod build --isolation chroot --network host --layers -t "$image" "$folder" >"$images/build-package.log" 2>&1 ||
    { tail "$images/build-package.log"; exit 1; }
  rm -rf "$folder"
}
# In a network namespace of its own the ports are free, whatever else this machine runs.
if [ -z "${SEEDCAST_OWN_NETWORK:-}" ]; then
  make_image "$(realpath "$1")"
  # shellcheck disable=SC2016  # for the other shell
  SEEDCAST_OWN_NETWORK=1 exec unshare --net sh -c 'ip link set lo up && exec "$0" "$1"' "$PWD/tests/deploy/package.sh" "$1"
fi

wait_until() { # what, command...
  what=$1; shift
  for _ in $(seq 150); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
  fail "$what"
}
digest() { grep -o '"digest": *"[0-9a-f]*"' | tail -1 | grep -o '[0-9a-f]\{64\}'; }
# shellcheck disable=SC2317  # called by the trap
clean_up() { pod rm -f -t 10 "$container" >/dev/null 2>&1 || true; }
job=/usr/share/doc/seedcast/examples/sphere.yaml
submit() { # what, command and options...
  what=$1; shift
  got=$(in_it "$@" seedcast submit $job --watch --json | digest) || fail "$what"
  [ "$got" = "$expected" ] || fail "$what: digest '$got', expected $expected"
  echo "$what: digest $got"
}
healthy() { in_it seedcast-coordinator --healthcheck 127.0.0.1:7071 && in_it seedcast-worker --healthcheck 127.0.0.1:7072; }
refused() { [ "$(property coordinator ActiveState)" = failed ]; }
property() { in_it systemctl show -P "$2" "seedcast-$1"; }
defaults() { # part, line...
  part=$1; shift
  printf '%s\n' "$@" | pod exec -i "$container" tee "/etc/default/seedcast-$part" >/dev/null
}
tls_of() { # part
  for each in CERT:crt KEY:key; do echo "SEEDCAST_TLS_${each%:*}=/etc/seedcast/certs/$1/tls.${each#*:}"; done
  echo "SEEDCAST_TLS_CA=/etc/seedcast/certs/$1/ca.crt"
}

trap clean_up EXIT
pod run -d --privileged --systemd=always --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --network host --name "$container" "$image" >/dev/null
wait_until "systemd" in_it systemctl list-units
expected=$(in_it seedcast run $job --json --store /tmp/store | digest) || fail "seedcast run"

in_it systemctl enable --now seedcast-coordinator seedcast-worker >/dev/null 2>&1 || fail "start"
wait_until "not healthy" healthy
for part in coordinator worker; do
  user=$(in_it stat -c %U "/proc/$(property $part MainPID)")
  [ "$user" = "seedcast-$part" ] || fail "the $part runs as $user"
done
submit "services" env SEEDCAST_COORDINATOR=127.0.0.1:7070
in_it systemctl kill --signal KILL seedcast-coordinator
wait_until "not healthy after a kill" healthy
submit "killed and started again" env SEEDCAST_COORDINATOR=127.0.0.1:7070

in_it seedcast certs /etc/seedcast/certs --host localhost >/dev/null
for part in coordinator worker; do in_it chown -R "seedcast-$part:" "/etc/seedcast/certs/$part"; done
# shellcheck disable=SC2046  # lines
defaults coordinator SEEDCAST_LISTEN=0.0.0.0:7070 $(tls_of coordinator)
# shellcheck disable=SC2046
defaults worker SEEDCAST_COORDINATOR=localhost:7070 $(tls_of worker)
in_it systemctl restart seedcast-coordinator seedcast-worker
wait_until "not healthy with TLS" healthy
# shellcheck disable=SC2046
submit "TLS" env SEEDCAST_COORDINATOR=localhost:7070 $(tls_of submitter)

defaults coordinator SEEDCAST_LISTEN=0.0.0.0:7070
in_it systemctl restart seedcast-coordinator || true
wait_until "an address without certificates is served" refused
sleep 3
[ "$(property coordinator NRestarts):$(property coordinator ExecMainStatus)" = 0:2 ] || fail "it is tried again, in vain"
echo "an address without certificates: $(in_it journalctl -u seedcast-coordinator -o cat --no-pager -g 'insecure' -n 1)"

in_it apt-get remove -y -qq seedcast >/dev/null 2>&1 || fail "removal"
if in_it systemctl is-active -q seedcast-worker; then fail "the worker goes on after its removal"; fi
in_it test -d /var/lib/seedcast-coordinator/store || fail "the jobs went with the package"
echo "removed; the jobs are still there"
