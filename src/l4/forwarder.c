/* SPDX-License-Identifier: Apache-2.0
 * Starting, and waiting for the first members. */
#include "l4/forwarder.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/process.h"
#include "base/units.h"
#include "control/server.h"
#include "l4/elders.h"
#include "l4/forwarder_pass.h"
#include "l4/heir.h"
#include "l4/shortage.h"

#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define READY_POLL_MS 10
#define PATIENCE_MS 3000 /* with loadstard, at the start */
#define SECOND_MS 1000

void forwarder_expect_tellers(struct forwarder *f)
{
    if (f->control)
        control_server_expect(f->control, l4_config_told(f->setup->model->l4));
}

static uint32_t sessions_elsewhere(void *ctx, const char *set, const char *key)
{
    return elders_sessions(ctx, set, key);
}

static void tell_rtt(struct forwarder *f, int64_t now_ms)
{
    struct rtt_list list;
    if (!followers_wait_for_rtt(&f->followers, now_ms))
        return;
    forwarder_client_rtts(f, &list);
    followers_tell_rtt(&f->followers, &list, now_ms);
    rtt_list_free(&list);
}

static void on_second(uv_timer_t *timer)
{
    struct forwarder *f = timer->data;
    int64_t now_ms = clock_mono_ms();
    rates_look(&f->rates, f->registry, now_ms);
    shortage_look(f->registry, now_ms);
    followers_tell_sessions(&f->followers, &f->sets, f->plan, sessions_elsewhere, f);
    tell_rtt(f, now_ms);
    if (f->bound && now_ms >= f->bound_until_ms)
        forwarder_forget_bound(f);
}

void forwarder_begin(struct forwarder *f)
{
    char summary[SETUP_SUMMARY_MAX];
    f->ready = true;
    if (!forwarder_has_sets(f))
        saved_sets_adopt(&f->sets);
    forwarder_plan_now(f);
    setup_summary(summary, f->setup);
    log_notice("ready after %lld ms: %s; %u worker%s",
               (long long)(clock_mono_ms() - f->started_mono_ms), summary, f->n_workers,
               units_plural(f->n_workers));
    notify_manager("READY=1\nSTATUS=%s", summary);
    uv_timer_start(&f->second_timer, on_second, SECOND_MS, SECOND_MS);
    reload_allow(&f->reload);
}

void forwarder_give_up(struct forwarder *f)
{
    f->exit_code = 1;
    forwarder_stop(f, true);
}

static void fail(struct forwarder *f, const struct diags *diags)
{
    log_error("cannot start: %u error%s", diags->n_errors, units_plural(diags->n_errors));
    if (f->inherited)
        elders_say_failed(f, diags);
    forwarder_give_up(f);
}

/** All is there to take over with. */
static void offer(struct forwarder *f)
{
    struct diags diags;
    diags_init(&diags);
    int code = inherited_open_servers(f, &diags);
    forwarder_expect_tellers(f);
    diags_log(&diags);
    if (code == 0)
        elders_say_ready(f);
    else
        fail(f, &diags);
    diags_free(&diags);
}

static void on_ready_timer(uv_timer_t *timer)
{
    struct forwarder *f = timer->data;
    bool patient = clock_mono_ms() - f->started_mono_ms < PATIENCE_MS;
    if (f->draining || !checker_ready(f->checker) || (patient && !forwarder_has_sets(f)))
        return;
    uv_timer_stop(timer);
    if (f->inherited)
        offer(f);
    else
        forwarder_begin(f);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct forwarder *f = handle->data;
    if (number == SIGHUP && heir_is_coming(f))
        log_warning("SIGHUP: the process is being replaced, and the new one has read the files");
    else if (number == SIGHUP)
        reload_ask(&f->reload, false, NULL);
    else
        forwarder_stop(f, false);
}

/** From the loop itself: when it hangs the service manager hears nothing any more. */
static void on_watchdog_timer(uv_timer_t *timer)
{
    (void)timer;
    notify_manager("WATCHDOG=1");
}

