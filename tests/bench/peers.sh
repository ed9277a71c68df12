#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Loadstar beside its peers, on this machine, in one go: tables and plots for contrib/doc/performance.md.
#
#   tests/bench/peers.sh [options] BUILD [SECTION...]
#
#   hot       CPU per query on small zones, in all and in user space: static, NXDOMAIN, geo, geo + weighted
#   insn      instructions per query in user space, by callgrind
#   big       CPU per query and memory per name, names drawn at random from a million (and ten)
#   load      start to the first answer: time, CPU, memory
#   overload  three times what a server can answer
#   reload    a million names read again under load: losses and latencies with and without
#   report    only the tables and plots, from what was measured before
#
#   -r N      repetitions (5): A B C, A B C, ...    -a       add to what was measured before
#   -t SEC    one measurement takes (1)             -o DIR   tables go there (contrib/doc)
#   -s "S.."  servers ("echo loadstar gdnsd nsd knot pdns"), NAME:VARIANT for one of its variants
#
# Without a section: all of them. Wants two quiet cores (server on 0, generator on 1), root for the sampling
# of user space, Debian's gdnsd knot knot-module-geoip nsd pdns-server pdns-backend-bind
# pdns-backend-geoip valgrind, and 6 GiB of memory. Everything listens on 127.0.0.1, from $BASE_PORT (5400)
# on. $LOCK names a file to hold a lock on while timing; $WORK keeps zones and logs (/tmp/loadstar-peers).
set -u
big='' srv_pid='' port_turn=0 SRV_WRAP=''
. "$(dirname "$0")/peers/lib.sh"
reps=5 secs=1 add='' servers="echo loadstar gdnsd nsd knot pdns" out=$here/../../../contrib/doc
while getopts r:t:s:o:a o; do
	case $o in
	r) reps=$OPTARG ;;
	t) secs=$OPTARG ;;
	s) servers=$OPTARG ;;
	o) out=$OPTARG ;;
	a) add=1 ;;
	*) sed -n '3,/^set/p' "$0" | grep '^#'; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { sed -n '3,/^set/p' "$0" | grep '^#'; exit 2; }
build=$(cd "$1" && pwd) || exit
mkdir -p "$out" || exit
shift
dnsload=$build/tests/bench/peers/dnsload
trap 'stop_server' EXIT
trap 'exit 130' INT TERM

begin() { # section -> sets first, the number of the first repetition
	local table=$out/bench-$1.tsv
	[ -n "$add" ] || rm -f "$table"
	first=$(awk -F'\t' '$1 > n { n = $1 } END { print n + 1 }' "$table" 2>/dev/null || echo 1)
	echo "== $1"
}

serves_zones() { load_server "$1" && [ -z "$srv_no_zones" ]; }

# One row, measured again (up to 4 times) when something else ran on either core.
measure() { # section, repetition, server, case, dnsload's options...
	local line try bad
	for try in 1 2 3 4; do
		line=$(locked load_on -P "$(process_tree $srv_pid)" -C "$server_core" "${@:5}")
		[[ $line == qps=* ]] || { echo "$3 $4: no figures" >&2; return 1; }
		bad=$(awk -v g="$(field gen_util "$line")" -v u="$(field util "$line")" -v b="$(field core_busy "$line")" \
			'BEGIN { print (g < 0.95 || b - u > 0.06) ? 1 : 0 }')
		[ "$bad" = 0 ] && break
	done
	row "$1" "$2" "$3" "$4" "$line" "disturbed=$bad"
	printf '%s %-9s %-9s %s\n' "$2" "$3" "$4" "$(tr ' ' '\n' <<<"$line" | grep -E '^(qps|lost|cpu_ns|user_ns|util)=' | tr '\n' ' ')"
}

section_hot() {
	local rep name mix
	begin hot
	for ((rep = first; rep < first + reps; rep++)); do
		for name in $servers; do
			start_server "$name" "$server_core" || continue
			for mix in static1k static nx geo geow; do
				[[ " $srv_mixes " == *" $mix "* ]] && measure hot $rep "$name" $mix -t "$secs" $(mix_args $mix)
			done
			stop_server
		done
	done
}

# Instructions of the files that callgrind left in $dir.
counted() {
	awk '/^(totals|summary):/ { if (!(FILENAME in seen)) n += $2; seen[FILENAME] = 1 } END { printf "%.0f", n }' \
		"$dir"/callgrind.* /dev/null
}

send() { # mix, count -> replies
	field recv "$(load_on -s 1 -w 32 -T 5 -N "$2" $(mix_args "$1"))"
}

