#!/bin/sh
# The man page of a program, or of one of its commands, from its --help. man_page.sh OUTPUT PROGRAM [COMMAND]
set -eu
output=$1 program=$2 command=${3:-}
page=$(basename "$output" .1)
name=$("$program" $command --help | sed -n '1{s/[.:;] .*//;s/\.$//;p}')
version=$("$program" --version | sed 's/.* //')
help2man --no-info --name "$name" --version-string "$version" --include "$(dirname "$0")/man_see_also.h2m" \
  "$program${command:+ $command}" > "$output.new"
# help2man gives a command's page the title of its program, and lets examples run into each other.
title=$(echo "$page" | tr a-z A-Z)
sed -e "s/^\.TH [A-Z-]* /.TH $title /" -e '/^\.SH EXAMPLES/,/^\.\(PP\|SH "\)/ {
  s/^\.TP$/.IP/
  s/^\(seedcast\|python3\|SEEDCAST_\)/.br\n&/
}' "$output.new" > "$output"
rm "$output.new"