static void init_handles(struct forwarder *f)
{
    static const int numbers[] = {SIGHUP, SIGTERM, SIGINT};
    uv_timer_t *const timers[] = {&f->ready_timer,  &f->plan_timer,     &f->order_timer,
                                  &f->second_timer, &f->watchdog_timer, &f->stop_timer};
    uv_loop_init(&f->loop);
    turn_watch_start(&f->turns, &f->loop);
    reload_init(&f->reload, &f->loop, &forwarder_reload_steps, f);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        uv_signal_init(&f->loop, &f->signals[i]);
        f->signals[i].data = f;
        uv_signal_start(&f->signals[i], on_signal, numbers[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(timers); i++) {
        uv_timer_init(&f->loop, timers[i]);
        timers[i]->data = f;
    }
    f->mailbox = mailbox_open(&f->loop);
    if (notify_watchdog_ms() > 0)
        uv_timer_start(&f->watchdog_timer, on_watchdog_timer, 0, notify_watchdog_ms());
}

static const struct l4_service *first_transparent(const struct l4_config *config)
{
    for (uint32_t i = 0; i < config->n_services; i++)
        if (config->services[i].transparent)
            return &config->services[i];
    return NULL;
}

int forwarder_judge_rights(const struct forwarder *f, const struct l4_config *config,
                           struct diags *diags)
{
    const struct l4_service *s = first_transparent(config);
    if (!s || f->can_be_transparent)
        return 0;
    diag_error(diags, s->span,
               f->inherited
                   ? "service '%s' is transparent, which takes CAP_NET_RAW: a process that "
                     "is replaced cannot hand that on unless it is root; restart it"
                   : "service '%s' is transparent, which takes CAP_NET_RAW, and workers "
                     "have that only when loadstar-l4 is started with such a service and "
                     "is given it",
               s->name);
    return E_INVALID;
}

/** Nothing is kept but what a transparent service takes, and that by workers alone: ports below
 *  1024 that a reload would add take a restart. */
static int give_up_rights(struct forwarder *f, struct diags *diags)
{
    const struct model *m = f->setup->model;
    rights_set keep = first_transparent(m->l4) ? RIGHT(CAP_NET_RAW) : 0;
    int code = 0;
    if (m->server.user)
        code = process_become(m->server.user, keep, diags);
    else if (geteuid() != 0)
        code = process_confine(keep, diags);
    f->can_be_transparent = (rights_held() & RIGHT(CAP_NET_RAW)) != 0;
    return code == 0 ? forwarder_judge_rights(f, m->l4, diags) : code;
}

static int start_workers(struct forwarder *f, struct diags *diags)
{
    int code = forwarder_start_workers(f, diags);
    if (code == 0 && geteuid() != 0)
        code = rights_drop(RIGHT(CAP_NET_RAW));
    return code;
}

static void on_event(void *ctx, const struct health_event *event)
{
    const struct forwarder *f = ctx;
    if (event->endpoint == MODEL_NONE) {
        log_notice("checks: %s", event->reason);
        return;
    }
    struct arena *arena = arena_new();
    log_notice("%s: %s -> %s: %s", endpoint_key(arena, checker_model(f->checker), event->endpoint),
               event->from, event->to, event->reason);
    arena_free(arena);
}

static void on_changes(void *ctx, struct subscription *subscription)
{
    (void)subscription;
    forwarder_replan(ctx);
}

static int start_checker(struct forwarder *f, struct diags *diags)
{
    const struct checker_callbacks callbacks = {f, on_event};
    int code = checker_start(&f->checker, &f->loop, f->setup->model, f->setup->credentials,
                             &callbacks, diags);
    if (code == 0)
        f->changes = checker_subscribe(f->checker, &(struct subscriber){"plans", f, on_changes});
    return code;
}

static int open_control(struct forwarder *f, struct diags *diags)
{
    const struct model *m = f->setup->model;
    const struct control_handler handler = forwarder_commands(f);
    return m->control ? control_server_open(&f->control, &handler, &f->loop, m->control,
                                            m->server.user, diags)
                      : 0;
}

static int open_all(struct forwarder *f, struct diags *diags)
{
    const struct l4_config *config = f->setup->model->l4;
    int code = open_control(f, diags);
    if (code == 0)
        code = forwarder_open_metrics(f, &f->metrics, config, -1, diags);
    return code == 0 ? listeners_open(&f->listeners, config, f->n_workers, NULL, diags) : code;
}

/** Control socket and metrics are the other process's until we are ready. */
static int inherit(struct forwarder *f, struct diags *diags)
{
    f->seed = inherited_seed(f->inherited);
    int code = elders_listen(f, diags);
    return code == 0 ? inherited_listen(f->inherited, &f->listeners, f->setup->model->l4,
                                        f->n_workers, diags)
                     : code;
}

/** In this order: a mistake in the file costs nothing; the control socket tells whether another one
 *  runs, before we take connections from it; all that is privileged is ours before we stop being
 *  root. */
static int set_up(struct forwarder *f, struct diags *diags)
{
    int code = inherited_take(&f->inherited, diags);
    if (code == 0)
        code = setup_load(&f->setup, f->path, NULL, f->inherited ? SETUP_HEIR : SETUP_START, diags);
    if (code != 0)
        return code;
    f->setup->number = ++f->n_setups;
    f->n_workers = setup_workers(f->setup->model->l4);
    set_table_follow(&f->sets, f->setup->model->l4);
    code = f->inherited ? inherit(f, diags) : open_all(f, diags);
    if (code == 0) {
        forwarder_expect_tellers(f);
        forwarder_open_sockhash(f, diags);
        code = give_up_rights(f, diags);
    }
    if (code == 0)
        code = start_workers(f, diags);
    if (code == 0)
        code = start_checker(f, diags);
    if (code != 0)
        return code;
    f->saved = saved_sets_open(&f->loop, f->setup->model->server.state_dir, SAVED_MAX);
    saved_sets_offer(f->saved, &f->sets, f->setup->model->l4);
    return 0;
}

static void tear_down(struct forwarder *f)
{
    reload_free(&f->reload);
    forwarder_close_sockhash(f);
    flow_log_stop(f->log);
    endpoint_index_free(&f->endpoints);
    followers_free(&f->followers);
    rates_free(&f->rates);
    set_table_free(&f->sets);
    listeners_release(f->listeners);
    setup_release(f->setup);
    bound_release(f->bound, f->registry);
    passing_free(f->passing);
    registry_free(f->registry);
    free(f->reload_errors);
    free(f->program);
    inherited_free(f->inherited);
}

int forwarder_run(const char *path, char **argv)
{
    struct forwarder f = {.path = path,
                          .argv = argv,
                          .program = heir_find_program(argv[0]),
                          .registry = registry_new(),
                          .seed = hash_seed(),
                          .started_wall_ms = clock_wall_ms(),
                          .started_mono_ms = clock_mono_ms()};
    struct diags diags;
    diags_init(&diags);
    signal(SIGPIPE, SIG_IGN);
    init_handles(&f);
    int code = set_up(&f, &diags);
    diags_log(&diags);
    if (code == 0)
        uv_timer_start(&f.ready_timer, on_ready_timer, 0, READY_POLL_MS);
    else
        fail(&f, &diags);
    diags_free(&diags);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    tear_down(&f);
    uv_loop_close(&f.loop);
    return f.exit_code;
}
