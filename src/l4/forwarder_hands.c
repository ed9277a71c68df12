/* SPDX-License-Identifier: Apache-2.0
 * The workers, and what they tell the main thread. */
#include "l4/forwarder.h"

#include "base/clock.h"
#include "config.h"
#include "l4/metrics.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define RTT_NETWORKS 8192 /* of each worker: about 400 KiB */

/** A connect that failed, on its way to the main thread. */
struct failure {
    struct forwarder *forwarder;
    bool timed_out;
    char set[L4_NAME_MAX], key[MEMBER_KEY_MAX];
};

static void on_failure(void *arg)
{
    struct failure *failure = arg;
    struct forwarder *f = failure->forwarder;
    followers_tell_failed(&f->followers, failure->set, failure->key, failure->timed_out);
    forwarder_hasten(f, failure->set, failure->key);
    free(failure);
}

static void on_failed(void *ctx, struct member *member, bool timed_out)
{
    struct hand *hand = ctx;
    if (!member_tells_failure(member, clock_mono_ms()))
        return;
    struct failure *failure = xcalloc(1, sizeof *failure);
    failure->forwarder = hand->forwarder;
    failure->timed_out = timed_out;
    strncpy(failure->set, member->set, sizeof failure->set - 1);
    strncpy(failure->key, member->key, sizeof failure->key - 1);
    mailbox_post(hand->forwarder->mailbox, on_failure, failure);
}

static void on_client_rtt(void *ctx, const struct ip *client, uint32_t rtt_us)
{
    struct hand *hand = ctx;
    rtt_sources_add(hand->rtt, client, rtt_us, clock_mono_ms());
}

static void on_ended(void *ctx, const struct flow_record *record)
{
    struct hand *hand = ctx;
    flow_log_put(hand->log, record);
}

/** The core of worker number `nth`: the nth of those that we may use; -1 where there are fewer. */
static int core_of(uint32_t nth, uint32_t n_workers)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0 || (uint32_t)CPU_COUNT(&set) < n_workers)
        return -1;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &set) && nth-- == 0)
            return cpu;
    return -1;
}

static int start_one(struct forwarder *f, uint32_t nth)
{
    struct hand *hand = &f->hands[nth];
    hand->forwarder = f;
    hand->rtt = rtt_sources_new(RTT_NETWORKS);
    hand->log = f->log ? flow_log_ring(f->log, nth) : NULL;
    hand->host = (struct worker_host){.ctx = hand,
                                      .failed = on_failed,
                                      .client_rtt = on_client_rtt,
                                      .ended = hand->log ? on_ended : NULL,
                                      .sockhash = f->has_sockhash ? &f->sockhash : NULL};
    return worker_start(&hand->worker, nth, core_of(nth, f->n_workers), &hand->host);
}

int forwarder_start_workers(struct forwarder *f, struct diags *diags)
{
    const struct l4_config *config = f->setup->model->l4;
    f->hands = xcalloc(f->n_workers, sizeof *f->hands);
    if (config->log_connections)
        f->log = flow_log_start(f->n_workers, config->log_sample);
    for (uint32_t i = 0; i < f->n_workers; i++)
        if (start_one(f, i) != 0) {
            diag_error(diags, (struct span){0}, "cannot start worker %u: %s", i, strerror(errno));
            return E_SYSTEM;
        }
    return 0;
}

void forwarder_stop_workers(struct forwarder *f)
{
    for (uint32_t i = 0; f->hands && i < f->n_workers; i++) {
        if (f->hands[i].worker)
            worker_stop(f->hands[i].worker);
        rtt_sources_free(f->hands[i].rtt);
    }
    free(f->hands);
    f->hands = NULL;
}

void forwarder_client_rtts(const struct forwarder *f, struct rtt_list *list)
{
    *list = (struct rtt_list){0};
    for (uint32_t i = 0; f->hands && i < f->n_workers; i++)
        rtt_list_add(list, f->hands[i].rtt);
    rtt_list_merge(list);
}

uint32_t forwarder_n_flows(const struct forwarder *f)
{
    uint32_t n, n_flows = 0;
    struct service_run *const *services = registry_services(f->registry, &n);
    for (uint32_t i = 0; i < n; i++)
        n_flows += atomic_load_explicit(&services[i]->active, memory_order_relaxed);
    return n_flows;
}

static void write_metrics(void *ctx, struct buf *out)
{
    const struct forwarder *f = ctx;
    const struct metrics_facts facts = {.registry = f->registry,
                                        .plan = f->plan,
                                        .version = PACKAGE_VERSION,
                                        .now_ms = clock_mono_ms(),
                                        .started_wall_ms = f->started_wall_ms,
                                        .n_reloads = f->n_reloads,
                                        .n_reloads_failed = f->n_reloads_failed,
                                        .n_log_dropped = flow_log_dropped(f->log)};
    metrics_write(out, &facts);
}

int forwarder_open_metrics(struct forwarder *f, struct metrics_server **server,
                           const struct l4_config *config, int fd, struct diags *diags)
{
    return metrics_server_open(server, &f->loop, config, fd, f->metrics, write_metrics, f, diags);
}
