#!/bin/sh
# What other people's tools say about deploy/: promtool, docker-compose, yamllint, systemd. Each that is missing is
# named; exit code 77, "skipped" to ctest, when one was, 1 when one has found something.
set -eu
cd "$(dirname "$0")/../.."
missing=""
failed=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

have() { command -v "$1" >/dev/null && return; missing="$missing $1"; return 1; }
expect() { # what, command...
  what=$1; shift
  "$@" >"$scratch/out" 2>&1 && return
  echo "FAILED: $what"; cat "$scratch/out"; failed=1
}

if have promtool; then
  expect "promtool check rules" promtool check rules deploy/prometheus/rules.yml
  expect "promtool test rules" promtool test rules deploy/prometheus/rules_test.yml
  for config in deploy/prometheus/prometheus.yml deploy/kubernetes/components/monitoring/prometheus.yml; do
    expect "promtool check config $config" promtool check config --syntax-only "$config"
  done
fi
if have docker-compose; then
  expect "docker-compose config" docker-compose config -q
  expect "docker-compose config, all profiles" docker-compose --profile gpu --profile cli config -q
  expect "docker-compose config, TLS" docker-compose -f docker-compose.yml -f deploy/compose/tls.yml --profile cli config -q
fi
if have yamllint; then
  expect "yamllint" yamllint -s -d \
    '{extends: default, rules: {line-length: {max: 180}, document-start: disable, braces: {max-spaces-inside: 1}, comments: disable, truthy: {check-keys: false}}}' \
    docker-compose.yml deploy
fi
if have systemd-analyze; then
  # The binaries need not be installed here.
  for unit in coordinator worker; do
    sed 's|^ExecStart=seedcast-[a-z]*|ExecStart=/bin/true|' "deploy/systemd/seedcast-$unit.service" >"$scratch/seedcast-$unit.service"
    expect "systemd-analyze verify seedcast-$unit" systemd-analyze verify --man=no "$scratch/seedcast-$unit.service"
    expect "systemd-analyze security seedcast-$unit" \
      systemd-analyze security --offline=yes --threshold=25 "$scratch/seedcast-$unit.service"
  done
fi
if have systemd-sysusers; then
  systemd-sysusers --dry-run --root="$scratch" "$PWD/deploy/systemd/sysusers.conf" >"$scratch/users" 2>&1 || cat "$scratch/users"
  for unit in coordinator worker; do
    expect "user of seedcast-$unit" grep -q "Creating user '$(sed -n 's/^User=//p' "deploy/systemd/seedcast-$unit.service")'" "$scratch/users"
  done
fi
[ "$failed" -eq 0 ] || exit 1
[ -z "$missing" ] || { echo "skipped: not installed:$missing; the rest is in order"; exit 77; }
