#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Format by .clang-format, no file of src over 400 lines, of tests over 800, each file with its licence line.
cd "$(dirname "$0")/../.." || exit
# Longer ones, and why: a table in which one looks things up may be. None is.
longer=""
files=$(find src include tests contrib -name '*.[ch]')
bad=0
for f in $files; do
	clang-format --dry-run -Werror "$f" >/dev/null 2>&1 || { echo "$f: not as clang-format has it"; bad=1; }
	case $f in src/* | include/*) most=400 ;; *) most=800 ;; esac
	case " $longer " in *" $f "*) most=600 ;; esac
	[ "$(wc -l <"$f")" -le $most ] || { echo "$f: over $most lines"; bad=1; }
done
for f in $files $(find src tests contrib -name '*.mk' -o -name '*.sh' -o -name '*.py'); do
	head -3 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' || { echo "$f: no SPDX line"; bad=1; }
done
for f in $longer; do
	[ "$(wc -l <"$f")" -gt 400 ] || { echo "$f: no longer over 400 lines, take it off the list"; bad=1; }
done
echo "style: $(echo "$files" | wc -l) files"
exit $bad
