#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Reloads and overrides under load, pages written beside reloads, tiers that are reloaded while they drain, and the
# threaded unit tests, and the forwarder with its reloads, replacements and members that come and go, under ThreadSanitizer.
# Builds into $BUILD (default build-tsan/).
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$top/build-tsan}
mkdir -p "$build"
build=$(cd "$build" && pwd)
files=$(($(nproc) + 1)) # that run at a time
linker= # GNU's takes longer
! command -v ld.lld >/dev/null || linker=LDFLAGS=-fuse-ld=lld
[ -f "$top/configure" ] || (cd "$top" && autoreconf -fi >/dev/null)
[ -f "$build/Makefile" ] || (cd "$build" && "$top/configure" --quiet --enable-developer --with-sanitizer=thread CFLAGS="-Og -g1" $linker)
threaded="tests/unit/snapshot/test_publish tests/unit/io/test_workers tests/unit/tier/test_tiers tests/unit/anycast/test_anycast_thread \
	tests/unit/l4/test_member tests/unit/l4/test_quantiles tests/unit/l4/test_limits tests/unit/l4/test_sources \
	tests/unit/l4/test_flow_log"
# One make after the other: "all" recurses (config.h), and its child would build the same objects
# at the same time as the parent does for the test programs.
make -s -C "$build" -j"$(nproc)" all
# shellcheck disable=SC2086 # a list of words
make -s -C "$build" -j"$(nproc)" $threaded

# The kernel must not place the program where the sanitizer keeps its shadow: 28 bits of randomness
# suffice, newer kernels use 32, and gcc 12's runtime does not retry.
fixed="setarch $(uname -m) -R"
$fixed true 2>/dev/null || fixed=
${CC:-cc} -shared -fPIC -O2 -o "$build/tsan_close.so" "$top/tests/qa/tsan_close.c"
run() {
	LD_PRELOAD=$build/tsan_close.so $fixed "$@"
}
# liburcu is not instrumented; where its synchronisation matters, publish.c annotates it.
export TSAN_OPTIONS="halt_on_error=0 second_deadlock_stack=1 ${TSAN_OPTIONS:-}"
# shellcheck disable=SC2086 # a list of words
make -s -C "$build" -j"$files" check-TESTS TESTS="$threaded" LOG_COMPILER="env LD_PRELOAD=$build/tsan_close.so $fixed" ||
	{ cat "$build/test-suite.log"; exit 1; }
cd "$top"
LOADSTARD=$build/loadstard LOADSTARCTL=$build/loadstarctl BUILD=$build LOAD_RELOADS=${LOAD_RELOADS:-40} \
	run /usr/bin/python3 tests/run.py -j "$files" tests/system/test_reload_under_load.py tests/system/test_l4.py tests/system/test_l4_life.py \
	tests/system/test_l4_replace.py tests/system/test_l4_heritage.py tests/system/test_l4_churn.py
cd tests/system
LOADSTARD=$build/loadstard LOADSTARCTL=$build/loadstarctl BUILD=$build \
	run /usr/bin/python3 -m unittest test_http.LargePages.test_reload_meanwhile \
	test_http.LargePages.test_clients_that_leave test_http.LargePages.test_events_meanwhile test_http.LargePages.test_stop_meanwhile
LOADSTARD=$build/loadstard LOADSTARCTL=$build/loadstarctl BUILD=$build \
	run /usr/bin/python3 -m unittest test_tiers.Tiers.test_everything_at_once test_tiers.Tiers.test_reloads_while_members_drain \
	test_tiers.Tiers.test_the_dead_hold_up_nobody
