#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# AF_XDP beside kernel sockets, and beside Knot's AF_XDP: CPU per answered query, over a veth pair
# between two network namespaces, with kxdpgun as load. Needs root, kxdpgun, knotd, two cores.
#
#   xdp.sh [-r REPETITIONS] [-t SECONDS] [-q QPS] BUILD_DIRECTORY      figures to stdout, in turns
#
# The server has core 0, the load core 1. `cpu` is the CPU time of the server's threads, the kernel's
# part and the softirqs that run on top of them included (/proc/PID/task/*/schedstat).
set -u
reps=5 seconds=2 qps=1000000
while getopts r:t:q: o; do
	case $o in
	r) reps=$OPTARG ;;
	t) seconds=$OPTARG ;;
	q) qps=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
build=$(cd "${1:?usage: xdp.sh [-r REPETITIONS] [-t SECONDS] BUILD_DIRECTORY}" && pwd) || exit
dir=$(mktemp -d)
server_ns=lsx-server load_ns=lsx-load
server_ip=10.98.0.1
pid=
finish() {
	[ -z "$pid" ] || kill "$pid" 2>/dev/null
	ip netns del $server_ns 2>/dev/null
	ip netns del $load_ns 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM

add_side() { # namespace, device, address/length
	ip -n "$1" link set lo up && ip -n "$1" addr add "$3" dev "$2" && ip -n "$1" link set "$2" up
}
ip netns add $server_ns && ip netns add $load_ns &&
	ip link add veth-s netns $server_ns type veth peer name veth-l netns $load_ns &&
	add_side $server_ns veth-s $server_ip/24 && add_side $load_ns veth-l 10.98.0.2/24 || exit

mkdir -p "$dir/zones" "$dir/db"
{
	printf '$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 604800 300\n@ NS ns1\nns1 A %s\n' $server_ip
	awk 'BEGIN { for (i = 0; i < 10000; i++) printf "h%04d A 10.0.%d.%d\n", i, i / 256, i % 256 }'
} >"$dir/zones/static.test.zone"
awk 'BEGIN { for (i = 0; i < 10000; i++) printf "h%04d.static.test. A\n", i * 7919 % 10000 }' >"$dir/queries"

loadstar_conf() { # extra
	printf 'server: {listen: ["%s:53"], workers: 1%s}\nzones: zones/\n' $server_ip "$1" >"$dir/loadstar.yaml"
}
knot_conf() { # 1: with xdp
	printf 'server:\n  rundir: %s\n  listen: [ %s@53 ]\n  user: root:root\n' "$dir" $server_ip
	printf '  background-workers: 1\n  udp-workers: 1\n  tcp-workers: 1\n'
	[ "$1" = 0 ] || printf 'xdp:\n  listen: veth-s@53\n  udp: on\n  tcp: off\n  route-check: off\n'
	printf 'database:\n  storage: %s/db\nzone:\n  - domain: static.test\n    storage: %s/zones\n' "$dir" "$dir"
	printf '    file: static.test.zone\n    zonefile-load: whole\n'
}
run_server() { # name
	case $1 in
	loadstar-xdp) loadstar_conf ', xdp: {interfaces: veth-s}' ;;
	loadstar-generic) loadstar_conf ', xdp: {interfaces: veth-s, mode: generic}' ;;
	loadstar-sockets) loadstar_conf '' ;;
	knot-xdp) knot_conf 1 >"$dir/knot.conf" ;;
	knot-sockets) knot_conf 0 >"$dir/knot.conf" ;;
	esac
	case $1 in
	loadstar-*) set -- "$build/loadstard" -c "$dir/loadstar.yaml" ;;
	*) set -- knotd -c "$dir/knot.conf" ;;
	esac
	ip netns exec $server_ns taskset -c 0 "$@" >"$dir/log" 2>&1 &
	pid=$!
	for _ in $(seq 100); do
		ip netns exec $load_ns dig @$server_ip h0000.static.test +short +timeout=1 +tries=1 2>/dev/null | grep -q '^10\.' && return
		sleep 0.05
	done
	echo "$1 does not answer:" >&2
	cat "$dir/log" >&2
	return 1
}
threads_ns() { awk '{ s += $1 } END { printf "%.0f", s }' /proc/$pid/task/*/schedstat; }
core0_ticks() { awk '$1 == "cpu0" { print $2 + $3 + $4 + $7 + $8 }' /proc/stat; }
hertz=$(getconf CLK_TCK)

printf '%-18s %3s %10s %10s %10s %8s\n' server rep answered cpu_ns core0_ns lost
for rep in $(seq "$reps"); do
	for name in loadstar-xdp loadstar-generic loadstar-sockets knot-xdp knot-sockets; do
		run_server $name || exit
		before=$(threads_ns) ticks=$(core0_ticks)
		ip netns exec $load_ns taskset -c 1 kxdpgun -t "$seconds" -Q "$qps" -i "$dir/queries" -p 53 $server_ip >"$dir/gun" 2>&1
		after=$(threads_ns) ticks=$(($(core0_ticks) - ticks))
		awk -v name=$name -v rep="$rep" -v ns=$((after - before)) -v core=$((ticks * 1000000000 / hertz)) '
			/total queries/ { sent = $3 } /total replies/ { got = $3 }
			END { printf "%-18s %3d %10d %10.0f %10.0f %7.1f%%\n", name, rep, got, ns / got, core / got, 100 * (1 - got / sent) }' "$dir/gun"
		kill $pid
		wait $pid 2>/dev/null
		ip -n $server_ns link set veth-s xdp off # knotd leaves its program behind
		pid=
	done
done
