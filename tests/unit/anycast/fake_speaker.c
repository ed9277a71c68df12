/* SPDX-License-Identifier: Apache-2.0
 * A speaker in memory, and its driver. */
#include "fake_speaker.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fake_speaker fake;

struct speaker_driver {
    const struct speaker_host *host;
    uv_timer_t timer;
    const struct announcements *wanted; /* lent, while something is under way */
    struct announcements copy;
    bool applies;
};

struct fake_route *fake_find(const struct ip_prefix *prefix)
{
    for (uint32_t i = 0; i < fake.n_routes; i++)
        if (ip_prefix_equal(&fake.routes[i].prefix, prefix))
            return &fake.routes[i];
    return NULL;
}

static void text_of(char out[16], const char *ifname)
{
    snprintf(out, 16, "%s", ifname ? ifname : "");
}

static bool is_as(const struct fake_route *route, const struct announcement *a)
{
    char ifname[16];
    text_of(ifname, a->spec->ifname);
    return route_attributes_equal(&route->attributes, &a->attributes) &&
           strcmp(route->ifname, ifname) == 0 &&
           ip_equal(&route->next_hop, &a->spec->config->next_hop_v4);
}

/* ---- looking ---- */

static void see(struct speaker_seen *seen, const struct announcements *wanted,
                const struct ip_prefix *prefix)
{
    const struct fake_route *route = fake_find(prefix);
    struct seen_route *to = vec_push(&seen->routes);
    to->prefix = *prefix;
    to->real = fake.is_blind ? REAL_UNKNOWN : route ? REAL_PRESENT : REAL_ABSENT;
    if (announcements_find(wanted, prefix, &to->set, &to->nth))
        to->differs = !fake.is_blind && (route ? !is_as(route, &wanted->v[to->set]) : fake.is_odd);
}

static void answer_look(struct speaker_driver *d)
{
    struct speaker_seen seen = {.restarted = fake.was_restarted};
    snprintf(seen.version, sizeof seen.version, "fake 1.0");
    snprintf(seen.note, sizeof seen.note, "%u routes", fake.n_routes);
    for (uint32_t i = 0; i < d->wanted->n; i++)
        for (uint32_t j = 0; j < d->wanted->v[i].spec->config->n_prefixes; j++)
            see(&seen, d->wanted, &d->wanted->v[i].spec->config->prefixes[j]);
    for (uint32_t i = 0; i < fake.n_routes && !fake.is_blind; i++) {
        uint32_t set, nth;
        if (!announcements_find(d->wanted, &fake.routes[i].prefix, &set, &nth))
            see(&seen, d->wanted, &fake.routes[i].prefix);
    }
    size_t n = seen.routes.n;
    for (size_t i = 0; i < n && fake.has_twin; i++) {
        struct seen_route twin = seen.routes.v[i];
        twin.real = REAL_ABSENT;
        *vec_push(&seen.routes) = twin;
    }
    for (uint32_t i = 0; i < fake.n_extra && n > 0; i++) {
        struct seen_route same = seen.routes.v[0];
        *vec_push(&seen.routes) = same;
    }
    fake.was_restarted = false;
    fake.n_looked_well++;
    d->host->observed(d->host->ctx, &seen);
    vec_free(&seen.routes);
}

/* ---- applying ---- */

static void remove_others(const struct announcements *wanted)
{
    uint32_t set, nth;
    for (uint32_t i = 0; i < fake.n_routes;) {
        if (announcements_find(wanted, &fake.routes[i].prefix, &set, &nth) &&
            wanted->v[set].announced) {
            i++;
            continue;
        }
        fake.routes[i] = fake.routes[--fake.n_routes];
        fake.n_withdrawn++;
    }
}

static void put(const struct announcement *a, const struct ip_prefix *prefix)
{
    struct fake_route *route = fake_find(prefix);
    if (route && is_as(route, a))
        return;
    if (!route)
        route = &fake.routes[fake.n_routes++];
    assert_true(fake.n_routes <= FAKE_ROUTES);
    *route = (struct fake_route){
        .prefix = *prefix, .attributes = a->attributes, .next_hop = a->spec->config->next_hop_v4};
    text_of(route->ifname, a->spec->ifname);
    fake.n_changed++;
}

/** Only the first change, if it `breaks`. */
static void carry_out(const struct announcements *wanted, bool breaks)
{
    uint32_t before = fake.n_changed + fake.n_withdrawn;
    if (!breaks)
        remove_others(wanted);
    for (uint32_t i = 0; i < wanted->n; i++)
        for (uint32_t j = 0; j < wanted->v[i].spec->config->n_prefixes; j++)
            if (wanted->v[i].announced && !(breaks && fake.n_changed + fake.n_withdrawn > before))
                put(&wanted->v[i], &wanted->v[i].spec->config->prefixes[j]);
    fake.n_needless += fake.n_changed + fake.n_withdrawn == before;
}

/* ---- the driver ---- */

