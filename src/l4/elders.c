/* SPDX-License-Identifier: Apache-2.0
 * Processes that we have taken over from. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "control/json.h"
#include "l4/elders_internal.h"
#include "l4/heritage.h"
#include "l4/limits.h"
#include "l4/link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct elder {
    struct forwarder *f;
    struct elder *next;
    struct link *link;
    json_t *facts; /* "pid", "open", "flows", as it said last */
};

/* ---- one of them ---- */

static json_t *facts_of(const json_t *packet)
{
    static const char *const keys[] = {"pid", "open", "flows"};
    json_t *facts = json_object();
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        json_object_set_new(facts, keys[i], json_deep_copy(json_object_get(packet, keys[i])));
    return facts;
}

static void elder_free(struct elder *elder)
{
    link_close(elder->link);
    json_decref(elder->facts);
    free(elder);
}

static void on_elder_ended(void *arg)
{
    struct elder *elder = arg;
    struct forwarder *f = elder->f;
    struct elder **at = &f->elders;
    while (*at != elder)
        at = &(*at)->next;
    *at = elder->next;
    log_notice("process %" PRId64 ", which was replaced, has ended",
               json_get_int(elder->facts, "pid", 0));
    elder_free(elder);
    if (f->inherited) {
        log_error("cannot take over: the other process has ended, or has given up");
        forwarder_give_up(f);
    } else {
        elders_count(f);
    }
}

/** Members until we forward; what it has open always. */
static void on_update(struct elder *elder, const json_t *packet)
{
    struct forwarder *f = elder->f;
    json_decref(elder->facts);
    elder->facts = facts_of(packet);
    if (f->inherited)
        heritage_read_sets(&f->sets, f->setup->model->l4, packet);
    elders_count(f);
}

static bool add(struct forwarder *f, int fd, const json_t *facts);

static void on_go(struct forwarder *f)
{
    struct inherited *in = f->inherited;
    const json_t *facts;
    size_t from = 0;
    for (int fd; (fd = inherited_claim(in, "elder", &from, &facts)) >= 0;)
        (void)add(f, fd, facts);
    f->inherited = NULL;
    inherited_free(in);
    forwarder_begin(f);
}

static void on_packet(void *arg, const json_t *packet)
{
    struct elder *elder = arg;
    const char *what = json_get_text(packet, "what", "");
    if (strcmp(what, "update") == 0)
        on_update(elder, packet);
    else if (strcmp(what, "go") == 0 && elder->f->inherited)
        on_go(elder->f);
}

static bool add(struct forwarder *f, int fd, const json_t *facts)
{
    struct elder *elder = xcalloc(1, sizeof *elder);
    const struct link_events events = {on_packet, on_elder_ended, elder};
    elder->f = f;
    elder->link = link_open(&f->loop, fd, &events);
    if (!elder->link) {
        free(elder);
        return false;
    }
    elder->facts = facts_of(facts);
    elder->next = f->elders;
    f->elders = elder;
    return true;
}

static void say(const struct elder *elder, const json_t *packet)
{
    if (link_send(link_fd(elder->link), packet, NULL, 0) != 0)
        log_warning("process %" PRId64 ", which was replaced, cannot be told: %s",
                    json_get_int(elder->facts, "pid", 0), strerror(errno));
}

static void say_to_all(const struct forwarder *f, json_t *packet)
{
    for (const struct elder *e = f->elders; e; e = e->next)
        say(e, packet);
    json_decref(packet);
}

static json_t *packet_of(const char *what)
{
    json_t *packet = json_object();
    json_set_text(packet, "what", what);
    return packet;
}

/* ---- until we forward ---- */

int elders_listen(struct forwarder *f, struct diags *diags)
{
    struct inherited *in = f->inherited;
    int fd = in->link;
    in->link = -1;
    heritage_read_sets(&f->sets, f->setup->model->l4, in->state);
    if (add(f, fd, in->state))
        return 0;
    diag_error(diags, (struct span){0}, "cannot take over from another process: %s",
               strerror(errno));
    return E_SYSTEM;
}

void elders_say_ready(struct forwarder *f)
{
    say_to_all(f, packet_of("ready"));
}

void elders_say_failed(struct forwarder *f, const struct diags *diags)
{
    struct arena *arena = arena_new();
    json_t *packet = packet_of("failed"), *errors = json_set_array(packet, "errors");
    for (size_t i = 0; i < diags->n; i++)
        if (diags->v[i].severity == DIAG_ERROR)
            json_array_append_new(errors, json_text(diag_text(arena, &diags->v[i])));
    if (f->inherited && f->inherited->link >= 0)
        (void)!link_send(f->inherited->link, packet, NULL, 0);
    say_to_all(f, packet);
    arena_free(arena);
}

/* ---- once we do ---- */

void elders_tell(struct forwarder *f)
{
    if (!f->elders || f->inherited)
        return;
    json_t *packet = packet_of("members");
    heritage_write_members(packet, &f->sets, clock_mono_ms());
    say_to_all(f, packet);
}

void elders_count(struct forwarder *f)
{
    uint32_t n;
    struct service_run *const *services = registry_services(f->registry, &n);
    for (uint32_t i = 0; i < n; i++) {
        int64_t open = 0;
        for (const struct elder *e = f->elders; e; e = e->next)
            open += json_get_int(json_object_get(e->facts, "open"), services[i]->name, 0);
        if (services[i]->limits)
            limits_elsewhere(services[i]->limits, (uint32_t)open);
    }
}

uint32_t elders_n_flows(const struct forwarder *f)
{
    uint32_t n = 0;
    for (const struct elder *e = f->elders; e; e = e->next)
        n += (uint32_t)json_get_int(e->facts, "flows", 0);
    return n;
}

json_t *elders_document(const struct forwarder *f)
{
    json_t *list = json_array();
    for (const struct elder *e = f->elders; e; e = e->next) {
        json_t *elder = json_object();
        json_set_int(elder, "pid", json_get_int(e->facts, "pid", 0));
        json_set_int(elder, "flows", json_get_int(e->facts, "flows", 0));
        json_array_append_new(list, elder);
    }
    return list;
}

void elders_each(const struct forwarder *f, void (*fn)(void *arg, int fd, json_t *facts), void *arg)
{
    for (const struct elder *e = f->elders; e; e = e->next)
        fn(arg, link_fd(e->link), json_deep_copy(e->facts));
}

void elders_leave(struct forwarder *f)
{
    for (struct elder *next; f->elders; f->elders = next) {
        next = f->elders->next;
        elder_free(f->elders);
    }
}

void elders_end(struct forwarder *f)
{
    if (!f->inherited)
        say_to_all(f, packet_of("end"));
    elders_leave(f);
}