callgrind_all() { # callgrind_control's options...
	local p
	for p in ${srv_pids//,/ }; do callgrind_control "$@" "$p"; done >/dev/null 2>&1
}

# Workers that are children are out of callgrind_control's reach: the difference of two whole runs.
insn_forks() { # name, mix -> instructions per query
	local n at=()
	for n in 1000 $((insn_queries + 1000)); do
		start_server "$name" "$server_core,$generator_core" || return
		send "$mix" "$n" >/dev/null
		kill "$srv_pid"
		wait "$srv_pid" 2>/dev/null
		sleep 2
		at+=("$(counted)")
	done
	srv_pid=
	echo $(((at[1] - at[0]) / insn_queries))
}

insn_one() { # mix -> instructions per query of the server that runs
	local got
	send "$1" 2000 >/dev/null
	callgrind_all -i on
	callgrind_all -z
	got=$(send "$1" "$insn_queries")
	rm -f "$dir"/callgrind.*
	callgrind_all -d
	callgrind_all -i off
	sleep 1
	echo $(($(counted) / (got ? got : 1)))
}

section_insn() {
	local name mix mixes="static nx geo weighted geow" insn_queries=20000
	local SRV_WRAP="valgrind --tool=callgrind --quiet --callgrind-out-file=callgrind.%p" START_TIMEOUT=300
	begin insn
	for name in $servers; do
		serves_zones "$name" || continue
		[ -n "$srv_forks" ] || { SRV_WRAP+=" --instr-atstart=no"; start_server "$name" "$server_core,$generator_core" || continue; }
		for mix in $mixes; do
			[[ " $srv_mixes " == *" $mix "* ]] || continue
			row insn 1 "$name" "$mix" "instructions=$(if [ -n "$srv_forks" ]; then insn_forks; else insn_one "$mix"; fi)"
			tail -1 "$out/bench-insn.tsv"
		done
		stop_server
		SRV_WRAP=${SRV_WRAP% --instr-atstart=no}
	done
}

section_big() {
	local rep name sizes
	begin big
	make_big 1000000
	make_big 10000000
	for ((rep = first; rep < first + reps; rep++)); do
		for name in $servers; do
			serves_zones "$name" || continue
			sizes=1000000
			[[ $name == loadstar* ]] && sizes+=" 10000000"
			for big in $sizes; do
				START_TIMEOUT=120 start_server "$name" "$server_core" || continue
				measure big $rep "$name" $big -t "$secs" $(mix_args big)
				stop_server
			done
		done
	done
	big=
}

# Both cores: what an operator waits for.
section_load() {
	local rep name pss
	begin load
	for ((rep = first; rep < first + reps; rep++)); do
		for big in 1000 1000000 10000000; do
			make_big $big
			for name in $servers; do
				serves_zones "$name" || continue
				[ $big = 10000000 ] && [[ $name == pdns* ]] && continue
				START_TIMEOUT=180 locked start_server "$name" "$server_core,$generator_core" || continue
				sleep 0.3
				pss=$(pss_kib "$srv_pids")
				row load $rep "$name" $big "wall_ms=$srv_start_ms cpu_ms=$(cpu_ms "$srv_pids") pss_kib=$pss"
				tail -1 "$out/bench-load.tsv"
				stop_server
			done
		done
	done
	big=
}

# Replies are counted where they arrive, those that found the generator's sockets full too. The peak is
# the most that a closed loop gets answered.
section_overload() {
	local rep name peak rate line mix=static
	begin overload
	for ((rep = first; rep < first + reps; rep++)); do
		for name in $servers; do
			start_server "$name" "$server_core" || continue
			line=$(locked load_on -P "$(process_tree $srv_pid)" -C "$server_core" -t "$secs" $(mix_args $mix))
			row overload $rep "$name" peak "$line"
			peak=$(field qps "$line")
			for times in 1 2 3; do
				rate=$((peak * times))
				line=$(locked load_on -P "$(process_tree $srv_pid)" -C "$server_core" -t "$secs" -o -r $rate -b 64 $(mix_args $mix))
				row overload $rep "$name" x$times "$line peak=$peak"
				echo "$rep $name x$times peak=$peak $(tr ' ' '\n' <<<"$line" | grep -E '^(offered|answered|util|gen_util|dropped)=' | tr '\n' ' ')"
			done
			stop_server
		done
	done
}

# What a reload allocates shall have been touched before, see warm.c.
warm_up() {
	mkfifo "$dir/warm"
	nice -n 19 taskset -c "$generator_core" "$build/tests/bench/peers/warm" 600 3 >"$dir/warm" &
	warm_pid=$!
	read -r <"$dir/warm"
	rm "$dir/warm"
}

reload_case() { # repetition, server, case, version to reload or '', dnsload's options...
	local line command warm_pid='' how=()
	if [ -n "$4" ]; then
		command=$(srv_reload "$4") || return
		warm_up
		how=(-M "nice -n 19 taskset -c $server_core sh -c 'read go; kill $warm_pid; $command' >'$dir/reload.log' 2>&1")
	fi
	line=$(load_on -W 1 -m 1 "${how[@]}" -T 0.5 -n 1048576 $(mix_args big) "${@:5}")
	[ -z "$warm_pid" ] || wait "$warm_pid"
	row reload "$1" "$2" "$3" "$line"
	echo "$1 $2 $3 $(tr ' ' '\n' <<<"$line" | grep -E '^(qps|lost|watched_.*|changed_ms)=' | tr '\n' ' ')"
}

section_reload() {
	local rep name
	begin reload
	make_big 1000000
	make_versions 1000000
	big=1000000
	for ((rep = first; rep < first + reps; rep++)); do
		for name in $servers; do
			serves_zones "$name" || continue
			START_TIMEOUT=120 start_server "$name" "$server_core" || continue
			locked reload_case $rep "$name" full '' -t 4
			locked reload_case $rep "$name" full+reload .2 -t 8
			locked reload_case $rep "$name" paced '' -t 4 -r 50000 -w 60000
			locked reload_case $rep "$name" paced+reload .3 -t 8 -r 50000 -w 60000
			stop_server
		done
	done
	big=
}

section_report() { /usr/bin/python3 "$here/report.py" "$out"; }

make -s -C "$build" loadstard tests/bench/peers/dnsload tests/bench/peers/udpecho tests/bench/peers/warm || exit
make_data || exit
for section in ${*:-hot insn big load overload reload}; do
	declare -F "section_$section" >/dev/null || { echo "no such section: $section" >&2; exit 2; }
	"section_$section" || exit
done
[ "${section:-}" = report ] || section_report
