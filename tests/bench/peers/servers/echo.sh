# SPDX-License-Identifier: Apache-2.0
# The floor: it knows no names, and answers each the same.
# shellcheck shell=bash disable=SC2034,SC2154
srv_mixes="static1k static nx geo geow" srv_no_zones=1
srv_conf() { :; }
srv_exec() { exec $srv_prefix "$build/tests/bench/peers/udpecho" "$port" "${variant:-32}"; }