static void answer(struct speaker_driver *d)
{
    enum fake_answer how = d->applies ? fake.apply : fake.look;
    fake.n_under_way--;
    fake.depth++;
    /* Specs that were lent are still there. */
    for (uint32_t i = 0; i < d->wanted->n; i++)
        assert_true(d->wanted->v[i].spec->config->n_prefixes > 0);
    if (how == FAKE_BREAKS && d->applies)
        carry_out(d->wanted, true);
    if (how != FAKE_ANSWERS) {
        d->host->failed(d->host->ctx, fake.error, "it does not want to");
    } else if (!d->applies) {
        answer_look(d);
    } else {
        if (!fake.is_deaf)
            carry_out(d->wanted, false);
        fake.is_odd = false;
        d->host->applied(d->host->ctx);
    }
    fake.depth--;
}

static void on_timer(uv_timer_t *timer)
{
    answer(timer->data);
}

static void begin(struct speaker_driver *d, const struct announcements *wanted, bool applies)
{
    assert_int_equal(fake.n_under_way, 0);
    assert_int_equal(fake.depth, 0); /* from the loop only */
    fake.n_under_way++;
    /* The list is lent until it ends, the struct only for the call. */
    d->copy = *wanted;
    d->wanted = &d->copy;
    d->applies = applies;
    if ((applies ? fake.apply : fake.look) == FAKE_HANGS)
        return;
    if (fake.delay_ms > 0)
        uv_timer_start(&d->timer, on_timer, (uint64_t)fake.delay_ms, 0);
    else
        answer(d);
}

static void fake_observe(struct speaker_driver *d, const struct announcements *wanted)
{
    fake.n_looks++;
    fake.look_ms = clock_mono_ms();
    begin(d, wanted, false);
}

/** Whether it is in a hurry for no withdrawal, neither of what is there nor of what was told. */
static bool is_hasty(const struct announcements *wanted)
{
    static struct ip_prefix told[FAKE_ROUTES];
    static uint32_t n_told;
    uint32_t set, nth;
    bool hasty = fake.n_applies > 0 && clock_mono_ms() < fake.apply_ms + LINE_APART_MS;
    for (uint32_t i = 0; i < fake.n_routes; i++)
        hasty &= announcements_find(wanted, &fake.routes[i].prefix, &set, &nth) &&
                 wanted->v[set].announced;
    for (uint32_t i = 0; i < n_told; i++)
        hasty &= announcements_find(wanted, &told[i], &set, &nth) && wanted->v[set].announced;
    n_told = 0;
    for (uint32_t i = 0; i < wanted->n; i++)
        for (uint32_t j = 0; wanted->v[i].announced && j < wanted->v[i].spec->config->n_prefixes;
             j++)
            told[n_told++] = wanted->v[i].spec->config->prefixes[j];
    return hasty;
}

static void fake_apply(struct speaker_driver *d, const struct announcements *wanted)
{
    fake.n_hasty += is_hasty(wanted);
    if (fake.n_applies++ == 0)
        fake.n_looks_before_apply = fake.n_looked_well;
    fake.apply_ms = clock_mono_ms();
    begin(d, wanted, true);
}

static struct speaker_driver *fake_open(const struct speaker_host *host)
{
    struct speaker_driver *d = xcalloc(1, sizeof *d);
    assert_null(fake.driver);
    d->host = host;
    uv_timer_init(drive_loop(host->drive), &d->timer);
    d->timer.data = d;
    fake.n_opened++;
    fake.n_under_way = 0;
    fake.driver = d;
    fake.config = host->config;
    return d;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void fake_close(struct speaker_driver *d)
{
    assert_int_equal(fake.depth, 0);
    fake.driver = NULL;
    fake.n_closed++;
    fake.n_under_way = 0;
    uv_close((uv_handle_t *)&d->timer, on_closed);
}

static void fake_respecified(struct speaker_driver *d, const struct speaker *config)
{
    (void)d;
    assert_int_equal(fake.n_under_way, 0);
    assert_int_equal(fake.depth, 0);
    fake.config = config;
    fake.n_respecified++;
}

static void fake_will(struct speaker_driver *d, const struct announcements *now,
                      struct last_will *will)
{
    static const char *const argv[] = {"withdraw", NULL};
    (void)d;
    fake.n_wills++;
    fake.n_willed = 0;
    for (uint32_t i = 0; i < now->n; i++)
        fake.n_willed += now->v[i].announced;
    will->argv = argv;
}

const struct speaker_type_ops fake_ops = {.type = SPEAKER_EXEC,
                                          .open = fake_open,
                                          .observe = fake_observe,
                                          .apply = fake_apply,
                                          .respecified = fake_respecified,
                                          .will = fake_will,
                                          .close = fake_close};
const struct speaker_type_ops fake_ops_reopened = {.type = SPEAKER_EXEC,
                                                   .open = fake_open,
                                                   .observe = fake_observe,
                                                   .apply = fake_apply,
                                                   .close = fake_close};

const struct speaker *fake_config(void)
{
    return fake.driver->host->config;
}

void fake_nudge(void)
{
    fake.driver->host->nudge(fake.driver->host->ctx);
}

void fake_lose(uint32_t route)
{
    fake.routes[route] = fake.routes[--fake.n_routes];
}

void fake_restart(void)
{
    fake.n_routes = 0;
    fake.was_restarted = true;
}
