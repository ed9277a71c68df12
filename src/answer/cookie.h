/* SPDX-License-Identifier: Apache-2.0
 * DNS cookies (RFC 7873) in the form that servers share (RFC 9018): whoever sends back the server
 * cookie that was sent to his address receives what is sent there.
 *
 *     | client cookie 8 | version 1 | reserved 3 | timestamp 4 | hash 8 |
 *
 * The hash is SipHash-2-4 over the rest and the client's address. */
#pragma once

#include "base/ip.h"
#include "snapshot/limits.h"

#define COOKIE_CLIENT_LEN 8
#define COOKIE_LEN 24

#define COOKIE_VERSION 1
#define COOKIE_OLD_S 3600   /* RFC 9018 4.3: older ones are no good, */
#define COOKIE_RENEW_S 1800 /* and from here on the client gets a new one, */
#define COOKIE_EARLY_S 300  /* and clocks may differ by so much */

enum cookie_state {
    COOKIE_NONE,    /* the query has none, or they are off */
    COOKIE_NEW,     /* a client cookie alone */
    COOKIE_VALID,   /* one of ours */
    COOKIE_EXPIRED, /* one of ours, too old or from the future */
    COOKIE_INVALID, /* not one of ours, or for another address */
};
#define COOKIE_STATES 5

struct cookie {
    enum cookie_state state;
    uint8_t bytes[COOKIE_LEN]; /* to be sent back, unless COOKIE_NONE */
};

/** Judges the `len` bytes of a COOKIE option (8, or 16 to 40), and makes what is sent back: the
 * same while it is fresh, else a new one. */
void cookie_judge(struct cookie *out, const struct cookie_policy *policy, const uint8_t *option,
                  uint32_t len, const struct ip *client, int64_t now_s) ATTR_NONNULL;
