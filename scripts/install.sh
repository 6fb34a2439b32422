#!/bin/sh
# Installs the Debian packages that are missing, and nothing when none is. Usage: install.sh run|test
set -eu
here=$(dirname "$0")
case "${1:-}" in
  run) packages=$(sed '/^# test/,$d; /^#/d' "$here/packages.txt") ;;
  test) packages=$(sed '/^#/d' "$here/packages.txt") ;;
  *) echo "usage: $0 run|test" >&2; exit 2 ;;
esac

missing=
for package in $packages; do
  case "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" in
    *" installed") ;;
    *) missing="$missing $package" ;;
  esac
done
[ -z "$missing" ] && exit 0

echo "Installing:$missing"
as_root=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "error: not root and no sudo; install these packages first:$missing" >&2; exit 1; }
  as_root=sudo
fi
$as_root apt-get update -qq
# shellcheck disable=SC2086  # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
