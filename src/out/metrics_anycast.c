/* SPDX-License-Identifier: Apache-2.0
 * Metrics of prefix sets and speakers. */
#include "base/metric.h"
#include "out/anycast_facts.h"
#include "out/metrics_parts.h"

/* ---- prefix sets ---- */

/* One of the states is 1. */
static void put_states(struct buf *out, const struct anycast_facts *a)
{
    metric_head(out, "anycast_state", "gauge",
                "The state of the prefix set: 1 for the one it is in.");
    for (uint32_t i = 0; i < a->n; i++)
        for (int state = ANNOUNCER_DOWN; state <= ANNOUNCER_DRAINING; state++) {
            buf_puts(out, METRIC_PREFIX "anycast_state");
            metric_label(out, "{", "set", a->views[i]->spec->name);
            metric_label(out, ",", "state", announcer_state_text((enum announcer_state)state));
            buf_puts(out, a->views[i]->state == (enum announcer_state)state ? "} 1\n" : "} 0\n");
        }
}

static bool measure_real(const struct anycast_view *view, double *value)
{
    *value = view->real == REAL_PRESENT;
    return view->real != REAL_UNKNOWN;
}

static bool measure_transitions(const struct anycast_view *view, double *value)
{
    *value = (double)view->n_transitions;
    return true;
}

static bool measure_frozen(const struct anycast_view *view, double *value)
{
    *value = view->frozen;
    return true;
}

static bool measure_trouble(const struct anycast_view *view, double *value)
{
    *value = view->problem && *view->problem;
    return true;
}

static const struct {
    const char *name, *type, *help;
    bool (*measure)(const struct anycast_view *view, double *value);
} set_families[] = {
    {"anycast_real", "gauge",
     "Whether the speaker was seen to have all prefixes of the set; absent while it is not known.",
     measure_real},
    {"anycast_transitions_total", "counter", "Changes of the prefix set's state.",
     measure_transitions},
    {"anycast_frozen", "gauge",
     "Whether pools and checks are not believed, as all of them failed at once.", measure_frozen},
    {"anycast_problem", "gauge",
     "Whether a hook, an interface or the speaker keeps the prefix set from what it should be.",
     measure_trouble},
};

static void put_sets(struct buf *out, const struct anycast_facts *a)
{
    for (size_t k = 0; k < ARRAY_LEN(set_families); k++) {
        const char *name = set_families[k].name;
        metric_head(out, name, set_families[k].type, set_families[k].help);
        for (uint32_t i = 0; i < a->n; i++) {
            double value;
            if (!set_families[k].measure(a->views[i], &value))
                continue;
            buf_printf(out, METRIC_PREFIX "%s", name);
            metric_label(out, "{", "set", a->views[i]->spec->name);
            buf_puts(out, "}");
            metric_value(out, value);
        }
    }
}

/* ---- speakers ---- */

static double is_up(const struct speaker_status *s)
{
    return s->up;
}

static double errors(const struct speaker_status *s)
{
    return (double)s->n_errors;
}

static double applied(const struct speaker_status *s)
{
    return (double)s->n_applied;
}

static double restarts(const struct speaker_status *s)
{
    return (double)s->n_restarts;
}

static double looked(const struct speaker_status *s)
{
    return (double)s->looked_ms / 1000;
}

static const struct {
    const char *name, *type, *help;
    double (*measure)(const struct speaker_status *status);
} speaker_families[] = {
    {"speaker_up", "gauge", "Whether the BGP speaker can be read and takes what it is told.",
     is_up},
    {"speaker_errors_total", "counter", "Times that the speaker could not be read, or not be told.",
     errors},
    {"speaker_changes_total", "counter", "Changes that the speaker was told.", applied},
    {"speaker_restarts_total", "counter", "Times that the speaker was seen to have restarted.",
     restarts},
    {"speaker_last_read_timestamp_seconds", "gauge",
     "When the speaker was last read back; 0: never.", looked},
};

static void put_speakers(struct buf *out, const struct anycast_facts *a)
{
    for (size_t k = 0; k < ARRAY_LEN(speaker_families); k++) {
        const char *name = speaker_families[k].name;
        metric_head(out, name, speaker_families[k].type, speaker_families[k].help);
        for (uint32_t i = 0; i < a->n_speakers; i++) {
            buf_printf(out, METRIC_PREFIX "%s", name);
            metric_label(out, "{", "speaker", a->speakers[i]->config->name);
            buf_puts(out, "}");
            metric_value(out, speaker_families[k].measure(&a->speakers[i]->status));
        }
    }
}

void metrics_anycast(struct buf *out, const struct facts *f)
{
    put_states(out, &f->anycast);
    put_sets(out, &f->anycast);
    put_speakers(out, &f->anycast);
}
