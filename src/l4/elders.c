/* SPDX-License-Identifier: Apache-2.0
 * Processes that we have taken over from. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/strmap.h"
#include "control/json.h"
#include "l4/counted.h"
#include "l4/elders_internal.h"
#include "l4/heritage.h"
#include "l4/limits.h"
#include "l4/link.h"
#include "l4/nurse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct elder {
    struct forwarder *f;
    struct elder *next;
    struct link *link;
    json_t *facts; /* "pid", "open", "flows", "sessions", as it said last */
    struct counted counted;
};

/* ---- one of them ---- */

/** What is not said stays as it was. */
static void learn(struct elder *elder, const json_t *packet)
{
    static const char *const keys[] = {"pid", "open", "flows", "sessions"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        json_t *value = json_object_get(packet, keys[i]);
        if (value)
            json_object_set_new(elder->facts, keys[i], json_deep_copy(value));
    }
}

static void elder_free(struct elder *elder)
{
    link_close(elder->link);
    counted_free(&elder->counted, elder->f->registry);
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
    counted_end(&elder->counted);
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
    learn(elder, packet);
    counted_follow(&elder->counted, json_object_get(packet, "fewer"));
    if (f->inherited)
        heritage_read_sets(&f->sets, f->setup->model->l4, packet);
    elders_count(f);
}

static bool add(struct forwarder *f, int fd, const json_t *facts);

static uint32_t longest_idle_ms(const struct l4_config *config)
{
    uint32_t longest_ms = 0;
    for (uint32_t i = 0; i < config->n_services; i++)
        if (config->services[i].udp && config->services[i].idle_timeout_ms > longest_ms)
            longest_ms = config->services[i].idle_timeout_ms;
    return longest_ms;
}

/** What all of them had comes with the last one, who is `first` here. */
static void take_over(struct forwarder *f, struct elder *first, int fd)
{
    struct bequest file;
    int code = fd < 0 ? E_NOTFOUND : bequest_open(&file, fd);
    if (code != 0) {
        log_warning("flows of datagrams and counts of clients are not handed on: %s",
                    code == E_SYSTEM ? strerror(errno) : "another version has them otherwise");
        return;
    }
    counted_adopt(&first->counted, &file, f->setup->model->l4, f->registry, clock_mono_ms());
    for (struct elder *e = f->elders; e; e = e->next)
        if (e != first)
            counted_split(&e->counted, &first->counted, &file, f->registry,
                          (uint32_t)json_get_int(e->facts, "pid", 0));
    f->bound = bound_new(&file, f->registry);
    f->bound_until_ms = clock_mono_ms() + longest_idle_ms(f->setup->model->l4);
}

/** Not before: what comes to a socket of ours alone would be lost if we did not come to forward. */
static void complete_sockets(struct forwarder *f)
{
    struct diags diags;
    diags_init(&diags);
    listeners_complete(f->listeners, f->n_workers, &diags);
    diags_log(&diags);
    diags_free(&diags);
}

static void on_go(struct elder *elder, int fd)
{
    struct forwarder *f = elder->f;
    struct inherited *in = f->inherited;
    const json_t *facts;
    size_t from = 0;
    for (int link; (link = inherited_claim(in, "elder", &from, &facts)) >= 0;)
        (void)add(f, link, facts);
    f->inherited = NULL;
    inherited_free(in);
    take_over(f, elder, fd);
    complete_sockets(f);
    forwarder_begin(f);
}

static void on_packet(void *arg, const json_t *packet, int fd)
{
    struct elder *elder = arg;
    const char *what = json_get_text(packet, "what", "");
    if (strcmp(what, "go") == 0 && elder->f->inherited) {
        on_go(elder, fd);
        return;
    }
    if (fd >= 0)
        close(fd);
    if (strcmp(what, "update") == 0)
        on_update(elder, packet);
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
    elder->facts = json_object();
    learn(elder, facts);
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
    json_t *packet = packet_of("ready");
    if (nurse_leave())
        json_set_int(packet, "pid", getpid());
    say_to_all(f, packet);
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

/** Datagrams are no part of it: their flows go on here. */
static void udp_services(struct strmap *out, const struct l4_config *config)
{
    *out = (struct strmap){0};
    for (uint32_t i = 0; i < config->n_services; i++)
        if (config->services[i].udp)
            strmap_add(out, slice_str(config->services[i].name), i);
}

static uint32_t open_elsewhere(const struct forwarder *f, const char *service)
{
    int64_t open = 0;
    for (const struct elder *e = f->elders; e; e = e->next)
        open += json_get_int(json_object_get(e->facts, "open"), service, 0);
    return (uint32_t)open;
}

void elders_count(struct forwarder *f)
{
    uint32_t n;
    struct service_run *const *services = registry_services(f->registry, &n);
    struct strmap udp;
    udp_services(&udp, f->setup->model->l4);
    for (uint32_t i = 0; i < n; i++) {
        bool counted = strmap_get(&udp, slice_str(services[i]->name)) == STRMAP_NONE;
        if (services[i]->limits)
            limits_elsewhere(services[i]->limits,
                             counted ? open_elsewhere(f, services[i]->name) : 0);
    }
    strmap_free(&udp);
}

uint32_t elders_sessions(const struct forwarder *f, const char *set, const char *key)
{
    uint32_t n = 0;
    for (const struct elder *e = f->elders; e; e = e->next)
        n += (uint32_t)json_get_int(json_object_get(json_object_get(e->facts, "sessions"), set),
                                    key, 0);
    return n;
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

void elders_each_source(const struct forwarder *f,
                        void (*fn)(void *arg, uint32_t pid, const struct counted_source *source),
                        void *arg)
{
    for (const struct elder *e = f->elders; e; e = e->next)
        for (size_t i = 0; i < e->counted.sources.n; i++)
            fn(arg, (uint32_t)json_get_int(e->facts, "pid", 0), &e->counted.sources.v[i]);
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
