# SPDX-License-Identifier: Apache-2.0
# Shared by the sections: what is served, and how a server is started and stopped. bash.
# shellcheck shell=bash disable=SC2034 # much here is for the files that source this one
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=${WORK:-${TMPDIR:-/tmp}/loadstar-peers} # everything generated or written by servers
data=$work/data
base_port=${BASE_PORT:-5400}
server_core=${SERVER_CORE:-0} generator_core=${GENERATOR_CORE:-1}

# The geo model that every server able to is configured with: "DATACENTRE SELECTOR", a selector being a
# continent or CONTINENT/COUNTRY. The most specific wins; who matches nothing goes to the first.
geo_model="eu1 EU
eu2 EU/GB
eu3 EU/FR
na1 NA
na2 NA/CA
na3 NA/US
sa1 SA
sa2 SA/BR
as1 AS
as2 AS/CN
as3 AS/IN
as4 AS/JP
af1 AF
oc1 OC
oc2 OC/AU"
geo_dcs=$(awk '{ printf "%s%s", (NR > 1 ? " " : ""), $1 }' <<<"$geo_model")
n_res=10                # resources; name NN of a dynamic zone uses resource NN % n_res
n_names=100             # dynamic names gNN.geo.test, wNN.weighted.test, mNN.geow.test
weights="40 30 20 10"   # of the addresses in weighted.test
geow_weights="50 30 20" # of the addresses of each datacentre in geow.test

dc_addr() { echo "10.$1.$2.$3"; } # datacentre, resource, address: the one address of that cell

# Query mixes: mix_args MIX prints dnsload's options.
mix_args() {
	case $1 in
	static1k) echo "-q h%03u.small.test -c 1000" ;;
	static) echo "-q h%04u.static.test -c 10000" ;;
	nx) echo "-q x%04u.static.test -c 10000 -e" ;;
	geo) echo "-q g%02u.geo.test -c 100 -E 4" ;;
	geo6) echo "-q g%02u.geo.test -c 100 -E 6" ;;
	weighted) echo "-q w%02u.weighted.test -c 100 -e" ;;
	geow) echo "-q m%02u.geow.test -c 100 -E 4" ;;
	big) echo "-q h%08u.big.test -c $big -n $((big > 1048576 ? 4194304 : 1048576))" ;;
	esac
}

# --- data ---

soa() { # zone serial
	printf '$ORIGIN %s.\n$TTL 300\n' "$1"
	printf '@ 3600 SOA ns1 hostmaster %d 3600 900 604800 300\n@ NS ns1\n@ NS ns2\n' "$2"
	printf 'ns1 A 192.0.2.53\nns2 A 192.0.2.54\n'
}

hosts() { # count digits
	awk -v n="$1" -v f="h%0$2d A 10.%d.%d.%d\n" 'BEGIN {
		for (i = 0; i < n; i++)
			printf f, i, int(i / 65536) % 256, int(i / 256) % 256, i % 256
	}'
}

make_data() {
	local z
	mkdir -p "$data/zones"
	[ -s "$data/zones/static.test" ] || {
		{ soa small.test 1; hosts 1000 3; } >"$data/zones/small.test"
		{ soa static.test 1; hosts 10000 4; } >"$data/zones/static.test"
		for z in geo weighted geow; do # for servers that add the dynamic names themselves
			soa $z.test 1 >"$data/$z.shell"
		done
	}
	[ -s "$data/country.mmdb" ] ||
		/usr/bin/python3 "$here/mmdbremap.py" "$here/../../../geoip/country.mmdb" "$data/country.mmdb"
}

# big.N: a zone of N names.
make_big() { # names
	[ -s "$data/big.$1" ] || { soa big.test 1; hosts "$1" 8; } >"$data/big.$1"
}

# big.N.2 and big.N.3: the same as big.N, but for the serial and the address of name 0.
make_versions() { # names
	local v
	for v in 2 3; do
		[ -s "$data/big.$1.$v" ] ||
			sed -e "s/ hostmaster 1 / hostmaster $v /" -e "s/^h00000000 A .*/h00000000 A 10.255.255.$v/" \
				"$data/big.$1" >"$data/big.$1.$v"
	done
}

# --- servers ---

process_tree() { # pid -> it and all its descendants, comma-separated
	local all=$1 todo=$1 next p
	while [ -n "$todo" ]; do
		next=
		for p in $todo; do
			next+=" $(cat /proc/"$p"/task/*/children 2>/dev/null)"
		done
		todo=$(echo $next)
		all+=" $todo"
	done
	echo $all | tr ' ' ','
}

