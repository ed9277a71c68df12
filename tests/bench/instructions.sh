#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# User-space instructions per query of answer_batch(), counted by callgrind, against the committed
# budget. Time is not looked at: it says nothing on a machine that does other things too.
#
#   instructions.sh BUILD_DIRECTORY [NAMES...]
#
# With RATE_LIMIT=off in the environment nothing is limited; otherwise the defaults hold.
#
# NAMES: columns of the budget; without, all of them (10000000 takes 2.5 GiB). One process builds a zone
# once for all mixes, and is instrumented only while a mix runs.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:?usage: instructions.sh BUILD_DIRECTORY [NAMES...]}" || exit
shift
make -s tests/bench/answer_bench || exit
queries=32000
budget=$here/instructions.budget
unlimited=
[ "${RATE_LIMIT:-on}" = off ] && unlimited=1
dir=$(mktemp -d) || exit
trap 'rm -rf "$dir"' EXIT

count() { # names -> a dump for each mix: $dir/NAMES.NUMBER
	valgrind --tool=callgrind --callgrind-out-file="$dir/$1" --instr-atstart=no --toggle-collect=answer_batch \
		tests/bench/answer_bench ${unlimited:+-o} -z "$1" -n $queries >"$dir/log.$1" 2>&1 || cat "$dir/log.$1"
}

columns=${*:-$(sed -n "s/^names//p" "$budget")}
for names in $columns; do
	count "$names" &
done
wait
# Of each dump: the mix it was made for, and what it counted; then each line of the budget.
for names in $columns; do
	awk -v names="$names" '/^desc: Trigger: Client Request: / { mix = $NF } /^totals: / { print names, mix, $2 }' \
		"$dir/$names".[0-9]* /dev/null
done >"$dir/counted"
awk -v queries=$queries -v columns="$columns" '
	FILENAME == ARGV[1] { counted[$1, $2] = $3; next }
	/^#/ || NF == 0 { next }
	$1 == "names" { for (i = 2; i <= NF; i++) column[$i] = i; next }
	{
		n = split(columns, names, " ")
		for (i = 1; i <= n; i++) {
			most = $column[names[i]]
			if (!((names[i], $1) in counted) || !(names[i] in column)) {
				printf "%-9s %8d names: not counted\n", $1, names[i]
				failed++
				continue
			}
			each = int(counted[names[i], $1] / queries)
			over = each > most
			printf "%-9s %8d names: %5d instructions a query, budget %5d: %s\n", $1, names[i], each, most, over ? "OVER BUDGET" : "ok"
			over ? failed++ : passed++
		}
	}
	END {
		printf "bench: %d passed, %d failed\n", passed, failed
		exit failed || !passed
	}' "$dir/counted" "$budget"
