#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# User-space instructions per query of answer_batch(), counted by callgrind, against the committed
# budget. Time is not looked at: it says nothing on a machine that does other things too.
#
#   instructions.sh BUILD_DIRECTORY
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:?usage: instructions.sh BUILD_DIRECTORY}" || exit
make -s tests/bench/answer_bench || exit
queries=32000
failed=0
passed=0
while read -r mix budget; do
	case $mix in '#'* | '') continue ;; esac
	out=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect=answer_batch \
		tests/bench/answer_bench -n $queries "$mix" 2>&1) || { echo "$out"; failed=$((failed + 1)); continue; }
	total=$(echo "$out" | sed -n 's/.*Collected : //p')
	each=$((total / queries))
	if [ "$each" -gt "$budget" ]; then word="OVER BUDGET" failed=$((failed + 1)); else word=ok passed=$((passed + 1)); fi
	printf '%-10s %5d instructions a query, budget %5d: %s\n' "$mix" $each "$budget" "$word"
done <"$here/instructions.budget"
echo "bench: $passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
