#!/bin/sh
# On a processor without AVX2, emulated, each program says so in one line instead of ending with SIGILL.
set -eu
command -v qemu-x86_64 >/dev/null || { echo "skipped: qemu-user is not installed"; exit 77; }
for program in cli/seedcast coordinator/seedcast-coordinator worker/seedcast-worker; do
  code=0
  said=$(qemu-x86_64 -cpu Nehalem "$SEEDCAST_BINARY_DIR/$program" --version 2>&1) || code=$?
  echo "$program: exit code $code: $said"
  [ "$code" -eq 1 ]
  case $said in
    "seedcast: this processor, or the virtual machine around it, lacks AVX2"*) ;;
    *) exit 1 ;;
  esac
done
