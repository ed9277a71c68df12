/* SPDX-License-Identifier: Apache-2.0
 * Routes and their attributes, as all drivers see them. */
#include "anycast/speaker.h"

#include "drive/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *speaker_error_text(enum speaker_error error)
{
    static const char *const texts[] = {
        [SPEAKER_ERROR_NONE] = "none",       [SPEAKER_ERROR_UNREACHABLE] = "unreachable",
        [SPEAKER_ERROR_DENIED] = "denied",   [SPEAKER_ERROR_REJECTED] = "rejected",
        [SPEAKER_ERROR_DISK] = "disk",       [SPEAKER_ERROR_FOREIGN] = "foreign",
        [SPEAKER_ERROR_TIMEOUT] = "timeout",
    };
    return texts[error];
}

enum speaker_error speaker_command_error(const struct command_result *result)
{
    if (result->error == EACCES || result->error == EPERM)
        return SPEAKER_ERROR_DENIED;
    return result->error       ? SPEAKER_ERROR_UNREACHABLE
           : result->timed_out ? SPEAKER_ERROR_TIMEOUT
                               : SPEAKER_ERROR_REJECTED;
}

/* ---- communities ---- */

const char *community_text(char out[COMMUNITY_TEXT_MAX], struct community community)
{
    snprintf(out, COMMUNITY_TEXT_MAX, "%u:%u", (unsigned)community.high, (unsigned)community.low);
    return out;
}

const char *large_community_text(char out[LARGE_COMMUNITY_TEXT_MAX],
                                 const struct large_community *community)
{
    snprintf(out, LARGE_COMMUNITY_TEXT_MAX, "%u:%u:%u", community->v[0], community->v[1],
             community->v[2]);
    return out;
}

bool community_less(struct community a, struct community b)
{
    return a.high != b.high ? a.high < b.high : a.low < b.low;
}

static void add_community(struct route_attributes *out, struct community community)
{
    uint32_t at = 0;
    while (at < out->n_communities && community_less(out->communities[at], community))
        at++;
    if (at < out->n_communities && !community_less(community, out->communities[at]))
        return;
    if (out->n_communities == SPEAKER_COMMUNITIES_MAX)
        return;
    memmove(&out->communities[at + 1], &out->communities[at],
            (out->n_communities - at) * sizeof out->communities[0]);
    out->communities[at] = community;
    out->n_communities++;
}

static void add_communities(struct route_attributes *out, const struct community *v, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        add_community(out, v[i]);
}

/* ---- attributes ---- */

void route_attributes_of(struct route_attributes *out, const struct prefix_set *config,
                         enum announcer_state state, bool degraded)
{
    *out = (struct route_attributes){.large = config->large_communities,
                                     .n_large = config->n_large_communities};
    if (state == ANNOUNCER_DRAINING)
        add_community(out, (struct community){GRACEFUL_SHUTDOWN_HIGH, GRACEFUL_SHUTDOWN_LOW});
    add_communities(out, config->communities, config->n_communities);
    if (state != ANNOUNCER_DEGRADED && !(state == ANNOUNCER_DRAINING && degraded))
        return;
    const struct anycast_attributes *more = &config->degraded;
    out->prepend = more->prepend < SPEAKER_PREPEND_MAX ? more->prepend : SPEAKER_PREPEND_MAX;
    out->has_med = more->has_med;
    out->med = more->has_med ? more->med : 0;
    add_communities(out, more->communities, more->n_communities);
}

static bool has_large(const struct route_attributes *a, const struct large_community *large)
{
    for (uint32_t i = 0; i < a->n_large; i++)
        if (large_community_equal(&a->large[i], large))
            return true;
    return false;
}

bool route_attributes_equal(const struct route_attributes *a, const struct route_attributes *b)
{
    if (a->prepend != b->prepend || a->has_med != b->has_med || (a->has_med && a->med != b->med) ||
        a->n_communities != b->n_communities || a->n_large != b->n_large)
        return false;
    for (uint32_t i = 0; i < a->n_communities; i++)
        if (!community_equal(a->communities[i], b->communities[i]))
            return false;
    for (uint32_t i = 0; i < a->n_large; i++)
        if (!has_large(b, &a->large[i]))
            return false;
    return true;
}

/* ---- prefixes and next hops ---- */

bool announcements_find(const struct announcements *wanted, const struct ip_prefix *prefix,
                        uint32_t *set, uint32_t *nth)
{
    for (uint32_t i = 0; i < wanted->n; i++) {
        const struct prefix_set *config = wanted->v[i].spec->config;
        for (uint32_t j = 0; j < config->n_prefixes; j++) {
            if (!ip_prefix_equal(&config->prefixes[j], prefix))
                continue;
            *set = i;
            *nth = j;
            return true;
        }
    }
    *set = *nth = MODEL_NONE;
    return false;
}

const struct ip *route_next_hop(const struct prefix_set *set, const struct speaker *speaker,
                                uint8_t family)
{
    const struct ip *own = family == IP_V4 ? &set->next_hop_v4 : &set->next_hop_v6;
    const struct ip *usual = family == IP_V4 ? &speaker->next_hop_v4 : &speaker->next_hop_v6;
    if (!set->next_hop_self && own->family == family)
        return own;
    return usual->family == family ? usual : NULL;
}
