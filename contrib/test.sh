#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every test: installs what they need, builds, runs. Out of tree, into $BUILD (default build-test/).
#
#   sh contrib/test.sh            all stages
#   sh contrib/test.sh STAGE...   some of: qa unit system interop sanitizer tsan fuzz bench soak dist
#
# unit       make check, warnings as errors
# system     the real binaries on loopback
# interop    real peers: gdnsd, Knot, NSD, Unbound, zonemaster (network namespaces want root); BGP speakers; IPVS in a guest (qemu);
#            the units under systemd (systemd-nspawn)
# sanitizer  unit and system tests again under ASan and UBSan (clang: also what gcc does not see)
# tsan       reload under load under TSan
# fuzz       each fuzz target for $FUZZ_SECONDS (default 5)
# bench      instruction counts of the query path; a minute of tiers that change, whose memory must not grow
# soak       the same for an hour ($SOAK_SECONDS), BGP speakers that are told, and loadstar-l4 that is replaced and reloaded under
#            load, 50 times each ($SOAK_REPEATS), and loadstar-l4 beside HAProxy and nginx: figures, for which the machine should
#            be idle; not one of all stages
# dist       make distcheck
# qa         layers, format, cppcheck, man pages
set -u
cd "$(dirname "$0")/.." || exit
top=$PWD
. contrib/packages.sh
build=${BUILD:-$top/build-test}
fuzz_seconds=${FUZZ_SECONDS:-5}
jobs=$(nproc)
files=$((3 * jobs)) # of unit and system tests that run at a time: nine tenths of their time they wait
lines="-g1" # a report names files and lines: what more there is to debug makes a build half as long again

test_packages="ccache lld libcmocka-dev python3 python3-dnspython clang libclang-rt-14-dev clang-format cppcheck
mandoc valgrind bind9 bind9-dnsutils bind9-utils libknot-dev curl jq iproute2 gdnsd knot knot-dnsutils nsd unbound
haproxy libxdp-dev libbpf-dev ethtool zonemaster-cli git prometheus chromium-headless-shell mmdb-bin ldnsutils openssl xz-utils util-linux procps systemd systemd-container strace iptables
protobuf-compiler libprotobuf-dev python3-protobuf python3-jinja2 ansible-core
qemu-system-x86 ipvsadm kmod busybox-static dash duktape
nginx-light libnginx-mod-stream keepalived bird2 exabgp frr gobgpd"

# For the definitions that Envoy publishes; where Node.js is not Debian's it has its own.
command -v npm >/dev/null || test_packages="$test_packages npm"

python=/usr/bin/python3
summary=
failed=0

stage() { # name command...
	name=$1
	shift
	say "$name"
	rm -f "$build/$name.passed"
	start=$(date +%s)
	{ "$@" && : >"$build/$name.passed"; } 2>&1 | tee "$build/$name.log"
	if [ -e "$build/$name.passed" ]; then word=ok; else word=FAILED; failed=$((failed + 1)); fi
	summary="$summary$(printf '%-10s %-6s %4d s' "$name" $word $(($(date +%s) - start)))
"
}

configure_in() { # directory, configure's arguments...
	dir=$1
	shift
	[ -f configure ] || autoreconf -fi >/dev/null 2>&1 || autoreconf -fi || return
	[ -f "$dir/Makefile" ] || { mkdir -p "$dir" && (cd "$dir" && "$top/configure" --quiet "$@"); } || return
	make -s -C "$dir" -j"$jobs" all
}

with_binaries() { # directory, command...
	dir=$1
	shift
	LOADSTARD=$dir/loadstard LOADSTARCTL=$dir/loadstarctl LOADSTAR_L4=$dir/loadstar-l4 BUILD=$dir "$@"
}

check_in() { # directory, variables of make...: builds and runs the unit tests, shows the log of those that fail
	dir=$1
	shift
	make -s -C "$dir" -j"$jobs" check TESTS= "$@" >/dev/null && { make -s -C "$dir" -j$files check "$@" || { cat "$dir/test-suite.log"; return 1; }; }
}

over_xdp() { with_binaries "$build/release" $python tests/over_xdp.py "$@"; } # the same, by AF_XDP

configure_dev() { eval "configure_in \"\$build/dev\" --enable-developer $dev $linker"; }

run_unit() { configure_dev && check_in "$build/dev"; }

run_system() {
	configure_in "$build/release" &&
		with_binaries "$build/release" $python tests/run.py -j $files tests/system/test_*.py &&
		over_xdp tests/system/test_geo_scope.py tests/system/test_geo_databases.py
}

run_interop() {
	configure_in "$build/release" &&
		with_binaries "$build/release" $python tests/run.py -j $((2 * jobs)) tests/interop/test_*.py &&
		over_xdp tests/interop/test_static_peers.py tests/interop/test_geo_gdnsd.py
}

