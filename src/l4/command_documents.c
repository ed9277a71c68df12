/* SPDX-License-Identifier: Apache-2.0
 * `status` and `services`. */
#include "base/clock.h"
#include "config.h"
#include "l4/commands.h"
#include "l4/elders.h"
#include "l4/limits.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool takes_no_arguments(struct control_call *call, const json_t *object)
{
    static const struct command_arg none[] = {{0}};
    char error[COMMAND_ERROR_MAX];
    int code = command_args_read(object, none, error);
    if (code != 0)
        control_call_fail(call, code, error);
    return code == 0;
}

static const char *balance_text(enum l4_balance balance)
{
#define TEXT(constant, word, doc) [constant] = word,
    static const char *const texts[] = {L4_BALANCES(TEXT)};
#undef TEXT
    return texts[balance];
}

static const char *relay_text(enum l4_relay relay)
{
#define TEXT(constant, word, doc) [constant] = word,
    static const char *const texts[] = {L4_RELAYS(TEXT)};
#undef TEXT
    return texts[relay];
}

/* ---- services ---- */

static json_t *set_document(const struct forwarder *f, uint32_t set)
{
    const struct work_set *work = f->sets.v[set];
    struct set_tally t = f->plan ? plan_set_tally(&f->plan->sets[set]) : (struct set_tally){0};
    json_t *d = json_object();
    json_set_text(d, "name", work->name);
    json_set_text(d, "from", set_origin_text(work->origin));
    json_set_int(d, "version", (int64_t)work->now.version);
    const struct teller *holder = followers_holder(&f->followers, work->name);
    if (holder) {
        json_t *held = json_set_object(d, "told_by");
        json_set_text(held, "node", holder->node);
        json_set_int(held, "pid", holder->pid);
    }
    json_set_time(d, "since", work->since_ms);
    json_set_int(d, "up", t.up);
    json_set_int(d, "members", t.n);
    return d;
}

/** To the services that they belong to, in their order. */
static void add_sets(json_t *services, const struct forwarder *f)
{
    const struct l4_config *config = f->setup->model->l4;
    const struct l4_service **owners = setup_owners(config);
    for (uint32_t i = 0; i < f->sets.n; i++) {
        if (!owners[i])
            continue;
        json_t *d = json_array_get(services, (size_t)(owners[i] - config->services));
        json_array_append_new(json_object_get(d, "sets"), set_document(f, i));
    }
    free(owners);
}

static void set_counters(json_t *d, const struct service_run *run)
{
    json_t *results = json_set_object(d, "results");
    for (int r = 0; r < SERVICE_RESULTS; r++)
        json_set_int(results, service_result_text((enum service_result)r),
                     (int64_t)atomic_load_explicit(&run->results[r], memory_order_relaxed));
    json_set_int(d, "active", atomic_load_explicit(&run->active, memory_order_relaxed));
    json_set_int(d, "in_kernel", atomic_load_explicit(&run->in_kernel, memory_order_relaxed));
    json_set_int(d, "bytes_in",
                 (int64_t)atomic_load_explicit(&run->bytes_in, memory_order_relaxed));
    json_set_int(d, "bytes_out",
                 (int64_t)atomic_load_explicit(&run->bytes_out, memory_order_relaxed));
}

static void set_rates(json_t *d, const struct rate *rate)
{
    json_t *rates = json_set_object(d, "per_second");
    json_set_real(rates, "connections", rate->results_per_s, 1);
    json_set_real(rates, "bytes_in", rate->bytes_in_per_s, 1);
    json_set_real(rates, "bytes_out", rate->bytes_out_per_s, 1);
}

static json_t *service_document(const struct forwarder *f, uint32_t nth)
{
    const struct l4_service *s = &f->setup->model->l4->services[nth];
    char text[IP_PORT_TEXT_MAX];
    json_t *d = json_object();
    json_set_text(d, "name", s->name);
    json_set_text(d, "protocol", s->udp ? "udp" : "tcp");
    json_t *listens = json_set_array(d, "listen");
    for (uint32_t i = 0; i < s->n_listens; i++)
        json_array_append_new(
            listens, json_text(ip_port_text(text, &s->listens[i].addr, s->listens[i].port)));
    json_set_text(d, "balance", balance_text(s->balance));
    if (!s->udp)
        json_set_text(d, "relay",
                      relay_text(s->relay == L4_RELAY_SOCKHASH && !f->has_sockhash ? L4_RELAY_SPLICE
                                                                                   : s->relay));
    json_set_int(d, "limit", s->limits.connections);
    if (f->plan) {
        struct rate rate = rates_of(&f->rates, f->plan->services[nth].run);
        set_counters(d, f->plan->services[nth].run);
        set_rates(d, &rate);
    }
    json_set_array(d, "sets");
    return d;
}

void command_services(struct forwarder *f, struct control_call *call, json_t *object)
{
    if (!takes_no_arguments(call, object))
        return;
    json_t *result = json_object(), *list = json_set_array(result, "services");
    for (uint32_t i = 0; i < f->setup->model->l4->n_services; i++)
        json_array_append_new(list, service_document(f, i));
    add_sets(list, f);
    control_call_answer(call, result);
}

/* ---- status ---- */

static void count_members(json_t *d, const struct forwarder *f)
{
    struct set_tally all = {0};
    for (uint32_t i = 0; f->plan && i < f->sets.n; i++) {
        struct set_tally t = plan_set_tally(&f->plan->sets[i]);
        all.up += t.up;
        all.n += t.n;
    }
    json_set_int(d, "members_up", all.up);
    json_set_int(d, "members", all.n);
}

void command_status(struct forwarder *f, struct control_call *call, json_t *object)
{
    if (!takes_no_arguments(call, object))
        return;
    json_t *d = json_object();
    json_set_text(d, "program", PROGRAM);
    json_set_text(d, "version", PACKAGE_VERSION);
    json_set_int(d, "pid", getpid());
    json_set_time(d, "started", f->started_wall_ms);
    json_set_int(d, "uptime_s", (clock_mono_ms() - f->started_mono_ms) / 1000);
    json_set_text(d, "state", f->draining ? "draining" : f->ready ? "forwarding" : "starting");
    json_set_int(d, "generation", (int64_t)f->setup->number);
    json_set_text(d, "file", f->path);
    json_set_int(d, "workers", f->n_workers);
    json_set_int(d, "services", f->setup->model->l4->n_services);
    count_members(d, f);
    json_set_int(d, "flows", forwarder_n_flows(f));
    json_object_set_new(d, "replaced", elders_document(f));
    json_set_int(d, "told_by", f->followers.n);
    json_set_int(d, "reloads", (int64_t)f->n_reloads);
    json_set_int(d, "reloads_failed", (int64_t)f->n_reloads_failed);
    json_set_time(d, "reloaded", f->reload_at_ms);
    json_object_set_new(d, "problems", command_problems(f));
    control_call_answer(call, d);
}
