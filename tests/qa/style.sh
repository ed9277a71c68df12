#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Format by .clang-format, no file over 800 lines, each file with its licence line.
cd "$(dirname "$0")/../.." || exit
files=$(find src include tests contrib -name '*.[ch]')
bad=0
for f in $files; do
	clang-format --dry-run -Werror "$f" >/dev/null 2>&1 || { echo "$f: not as clang-format has it"; bad=1; }
	[ "$(wc -l <"$f")" -le 800 ] || { echo "$f: over 800 lines"; bad=1; }
done
for f in $files $(find src tests contrib -name '*.mk' -o -name '*.sh' -o -name '*.py'); do
	head -3 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' || { echo "$f: no SPDX line"; bad=1; }
done
echo "style: $(echo "$files" | wc -l) files"
exit $bad
