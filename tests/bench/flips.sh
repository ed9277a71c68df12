#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What 100,000 endpoints cost of which a tenth flip every second, and whether an answer is ever wrong.
#
#   flips.sh BUILD POOLS ENDPOINTS_OF_EACH [flips' options]
#
# Figures only; -f lets them flip, -F offers queries beside those that are verified. The worker has
# core 0; the control thread, the back ends and the load share core 1, so that what they take from
# each other shows as lateness, never as speed. Runs in a network namespace of its own: wants root.
#   control, reclaim, other   cores used by these threads of the server
#   wrong   answers with an endpoint that had been told to be down over 100 ms before the query
#   lag     how long ago, of all endpoints in answers that were down when asked for; from the back end's
#           word on, so the probe's own way is in it
#   published: changes by how long they took from the probe's result to the answers
set -eu
[ -n "${FLIPS_INSIDE:-}" ] || FLIPS_INSIDE=1 exec unshare -n sh "$0" "$@"
build=$(cd "$1" && pwd) pools=$2 each=$3
shift 3
ip link set lo up
make -s -C "$build" tests/bench/flips/flips
dir=$(mktemp -d) server='' tool=''
trap 'kill $server $tool 2>/dev/null || :; wait; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

cat >"$dir/loadstar.yaml" <<-END
	server: {listen: "127.0.0.1:5300", workers: 1}
	control: control.sock
	http: {listen: "127.0.0.1:8053"}
	pools: pools.yaml
	zones: [flips.test.yaml]
END
awk -v pools="$pools" -v each="$each" 'BEGIN {
	print "sites: {ams: {location: [52, 4]}, iad: {location: [38, -77]}}"
	print "checks: {web: {type: http, port: 8080, interval: 10s, timeout: 2s, rise: 1, fall: 1}}"
	print "pools:"
	for (p = 0; p < pools; p++) {
		printf "  p%05d:\n    {ttl: 30s, checks: [web], steer: {order: [ams, iad]}, on_all_down: nodata, answers: 4, sites: {", p
		for (s = 0; s < 2; s++) {
			printf "%s: [", (s ? "], iad" : "ams")
			for (i = s * each / 2; i < (s + 1) * each / 2; i++) {
				n = p * each + i
				printf "%s127.%d.%d.%d", (i == s * each / 2 ? "" : ", "), 1 + int(n / 65536), int(n / 256) % 256, n % 256
			}
		}
		print "]}}"
	}
}' >"$dir/pools.yaml"
awk -v pools="$pools" 'BEGIN {
	print "zone: flips.test\nttl: 1h\nsoa: {mname: ns1, rname: h, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s}"
	print "records:\n  \"@\": {NS: [ns1]}\n  ns1: {A: 192.0.2.53}"
	for (p = 0; p < pools; p++) printf "  p%05d: {POOL: p%05d}\n", p, p
}' >"$dir/flips.test.yaml"

delays() { # how long changes have taken to the answers so far: "le COUNT" a line, out of 90 MB
	nice -n 19 curl -s http://127.0.0.1:8053/metrics |
		nice -n 19 sed -n 's/^loadstar_publish_delay_seconds_bucket{le="\([^"]*\)"}/<=\1s/p'
}

ulimit -n "$(ulimit -H -n)"
sysctl -qw net.ipv4.ip_local_port_range="1024 65535" net.core.somaxconn=8192 2>/dev/null || :
nice -n 5 taskset -c 1 "$build/tests/bench/flips/flips" "$@" -P "$dir/pid" 5300 8080 "$pools" "$each" &
tool=$!
sleep 0.3
taskset -c 1 ${FLIPS_WRAP:-} "$build/loadstard" -c "$dir/loadstar.yaml" 2>"$dir/log" &
server=$!
until grep -q 'ready after' "$dir/log"; do
	kill -0 $server || { cat "$dir/log"; exit 1; }
	sleep 0.1
done
for thread in /proc/$server/task/*; do
	case $(cat "$thread/comm") in udp/*) taskset -pc 0 "${thread##*/}" >/dev/null ;; esac
done
echo $server >"$dir/pid"
sleep 8 # the load goes on meanwhile, and is measured from 12 s on
delays >"$dir/before"
wait $tool
tool=''
delays | paste "$dir/before" - | awk '{ printf "%s%s%d", (NR > 1 ? " " : "published: "), $1 "=", $4 - $2 } END { print "" }'
[ -z "${FLIPS_LOG:-}" ] || cp "$dir/log" "$FLIPS_LOG"
