/* SPDX-License-Identifier: Apache-2.0
 * Whether a prefix set is announced, and its speaker has it. */
#include "control/json.h"
#include "ctl/action_parts.h"
#include "ctl/healthy.h"
#include "out/anycast_facts.h"

static uint32_t count_present(const struct anycast_view *view)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < view->spec->config->n_prefixes; i++)
        n += view->prefixes[i].real == REAL_PRESENT;
    return n;
}

static bool is_up(const struct anycast_view *view)
{
    return view->state == ANNOUNCER_ANNOUNCED || view->state == ANNOUNCER_DEGRADED;
}

json_t *healthy_set_document(const struct facts *f, const char *target, int *code,
                             char error[CTL_TEXT_MAX])
{
    const char *name = target + strlen(TARGET_SETS);
    const struct anycast_view *view = anycast_facts_find(&f->anycast, name);
    *code = E_NOTFOUND;
    if (!view) {
        action_explain_set(error, f->generation->model, name);
        return NULL;
    }
    *code = 0;
    struct arena *arena = arena_new();
    json_t *object = json_object();
    json_set_text(object, "target", target);
    if (is_up(view) && view->real == REAL_UNKNOWN)
        json_object_set_new(object, "healthy", json_null());
    else
        json_set_bool(object, "healthy", is_up(view) && view->real == REAL_PRESENT);
    json_set_text(object, "state", announcer_state_text(view->state));
    json_set_int(object, "up", count_present(view));
    json_set_int(object, "total", view->spec->config->n_prefixes);
    json_set_int(object, "unknown", view->real == REAL_UNKNOWN);
    json_set_text(object, "why",
                  is_up(view) && view->real == REAL_UNKNOWN ? "what the speaker has is not known"
                                                            : anycast_view_why(arena, f, view));
    arena_free(arena);
    return object;
}
