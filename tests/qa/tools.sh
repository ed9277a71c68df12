#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cppcheck over src; man pages by mandoc; shell scripts by their own parser.
cd "$(dirname "$0")/../.." || exit
bad=0
known=$(mktemp -d) || exit
trap 'rm -rf "$known"' EXIT
# What cppcheck 2.10 gets wrong: _Atomic(T) declarations, the include that is an initialiser. With -j, it looks across
# files only if it has a directory to keep what it knows of each.
cppcheck --quiet -j "$(nproc)" --cppcheck-build-dir="$known" --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 \
	--suppress=missingIncludeSystem --suppress=unknownMacro --suppress=nullPointerOutOfMemory \
	--suppress=constStatement:src/io/clients.c --suppress=internalAstError:src/ctl/dashboard.c \
	-D__GNUC__=12 -Isrc src || bad=1
for f in contrib/man/*.[1-8]; do
	mandoc -T lint -W warning "$f" || bad=1
done
for f in $(find contrib tests geoip .ci -name '*.sh' -o -path '.ci/run'); do
	shell=$(sed -n '1s|^#!/bin/||p; 1,5s/^# shellcheck shell=\([a-z]*\).*/\1/p' "$f" | tail -1)
	case $shell in bash) bash -n "$f" ;; *) sh -n "$f" ;; esac || bad=1
done
exit $bad
