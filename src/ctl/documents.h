/* SPDX-License-Identifier: Apache-2.0
 * The documents that operators see, each built here only: the control socket, `loadstarctl --json`
 * and the HTTP API return the same ones. Pure functions of `struct facts`.
 *
 * Times are RFC 3339 texts, durations numbers with the unit in the name (_s, _ms), absent facts are
 * left out. The caller owns the result.
 *
 *   status    {version, pid, generation, uptime_s, config{path hash loaded age_s disk},
 *              counts{...}, endpoints{up down unknown overridden stale frozen},
 *              queries{...}, reload{...},
 *              overrides[as in orders], state_dir{path writable since error},
 *              problems[{severity text site pools pools_down pool}]}
 *   pools     {pools: [{name state up total steer pick answers ttl{min_s max_s} on_all_down
 *              checks[] since_s why sites[{name up state since reason endpoints_up endpoints
 *              up_weight weight frozen}] frozen}]}
 *   endpoints {endpoints: [{target pool site name address|cname port probed checks[] state health
 *              serves weight configured_weight ramp since since_s why latency_ms override{...}
 *              dns_left_s sessions sessions_at_most stale frozen}]}
 *              (dns_left_s: of a drained one, while answers with it may still be about)
 *              (probed, checks: where they are the endpoint's own)
 *   sites     {sites: [{name state up total pools_up frozen since location why
 *              pools[{pool up reason}]}]}
 *   checks    {checks: [{check type address port state since since_s latency_ms last ok failed
 *              endpoints why interval_s}]}
 *   geo       {address prefix source continent country subdivision asn latitude longitude site tag
 *              steerings[{pools[] class scope placed rule sites[{site distance_km}]}]}
 *              (placed false: sent as a client subnet, it leaves it to the resolver's address)
 *   (pools, endpoints, sites, checks: "next" as well, when a window shows not all that follows)
 *   orders    {node, orders: [{id target state|weight by reason since since_s until left_s
 *              endpoints matches why volatile node}]}, the newest first
 *   tiers     {version, looked, tiers: [{name type pool site state held all_down last_change
 *              last_change_s last_sync last_error error_since note dns_left_s diff[] members[{key
 * name address port wanted{serves weight} target{..} applied{..} observed{state weight active
 *              inactive at_most total bytes_in bytes_out differs} drain{phase since active left_s
 *              timed_out} created foreign kept}]}]}
 *              (target: where it is not what is wanted, as while a drain is staged; foreign: not
 *              ours, and not touched; kept: serves on as nothing else would)
 *   rtt       {networks: [{tier site network rtt_ms min_ms samples age_s}]}: of clients, by what
 *              each tier of type l4 measured; the least of the last minutes
 *   anycast   {version, sets: [{name state since since_s real why speaker site interface order
 * forced order_id inputs[{name ok reason full}] timers[{name left_s}] prefixes[] routes[{prefix
 * real differs}] attributes{prepend med communities[] large_communities[] next_hop[]} transitions
 * frozen problem}], speakers: [{name type up error error_kind error_since busy version note looked
 *              changes errors restarts}]}
 *              (ok null: not known yet; full: it only decides between announced and degraded;
 *              attributes: {} while it is not announced; error: "" where there is none)
 *   healthy   {target, healthy: true|false|null, state up total unknown why}
 *   drain     {target, stage: dns|tiers|anycast|done|none, endpoints, drained, dns_left_s, wait_s,
 *              tiers: [{name active at_most state left_s members left timed_out}],
 *              anycast: [{name state real left left_s}]}
 *   events    {last, events: [{id at severity target from to reason effect by}]} */
#pragma once

#include "ctl/window.h"
#include "out/facts.h"

#include <jansson.h>

json_t *document_status(const struct facts *facts) ATTR_NONNULL ATTR_MUST_USE;
/* Lists, or the part of them that a window shows. */
json_t *document_pools(const struct facts *facts,
                       const struct window *window) ATTR_NONNULL ATTR_MUST_USE;
/** Those of one pool, or of all if `pool` is MODEL_NONE. */
json_t *document_endpoints(const struct facts *facts, uint32_t pool,
                           const struct window *window) ATTR_NONNULL ATTR_MUST_USE;
json_t *document_sites(const struct facts *facts,
                       const struct window *window) ATTR_NONNULL ATTR_MUST_USE;
json_t *document_checks(const struct facts *facts,
                        const struct window *window) ATTR_NONNULL ATTR_MUST_USE;
json_t *document_orders(const struct facts *facts) ATTR_NONNULL ATTR_MUST_USE;
/** Those of one tier, or of all with "". `looked`: it was asked to look anew. Needs no states. */
json_t *document_tiers(const struct facts *facts, const char *name, bool looked,
                       const struct window *window) ATTR_NONNULL ATTR_MUST_USE;
/** Needs no states. */
json_t *document_rtt(const struct facts *facts,
                     const struct window *window) ATTR_NONNULL ATTR_MUST_USE;
/** Those of one prefix set and its speaker, or all with "". Needs no states. */
json_t *document_anycast(const struct facts *facts, const char *name,
                         const struct window *window) ATTR_NONNULL ATTR_MUST_USE;
json_t *document_geo(const struct facts *facts, const struct ip *ip) ATTR_NONNULL ATTR_MUST_USE;
/** Events with id > after, oldest first, `limit` at most. */
json_t *document_events(uint64_t after, uint32_t limit) ATTR_MUST_USE;

/* Parts that several documents have. */

/** Sets "since" and "since_s"; nothing when it is not known. */
void document_set_since(json_t *object, const struct facts *facts, int64_t since_ms) ATTR_NONNULL;
/** What is probed of an endpoint, and by which checks, where that is its own. */
void document_set_probed(json_t *object, const struct model *model,
                         const struct endpoint *endpoint) ATTR_NONNULL;
/** The orders in force, the newest first: those of the facts, or none. */
json_t *document_order_list(const struct facts *facts) ATTR_NONNULL ATTR_MUST_USE;
/** Sets what an order says: "state" or "weight"; "forced" where it is so. */
void document_set_order_value(json_t *object, const struct order *order) ATTR_NONNULL;
/** One prefix set, as `anycast` has it. */
json_t *document_prefix_set(const struct facts *facts, struct arena *arena,
                            const struct anycast_view *view) ATTR_NONNULL ATTR_MUST_USE;
/** Likewise one speaker. */
json_t *document_speaker(const struct speaker_view *view) ATTR_NONNULL ATTR_MUST_USE;
/** Adds what an operator should look at to a list of problems: orders that match nothing, and old
 *  ones without an end. */
void document_order_problems(json_t *problems, const struct facts *facts) ATTR_NONNULL;

/** Why an endpoint is as it is, the operator's word before the probes'. */
const char *document_endpoint_why(const struct endpoint_state *state) ATTR_NONNULL;
/** What is known of a place, as members of `object`. */
void document_set_place(json_t *object, const struct facts *facts,
                        const struct place *place) ATTR_NONNULL;
