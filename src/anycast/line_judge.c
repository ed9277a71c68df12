/* SPDX-License-Identifier: Apache-2.0
 * Whether what a speaker has is what is wanted: by prefixes, as sets come, go and are renamed. */
#include "anycast/line_internal.h"

#include <string.h>

/* ---- wishes ---- */

void wish_put(struct wish *wish, const struct announcements *from, struct anycast_set *set)
{
    struct anycast_set *before = wish->set;
    wish->set = anycast_set_hold(set);
    anycast_set_release(before);
    wish->list.n = 0;
    for (uint32_t i = 0; i < from->n; i++)
        *vec_push(&wish->list) = from->v[i];
    wish->version = from->version;
}

void wish_free(struct wish *wish)
{
    vec_free(&wish->list);
    anycast_set_release(wish->set);
    wish->set = NULL;
}

/** The announcement of a prefix; NULL: there is none, or it is not to be announced. */
static const struct announcement *route_of(const struct wish *wish, const struct ip_prefix *prefix)
{
    const struct announcements all = wish_lend(wish);
    uint32_t set, nth;
    if (!announcements_find(&all, prefix, &set, &nth) || !all.v[set].announced)
        return NULL;
    return &wish->list.v[set];
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/** Whether routes of both look the same to a speaker. */
static bool same_route(const struct announcement *a, const struct announcement *b)
{
    const struct prefix_set *x = a->spec->config, *y = b->spec->config;
    return route_attributes_equal(&a->attributes, &b->attributes) &&
           x->next_hop_self == y->next_hop_self && ip_equal(&x->next_hop_v4, &y->next_hop_v4) &&
           ip_equal(&x->next_hop_v6, &y->next_hop_v6) &&
           same_text(a->spec->ifname, b->spec->ifname);
}

/** Whether all that `a` announces is announced by `b` in the same way. */
static bool announces_all(const struct wish *b, const struct wish *a)
{
    for (size_t i = 0; i < a->list.n; i++) {
        const struct announcement *each = &a->list.v[i];
        for (uint32_t j = 0; each->announced && j < each->spec->config->n_prefixes; j++) {
            const struct announcement *other = route_of(b, &each->spec->config->prefixes[j]);
            if (!other || !same_route(each, other))
                return false;
        }
    }
    return true;
}

bool wish_same_routes(const struct wish *a, const struct wish *b)
{
    return announces_all(a, b) && announces_all(b, a);
}

/* ---- what the speaker has ---- */

struct line_had line_had_of(const struct speaker_line *line, const struct ip_prefix *prefix)
{
    struct line_had had = {REAL_ABSENT, false};
    bool unknown = false;
    for (size_t i = 0; i < line->seen.routes.n; i++) {
        const struct seen_route *route = &line->seen.routes.v[i];
        if (!ip_prefix_equal(&route->prefix, prefix))
            continue;
        had.differs |= route->differs;
        unknown |= route->real == REAL_UNKNOWN;
        if (route->real == REAL_PRESENT)
            had.real = REAL_PRESENT;
    }
    if (had.real == REAL_ABSENT && unknown)
        had.real = REAL_UNKNOWN;
    return had;
}

bool line_is_untold(const struct speaker_line *line)
{
    return line->has_want && !(line->knows_told && wish_same_routes(&line->told, &line->wanted));
}

bool line_withdraws(const struct speaker_line *line)
{
    for (size_t i = 0; i < line->seen.routes.n; i++) {
        const struct seen_route *route = &line->seen.routes.v[i];
        if (route->real == REAL_PRESENT && !route_of(&line->wanted, &route->prefix))
            return true;
    }
    for (size_t i = 0; i < line->told.list.n; i++) {
        const struct announcement *each = &line->told.list.v[i];
        for (uint32_t j = 0; each->announced && j < each->spec->config->n_prefixes; j++)
            if (!route_of(&line->wanted, &each->spec->config->prefixes[j]))
                return true;
    }
    return false;
}

/** What cannot be read back is as it was told. */
static enum line_verdict judge_told(const struct speaker_line *line,
                                    const struct announcement *wanted,
                                    const struct ip_prefix *prefix)
{
    if (!line->knows_told)
        return LINE_WRONG;
    const struct announcement *told = route_of(&line->told, prefix);
    if (!told || !wanted->announced)
        return !told && !wanted->announced ? LINE_RIGHT : LINE_WRONG;
    return same_route(told, wanted) ? LINE_RIGHT : LINE_WRONG;
}

static enum line_verdict judge_present(const struct speaker_line *line,
                                       const struct announcement *wanted,
                                       const struct ip_prefix *prefix, bool differs)
{
    const struct announcement *looked = route_of(&line->looked, prefix);
    if (looked && same_route(looked, wanted))
        return differs ? LINE_WRONG : LINE_RIGHT;
    return line->knows_told ? LINE_WRONG : LINE_LOOK;
}

static enum line_verdict judge_prefix(const struct speaker_line *line,
                                      const struct announcement *wanted,
                                      const struct ip_prefix *prefix)
{
    struct line_had had = line_had_of(line, prefix);
    if (had.real == REAL_UNKNOWN)
        return judge_told(line, wanted, prefix);
    if (had.real == REAL_ABSENT)
        return wanted->announced || had.differs ? LINE_WRONG : LINE_RIGHT;
    return wanted->announced ? judge_present(line, wanted, prefix, had.differs) : LINE_WRONG;
}

enum line_verdict line_judge(const struct speaker_line *line)
{
    enum line_verdict worst = LINE_RIGHT;
    for (size_t i = 0; i < line->wanted.list.n; i++) {
        const struct announcement *wanted = &line->wanted.list.v[i];
        for (uint32_t j = 0; j < wanted->spec->config->n_prefixes; j++) {
            enum line_verdict verdict =
                judge_prefix(line, wanted, &wanted->spec->config->prefixes[j]);
            worst = verdict > worst ? verdict : worst;
        }
    }
    for (size_t i = 0; i < line->seen.routes.n; i++) {
        const struct seen_route *route = &line->seen.routes.v[i];
        if (route->set == MODEL_NONE && route->real == REAL_PRESENT)
            return LINE_WRONG;
    }
    return worst;
}

void line_resolve(struct speaker_line *line)
{
    const struct announcements wanted = wish_lend(&line->wanted);
    for (size_t i = 0; i < line->seen.routes.n; i++) {
        struct seen_route *route = &line->seen.routes.v[i];
        announcements_find(&wanted, &route->prefix, &route->set, &route->nth);
    }
}

void line_count(const struct speaker_line *line, uint32_t *missing, uint32_t *differing,
                uint32_t *spare)
{
    *missing = *differing = *spare = 0;
    for (size_t i = 0; i < line->wanted.list.n; i++) {
        const struct announcement *wanted = &line->wanted.list.v[i];
        for (uint32_t j = 0; wanted->announced && j < wanted->spec->config->n_prefixes; j++) {
            struct line_had had = line_had_of(line, &wanted->spec->config->prefixes[j]);
            *missing += had.real == REAL_ABSENT;
            *differing += had.real != REAL_ABSENT && had.differs;
        }
    }
    for (size_t i = 0; i < line->seen.routes.n; i++) {
        const struct seen_route *route = &line->seen.routes.v[i];
        *spare += route->real == REAL_PRESENT && !route_of(&line->wanted, &route->prefix);
    }
}
