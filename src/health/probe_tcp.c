/* SPDX-License-Identifier: Apache-2.0
 * Check type tcp: up when a connection can be made. */
#include "health/stream.h"

static void tcp_opened(struct stream_trial *s)
{
    trial_finish(&s->base, TRIAL_UP, "connected");
}

static void tcp_data(struct stream_trial *s, const char *p, size_t n)
{
    (void)s, (void)p, (void)n;
}

static void tcp_ended(struct stream_trial *s)
{
    (void)s;
}

static void tcp_start(struct trial *trial, const struct trial_target *target)
{
    static const struct stream_user user = {tcp_opened, tcp_data, tcp_ended};
    stream_start((struct stream_trial *)trial, &user, target);
}

const struct trial_kind trial_tcp = {
    .size = sizeof(struct stream_trial),
    .start = tcp_start,
    .close = stream_close,
    .release = stream_release,
};
