/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: endpoint discovery over HTTP as Envoy asks for it (xDS v3, REST: POST
 * /v3/discovery:endpoints with a DiscoveryRequest in JSON). */
#pragma once

#include "ctl/http_route.h"
#include "tier/view.h"

#include <stddef.h>

#define EDS_PATH "/v3/discovery:endpoints"
/** Envoy names itself in each request with a list of all its extensions: some 100 kB. */
#define EDS_BODY_MAX (512u << 10)

/** Answers one of untrusted bytes, by what the tiers with `rest: true` offer (tier_view.published).
 *  200 with the clusters that are asked for, or all; 304 when the asker has that version; 400; 404
 *  when none of those clusters is a tier's; 503 while nothing is known of one yet: of all but 200
 *  Envoy keeps what it has. */
struct http_response eds_respond(struct tier_view *const *views, uint32_t n, const char *body,
                                 size_t n_body) ATTR_MUST_USE;
