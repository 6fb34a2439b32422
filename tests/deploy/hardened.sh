#!/bin/sh
# Whether binaries are hardened as Debian's hardening guide has it: position-independent, relocations read-only and bound at
# start, stack not executable and protected, libc's checked calls used. Usage: hardened.sh BINARY...
set -eu
[ $# -gt 0 ] || { echo "usage: $0 BINARY..." >&2; exit 2; }
failed=0
for binary in "$@"; do
  facts=$(readelf --wide --file-header --program-headers --dynamic --dyn-syms "$binary")
  expect() { # pattern, what it means
    echo "$facts" | grep -Eq "$1" || { echo "FAILED: $binary: $2"; failed=1; }
  }
  expect '^ *Type: +DYN ' "not position-independent"
  expect '^ *GNU_RELRO ' "no read-only relocations"
  expect 'FLAGS_1.* NOW' "relocations are not bound at start"
  expect '^ *GNU_STACK .* RW +0x' "the stack is executable"
  expect ' __stack_chk_fail(@| |$)' "no stack protector"
  expect ' __[a-z]+_chk(@| |$)' "no checked libc calls"
done
exit "$failed"
