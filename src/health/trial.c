/* SPDX-License-Identifier: Apache-2.0
 * What all kinds of trials share: start, deadline, result, and an orderly end. */
#include "health/trial.h"

#include "base/clock.h"
#include "base/units.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct trial_kind *kind_of(enum check_type type)
{
    switch (type) {
    case CHECK_TCP:
        return &trial_tcp;
    case CHECK_HTTP:
    case CHECK_HTTPS:
        return &trial_http;
    case CHECK_EXEC:
        return &trial_exec;
    case CHECK_POOL:
        break;
    }
    abort();
}

struct trial *trial_start(struct trial_host *host, struct prepared_check *check,
                          const struct trial_target *target, void *subject)
{
    const struct trial_kind *kind = kind_of(check->def.type);
    struct trial *trial = xcalloc(1, kind->size);
    trial->host = host;
    trial->check = check_ref(check);
    trial->kind = kind;
    trial->subject = subject;
    trial->phase = "starting";
    trial->started_us = clock_mono_us();
    wheel_start(host->wheel, &trial->deadline, clock_mono_ms() + check->def.timeout_ms);
    kind->start(trial, target);
    trial->started = true;
    host->armed(host);
    return trial;
}

void trial_opened(struct trial *trial)
{
    trial->n_handles++;
}

static void free_if_closed(struct trial *trial)
{
    if (trial->n_handles > 0 || !trial->closing)
        return;
    struct trial_host *host = trial->host;
    struct prepared_check *check = trial->check;
    if (trial->kind->release)
        trial->kind->release(trial);
    free(trial->early);
    free(trial);
    host->freed(host, check);
    check_unref(check);
}

void trial_handle_closed(uv_handle_t *handle)
{
    struct trial *trial = handle->data;
    trial->n_handles--;
    free_if_closed(trial);
}

static void close_trial(struct trial *trial)
{
    if (trial->closing)
        return;
    wheel_stop(&trial->deadline);
    /* One more, so that a kind may find nothing to close. */
    trial->n_handles++;
    trial->closing = true;
    trial->kind->close(trial);
    trial->n_handles--;
    free_if_closed(trial);
}

void trial_cancel(struct trial *trial)
{
    trial->finished = true;
    close_trial(trial);
}

static void give(struct trial *trial, const struct trial_result *result)
{
    trial->finished = true;
    trial->host->finished(trial->host, trial, result);
    close_trial(trial);
}

void trial_finish(struct trial *trial, enum trial_outcome outcome, const char *fmt, ...)
{
    if (trial->finished || trial->early)
        return;
    struct trial_result result = {.outcome = outcome};
    int64_t took_us = clock_mono_us() - trial->started_us;
    result.latency_us = took_us < 1 ? 1 : took_us > UINT32_MAX ? UINT32_MAX : (uint32_t)took_us;
    va_list args;
    va_start(args, fmt);
    vsnprintf(result.reason, sizeof result.reason, fmt, args);
    va_end(args);
    reason_clean(result.reason);
    if (trial->started) {
        give(trial, &result);
        return;
    }
    /* The caller of trial_start() does not know yet what this would be the result of. */
    trial->early = xmalloc(sizeof *trial->early);
    *trial->early = result;
    wheel_start(trial->host->wheel, &trial->deadline, clock_mono_ms());
}

void trial_deadline(struct trial *trial)
{
    char after[UNITS_TEXT_MAX];
    if (trial->early)
        give(trial, trial->early);
    else
        trial_finish(trial, TRIAL_SILENT, "timeout after %s %s",
                     units_duration_text(after, trial->check->def.timeout_ms), trial->phase);
}

void trial_finish_unsent(struct trial *trial, int uv_error, const char *doing)
{
    const char *hint = uv_error == UV_ENETUNREACH || uv_error == UV_EHOSTUNREACH
                           ? " (no route from here)"
                       : uv_error == UV_EADDRNOTAVAIL ? " (no source address or port left here)"
                       : uv_error == UV_EAFNOSUPPORT  ? " (this host has no such protocol)"
                                                      : "";
    trial_finish(trial, TRIAL_UNTRIED, "could not be probed %s: %s%s", doing, uv_strerror(uv_error),
                 hint);
}

void trial_finish_uv(struct trial *trial, int uv_error, const char *doing)
{
    switch (uv_error) {
    case UV_ECONNREFUSED:
        trial_finish(trial, TRIAL_DOWN, "connect refused");
        return;
    case UV_EHOSTUNREACH:
        trial_finish(trial, TRIAL_SILENT, "no route to host");
        return;
    case UV_ENETUNREACH:
        trial_finish(trial, TRIAL_SILENT, "network is unreachable");
        return;
    case UV_ETIMEDOUT:
        trial_finish(trial, TRIAL_SILENT, "timeout of the network %s", doing);
        return;
    case UV_ECONNRESET:
    case UV_EPIPE:
        trial_finish(trial, TRIAL_DOWN, "connection reset %s", doing);
        return;
    case UV_EMFILE:
    case UV_ENFILE:
    case UV_ENOMEM:
    case UV_ENOBUFS:
    case UV_EAGAIN:
    case UV_EADDRNOTAVAIL:
    case UV_ENETDOWN:
    case UV_EPERM:
        trial_finish_unsent(trial, uv_error, doing);
        return;
    default:
        trial_finish(trial, TRIAL_SILENT, "%s %s", uv_strerror(uv_error), doing);
    }
}
