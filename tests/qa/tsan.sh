#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Reloads and overrides under load, pages written beside reloads, and the threaded unit tests, under ThreadSanitizer.
# Builds into $BUILD (default build-tsan/).
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$top/build-tsan}
mkdir -p "$build"
build=$(cd "$build" && pwd)
[ -f "$top/configure" ] || (cd "$top" && autoreconf -fi >/dev/null)
[ -f "$build/Makefile" ] || (cd "$build" && "$top/configure" --quiet --enable-developer --with-sanitizer=thread)
threaded="tests/unit/snapshot/test_publish tests/unit/io/test_workers"
# One make after the other: "all" recurses (config.h), and its child would build the same objects
# at the same time as the parent does for the test programs.
make -s -C "$build" -j"$(nproc)" all
# shellcheck disable=SC2086 # a list of words
make -s -C "$build" -j"$(nproc)" $threaded

# The kernel must not place the program where the sanitizer keeps its shadow: 28 bits of randomness
# suffice, newer kernels use 32, and gcc 12's runtime does not retry.
fixed="setarch $(uname -m) -R"
$fixed true 2>/dev/null || fixed=
run() {
	$fixed "$@"
}
# liburcu is not instrumented; where its synchronisation matters, publish.c annotates it.
export TSAN_OPTIONS="halt_on_error=0 second_deadlock_stack=1 ${TSAN_OPTIONS:-}"
for test in $threaded; do
	run "$build/$test"
done
cd "$top"
LOADSTARD=$build/loadstard LOADSTARCTL=$build/loadstarctl BUILD=$build LOAD_RELOADS=${LOAD_RELOADS:-40} \
	run /usr/bin/python3 tests/run.py tests/system/test_reload_under_load.py
cd tests/system
LOADSTARD=$build/loadstard LOADSTARCTL=$build/loadstarctl BUILD=$build \
	run /usr/bin/python3 -m unittest test_http.LargePages.test_reload_meanwhile \
	test_http.LargePages.test_clients_that_leave test_http.LargePages.test_events_meanwhile test_http.LargePages.test_stop_meanwhile
