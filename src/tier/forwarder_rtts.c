/* SPDX-License-Identifier: Apache-2.0
 * Round-trip times of clients, as loadstar-l4 tells them. */
#include "tier/forwarder_words.h"
#include "tier/json.h"

#include <stdio.h>

#define RTT_MAX_MS 600000.0

/** Returns whether it is a time. */
static bool read_ms(uint32_t *us, const json_t *network, const char *key)
{
    const json_t *value = json_object_get(network, key);
    double ms = json_is_number(value) ? json_number_value(value) : -1;
    if (!(ms >= 0 && ms <= RTT_MAX_MS))
        return false;
    *us = (uint32_t)(ms * 1000 + 0.5);
    return true;
}

/** Returns whether it is a whole number from `min` to that of 32 bits. */
static bool read_count(uint32_t *n, const json_t *network, const char *key, uint32_t min)
{
    const json_t *value = json_object_get(network, key);
    json_int_t count = json_is_integer(value) ? json_integer_value(value) : -1;
    if (count < min || count > UINT32_MAX)
        return false;
    *n = (uint32_t)count;
    return true;
}

static bool read_network(struct ip_prefix *out, const char *text)
{
    return ip_prefix_parse(out, text) == 0 && out->len == (out->addr.family == IP_V4 ? 24 : 48);
}

/** Returns NULL, or which part of it makes no sense. */
static const char *read_one(struct client_rtt *out, const json_t *network, int64_t now_ms)
{
    uint32_t age_s;
    *out = (struct client_rtt){0};
    if (!read_network(&out->network, tier_json_get(network, "network")))
        return "network";
    if (!read_ms(&out->rtt_us, network, "rtt_ms"))
        return "rtt_ms";
    if (!read_ms(&out->min_us, network, "min_ms"))
        return "min_ms";
    if (!read_count(&out->n, network, "samples", 1))
        return "samples";
    if (!read_count(&age_s, network, "age_s", 0))
        return "age_s";
    out->seen_ms = now_ms - (int64_t)age_s * 1000;
    return NULL;
}

int forwarder_rtts_take(struct client_rtt out[FORWARDER_RTTS_MAX], uint32_t *n,
                        const json_t *networks, int64_t now_ms, char error[FORWARDER_ERROR_MAX])
{
    size_t size = json_array_size(networks);
    *n = 0;
    if (size > FORWARDER_RTTS_MAX) {
        snprintf(error, FORWARDER_ERROR_MAX, "rtt: %zu networks, %d at most", size,
                 FORWARDER_RTTS_MAX);
        return E_RANGE;
    }
    for (size_t i = 0; i < size; i++) {
        const char *wrong = read_one(&out[i], json_array_get(networks, i), now_ms);
        if (wrong) {
            snprintf(error, FORWARDER_ERROR_MAX, "rtt: networks[%zu].%s cannot be read", i, wrong);
            return E_SYNTAX;
        }
    }
    *n = (uint32_t)size;
    return 0;
}
