/* SPDX-License-Identifier: Apache-2.0
 * The control protocol of loadstard, for tools: a Unix stream socket, one JSON object (UTF-8, no
 * newline inside) a line each way, replies in the order of the requests.
 *
 *   request  {"command": "set", "target": "www/ams", "state": "drain", "for": "2h"}
 *   reply    {"ok": true, "result": {...}}
 *            {"ok": false, "error": "what was wrong", "errors": ["FILE:LINE:COLUMN: ...", ...]}
 *
 * Commands and their arguments (? optional):
 *   status, pools, sites, checks, stop
 *   reload     force?                           (true: even when zones vanish, memory is short)
 *   endpoints  pool?
 *   events     after? limit?                     (numbers)
 *   explain    name type? client? ecs?           (an address; a prefix)
 *   geo        address
 *   set        target state for? reason?         (state: up down drain auto; for: "90s" "2h" "1d")
 *   weight     target weight                     (a number, or "auto")
 *
 * The HTTP API returns the same `result` documents at /api/v1/COMMAND. */
#pragma once

#define LOADSTAR_CONTROL_SOCKET "/run/loadstar/control.sock" /* where loadstard's is by default */
#define LOADSTAR_CONTROL_LINE_MAX \
    65536 /* bytes of a request, newline included; replies: no bound */
