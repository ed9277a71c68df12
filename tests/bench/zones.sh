#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Instructions per record of reading a zone file, counted by callgrind, against a budget (gcc 12 -O2
# on x86-64). A slower commit raises its number, and says why. Some 300 of them are the walk over the fields of
# a type and the check of each (contrib/adr/0020-rdata-by-one-table.md).
#
#   zones.sh BUILD_DIRECTORY
set -u
cd "${1:?usage: zones.sh BUILD_DIRECTORY}" || exit
make -s tests/bench/zone_bench || exit
records=50000
bad=0
for line in a:1250 mixed:1950; do
	kind=${line%:*} budget=${line#*:}
	out=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect=zonefile_read \
		tests/bench/zone_bench -n $records "$kind" 2>&1) || { echo "$out"; bad=1; continue; }
	each=$(($(echo "$out" | sed -n 's/.*Collected : //p') / records))
	if [ "$each" -gt "$budget" ]; then word="OVER BUDGET" bad=1; else word=ok; fi
	printf '%-6s %5d instructions a record, budget %5d: %s\n' "$kind" $each "$budget" "$word"
done
exit $bad