# The programs of the unit tests are not optimised: clang takes three times as long for that as for all else. The
# quick start builds programs of its own, so that its test is the one of the stage system.
run_sanitizer() {
	configure_in "$build/asan" --enable-developer --with-sanitizer=address,undefined CC=clang CFLAGS="-O1 $lines" $linker &&
		check_in "$build/asan" CFLAGS="-O0 $lines" &&
		with_binaries "$build/asan" $python tests/run.py -j $files $(ls tests/system/test_*.py | grep -v /test_quickstart)
}

run_tsan() { BUILD=$build/tsan sh tests/qa/tsan.sh; }

fuzz_one() { # target
	what=${1##*/fuzz_}
	mkdir -p "$build/fuzz/corpus/$what"
	corpus=tests/fuzz/corpus/$what
	[ -d "$corpus" ] || corpus=
	good=0
	# shellcheck disable=SC2086 # corpus may be empty
	"$1" -max_total_time="$fuzz_seconds" -timeout=10 -rss_limit_mb=4096 -print_final_stats=0 -verbosity=0 \
		-artifact_prefix="$build/fuzz/$what-" "$build/fuzz/corpus/$what" $corpus >"$build/fuzz/$what.log" 2>&1 ||
		{ good=1; tail -40 "$build/fuzz/$what.log"; }
	echo "fuzz $what: $(grep -c . "$build/fuzz/$what.log") lines of log, $(ls "$build/fuzz/corpus/$what" | wc -l) inputs kept"
	return $good
}

run_fuzz() { # as many at a time as there are cores
	configure_in "$build/fuzz" --enable-developer --with-sanitizer=address,undefined --with-fuzzer CC=clang CFLAGS="-O1 $lines" $linker || return
	bad=0
	pids=
	n=0
	for target in "$build"/fuzz/tests/fuzz/fuzz_*; do
		[ -x "$target" ] && [ -f "$target" ] || continue
		fuzz_one "$target" &
		pids="$pids $!"
		n=$((n + 1))
		[ $((n % jobs)) = 0 ] || continue
		for pid in $pids; do wait "$pid" || bad=1; done
		pids=
	done
	for pid in $pids; do wait "$pid" || bad=1; done
	return $bad
}

run_bench() {
	configure_in "$build/release" && sh tests/bench/instructions.sh "$build/release" && sh tests/bench/zones.sh "$build/release" &&
		$python tests/bench/tiers.py "$build/release" --flat
}

run_soak() {
	configure_in "$build/release" &&
		$python tests/bench/tiers.py "$build/release" --flat --seconds "${SOAK_SECONDS:-3600}" --report 60 &&
		$python tests/bench/anycast.py "$build/release" --repeat "${SOAK_REPEATS:-50}" &&
		L4_REPLACEMENTS=${SOAK_REPEATS:-50} with_binaries "$build/release" $python tests/run.py tests/system/test_l4_replace.py &&
		make -s -C "$build/release" tests/bench/l4_load tests/bench/l4_serve &&
		$python tests/bench/l4.py "$build/release" &&
		L4_GUEST_PAIRS=100000 with_binaries "$build/release" $python tests/run.py -t 7200 tests/interop/test_l4_guest.py
}

# The archives, made twice, are for nobody to send: packed in haste.
run_dist() { configure_dev && XZ_OPT=-1 make -s -C "$build/dev" -j$files distcheck DISTCHECK_CONFIGURE_FLAGS="--enable-developer $dev $linker" >"$build/distcheck.log" 2>&1 ||
	{ tail -50 "$build/distcheck.log"; return 1; }; }

run_qa() { $python tests/qa/includes.py && sh tests/qa/style.sh && sh tests/qa/tools.sh; }

# shellcheck disable=SC2086 # lists of words
install_packages $build_packages $test_packages
mkdir -p "$build"
linker= # of the many programs of tests: GNU's takes longer. It is that of the release
! command -v ld.lld >/dev/null || linker=LDFLAGS=-fuse-ld=lld
# What the stage unit compiles, dist compiles again, from its archive: what comes out the same the cache has.
dev="CFLAGS='-Og $lines'"
! command -v ccache >/dev/null || dev="CC='ccache ${CC:-gcc}' $dev"
export CCACHE_DIR="$build/ccache" CCACHE_BASEDIR="$top" CCACHE_NOHASHDIR=1
for name in ${*:-qa unit system interop sanitizer tsan fuzz bench dist}; do
	case $name in
	qa | unit | system | interop | sanitizer | tsan | fuzz | bench | soak | dist) stage "$name" "run_$name" ;;
	*) die "no such stage: $name (see the head of contrib/test.sh)" ;;
	esac
done
# What failed is at the end, too: who reads only the end of a long log has the reason.
printf '%s' "$summary" | while read -r name word _; do
	[ "$word" = ok ] || { say "the end of $name"; tail -40 "$build/$name.log"; }
done
printf '\n%s' "$summary"
stages=$(printf '%s' "$summary" | wc -l)
echo "stages: $((stages - failed)) passed, $failed failed"
[ $failed = 0 ]
