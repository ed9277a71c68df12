#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The whole picture on one machine, in network namespaces that go with it: two sites behind a router that speaks BGP,
# each with loadstard, a BIRD, a load balancer and two web servers; resolvers and clients in three countries.
#
#   sudo sh contrib/lab.sh up       builds it, says how to look, and tells what happens there until Ctrl-C
#   sudo sh contrib/lab.sh story    a minute: a back end dies, a site is drained, a node dies, a configuration is wrong;
#                                   exit status 1 if a client met an error other than what was in flight on the dead
#
# Its configuration is in contrib/lab/config. Builds into build/, unless BUILD names a build directory.
set -u
cd "$(dirname "$0")/.." || exit
. contrib/packages.sh

case ${1-} in
up | story) [ $# = 1 ] || die "usage: lab.sh up | story" ;;
*) sed -n '3,10s/^# \{0,1\}//p' "$0"; [ "${1-}" = --help ] || exit 2; exit ;;
esac
[ "$(id -u)" = 0 ] || die "it makes network namespaces, which takes root: sudo sh contrib/lab.sh $1"

# shellcheck disable=SC2086 # a list of words
[ -n "${BUILD-}" ] || { install_packages $build_packages && build_programs || exit; }
install_packages bird2 bind9 bind9-dnsutils ethtool haproxy iproute2 python3 python3-dnspython unbound
build=$(cd "${BUILD:-build}" && pwd) || exit
export BUILD="$build" LOADSTARD="${LOADSTARD:-$build/loadstard}" LOADSTARCTL="${LOADSTARCTL:-$build/loadstarctl}"
exec /usr/bin/python3 contrib/lab/lab.py "$1"
