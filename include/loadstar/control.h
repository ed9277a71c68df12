/* SPDX-License-Identifier: Apache-2.0
 * The control protocol of loadstard, for tools: a Unix stream socket, one JSON object (UTF-8, no
 * newline inside) a line each way, replies in the order of the requests.
 *
 *   request  {"command": "set", "target": "www/ams", "state": "drain", "for": "2h"}
 *   reply    {"ok": true, "result": {...}}
 *            {"ok": false, "error": "what was wrong", "code": CODE, "errors": ["FILE:LINE: ..."]}
 *            (CODE: "invalid", "not_found", "failed"; "busy": ask again in a while; "held": another
 *            client does that)
 *
 * Members of any request, whatever the command (? optional):
 *   v?         1, the version of this protocol; a request with another one is refused. Without: 1
 *   id?        a string of up to LOADSTAR_CONTROL_ID_MAX bytes of UTF-8, or a number: every line
 *              that answers the request begins with the same "id"
 *   progress?  true: a command that takes long may send lines {"progress": {"step": TEXT, ...}}
 *              before its reply. Each stands for the moment: those that are not taken in time are
 *              left out
 *
 * Requests may be sent without waiting for replies. A client has one request under way at a time:
 * the lines that answer one are not mixed with those of the next.
 *
 * Commands and their arguments (? optional):
 *   status, stop
 *   pools, sites, checks   limit? after?        (1 to 10000 items; the "next" of the page before)
 *   endpoints  pool? limit? after?
 *   reload     force?                           (true: even when zones vanish, memory is short)
 *   events     after? limit?                     (numbers)
 *   explain    name type? client? ecs?           (an address; a prefix)
 *   geo        address
 *   orders
 *   tiers      name? diff? limit? after? wait?   (diff: true, to look anew; wait: for up to so
 *                                                many seconds, 0 to 60, until the version is
 *                                                another one than `after`, or than now)
 *   healthy    target                            (POOL or POOL/SITE)
 *   drain      target                            (how far its drain has come)
 *   set        target state for? reason? dry_run? volatile? verbose? wait?
 *                                                (state: up down drain auto; for: "90s" "2h" "1d";
 *                                                wait, of a drain: true, or as `for`; progress of
 *                                                it is as `drain` tells, each second)
 *   weight     target weight, and as set         (a number, or "auto"; without wait)
 *
 * loadstar-l4 has a socket of its own (LOADSTAR_L4_CONTROL_SOCKET), where requests may have up to
 * 16 MiB, and these commands:
 *   status, services, stop (now?), reload
 *   members    service?                          {"members": [{service key address port weight
 * state active total refused timeouts connect_ms{p50 p99} rtt_ms{p50 p99}}], "version"} members
 * service version members           the whole set of a service whose members loadstard tells: [{key
 * address port weight state}], state up, down or drain. A version that is not later than the one in
 * force is refused ("invalid"), unless the members are the same. From then on the connection also
 * gets lines between replies:
 *                                                {"event": "failed", service, key, "what":
 * "refused" or "timeout"}, once a second and member at most;
 *                                                {"event": "sessions", service, "members": [{key,
 *                                                active}]}, once a second when they have changed
 *                                                With `node`, the name of who tells, that
 *                                                connection holds the service while it is
 *                                                open: others are refused ("held"), unless
 *                                                they are of the same node and process.
 *   flows, rtt   limit? after?
 *   set        target state for? reason? volatile?   (SERVICE/ADDRESS:PORT of a list, in memory; or
 *   weight     target weight ..                      as of loadstard, of pools of its own)
 *
 * The HTTP API returns the same `result` documents at /api/v1/COMMAND. */
#pragma once

#define LOADSTAR_CONTROL_SOCKET "/run/loadstar/control.sock" /* where loadstard's is by default */
#define LOADSTAR_L4_CONTROL_SOCKET "/run/loadstar-l4/control.sock"
#define LOADSTAR_CONTROL_LINE_MAX \
    65536 /* bytes of a request, newline included; replies: no bound */
#define LOADSTAR_CONTROL_VERSION 1
#define LOADSTAR_CONTROL_ID_MAX 128