load_server() { # name[:variant] -> defines srv_*
	srv=${1%%:*} variant=
	[[ $1 == *:* ]] && variant=${1#*:}
	[ -f "$here/servers/$srv.sh" ] || { echo "no servers/$srv.sh" >&2; return 1; }
	srv_mixes='' srv_forks='' srv_no_zones=''
	srv_reload() { return 1; }
	. "$here/servers/$srv.sh"
}

next_port() { port=$((base_port + port_turn++ % 200)); }

# Sets srv_pid, srv_pids and srv_start_ms; returns 0 once the server answers. With $big set it serves the
# zone of that many names alone.
start_server() { # name cores
	local t0 i q="h0000.static.test" tries=$((${START_TIMEOUT:-60} * 100))
	load_server "$1" || return
	next_port
	workers=1 dir=$work/run/${1//:/-}
	rm -rf "$dir" && mkdir -p "$dir"
	srv_conf || return
	[ -n "$big" ] && q=$(printf 'h%08d.big.test' $((big - 1)))
	sync -f "$dir"
	t0=$(date +%s%N)
	(srv_prefix="taskset -c $2 $SRV_WRAP"; cd "$dir" && srv_exec) >"$dir/log" 2>&1 &
	srv_pid=$!
	for ((i = 0; i < tries; i++)); do
		taskset -c "$generator_core" "$dnsload" -p $port -q "$q" -c 1 -n 1 -s 1 -N 1 -T 0.01 2>/dev/null |
			grep -q 'answers=1.*rcode0=1' && break
		kill -0 $srv_pid 2>/dev/null || { echo "$1 died:" >&2; tail -5 "$dir/log" >&2; return 1; }
	done
	srv_start_ms=$((($(date +%s%N) - t0) / 1000000))
	srv_pids=$(process_tree $srv_pid)
	((i < tries)) || { echo "$1 does not answer" >&2; stop_server; return 1; }
}

stop_server() {
	local i
	[ -n "$srv_pid" ] || return 0
	srv_pids=$(process_tree $srv_pid)
	kill "$srv_pid" 2>/dev/null
	for ((i = 0; i < 200; i++)); do
		kill -0 "$srv_pid" 2>/dev/null || break
		sleep 0.05
	done
	kill -9 ${srv_pids//,/ } 2>/dev/null
	wait "$srv_pid" 2>/dev/null
	srv_pid=
}

pss_kib() { # comma-separated pids -> memory, shared pages counted once
	local p
	for p in ${1//,/ }; do
		awk '/^Pss:/ { print $2 }' /proc/"$p"/smaps_rollup 2>/dev/null
	done | awk '{ s += $1 } END { print s + 0 }'
}

cpu_ms() { # comma-separated pids -> CPU of them and of children they waited for
	local p
	for p in ${1//,/ }; do
		sed 's/.*) //' /proc/"$p"/stat 2>/dev/null
	done | awk -v hz="$(getconf CLK_TCK)" '{ t += $12 + $13 + $14 + $15 } END { printf "%d", t * 1000 / hz }'
}

# --- measuring ---

field() { sed -n "s/.* $1=\([^ ]*\).*/\1/p" <<<" $2 "; } # name, from a line of KEY=VALUE

busy_pct() { # of all cores, over 150 ms
	local a b
	a=$(head -1 /proc/stat)
	sleep 0.15
	b=$(head -1 /proc/stat)
	awk '{ for (i = 2; i <= 9; i++) t[NR] += $i; idle[NR] = $5 + $6 }
		END { d = t[2] - t[1]; print (d > 0 ? int(100 - 100 * (idle[2] - idle[1]) / d) : 0) }' <<<"$a"$'\n'"$b"
}

wait_quiet() { # at most a quarter of a minute
	local i
	for ((i = 0; i < 60; i++)); do
		(($(busy_pct) < 8)) && return
	done
}

# Other timings of this machine take the same lock.
locked() { # command...
	exec 9>"${LOCK:-$work/lock}"
	flock 9
	wait_quiet
	"$@"
	flock -u 9
}

load_on() { # dnsload's options... -> its line
	taskset -c "$generator_core" "$dnsload" -p $port "$@"
}

row() { # section, repetition, server, case, KEY=VALUE... -> a line of the section's table
	local section=$1
	shift
	printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${*:4}" >>"$out/bench-$section.tsv"
}
