#!/bin/sh
# offsets.sh INCLUDE… writes a row, rows/3.N.txt, for each directory of CPython headers:
#
#	gen/offsets.sh ~/.pyenv/versions/*/include/python3.* /usr/include/python3.*
#	go test ./builtins/probe/pystack -run OffsetsTable -update-offsets
set -e
here=$(dirname "$0")
bin=$(mktemp)
trap 'rm -f "$bin"' EXIT
for include; do
	${CC:-cc} -w -I"$include/.." -I"$include" -I"$include/internal" -o "$bin" "$here/offsets.c"
	row=$("$bin")
	minor=$(echo "$row" | sed -n '1s/^# CPython \(3\.[0-9]*\)\..*/\1/p')
	echo "$row" >"$here/rows/$minor.txt"
done
