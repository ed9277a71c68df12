/* SPDX-License-Identifier: Apache-2.0
 * Commands that change state. What they change in the answers is computed from the states before
 * and after: the views that are published follow within 20 ms. */
#include "ctl/action.h"

#include "base/clock.h"
#include "base/vec.h"
#include "control/json.h"
#include "out/effect.h"
#include "out/standing.h"

#include <errno.h>
#include <stdio.h>

#define LISTED_MAX 100 /* endpoints named in a reply; the count tells the rest */

struct matches {
    VEC(uint32_t) endpoints; /* ascending, hence grouped by pool */
};

static void find_matches(struct matches *matches, const struct model *m, const char *target)
{
    for (uint32_t i = 0; i < m->n_endpoints; i++)
        if (checker_target_matches(m, target, i))
            *vec_push(&matches->endpoints) = i;
}

static int refuse_unknown(const struct model *m, const char *target, char error[CTL_TEXT_MAX])
{
    int n = snprintf(error, CTL_TEXT_MAX,
                     "no endpoint matches \"%.100s\": expected POOL/SITE/ADDRESS, POOL/SITE or "
                     "SITE, * allowed; pools:",
                     target);
    for (uint32_t i = 0; i < m->n_pools && n < CTL_TEXT_MAX - 40; i++)
        n += snprintf(error + n, CTL_TEXT_MAX - (size_t)n, " %.30s", m->pools[i].name);
    return E_NOTFOUND;
}

static void list_matches(json_t *result, const struct model *m, const struct matches *matches)
{
    struct arena *arena = arena_new();
    json_t *list = json_set_array(result, "matched");
    for (size_t i = 0; i < matches->endpoints.n && i < LISTED_MAX; i++)
        json_array_append_new(list, json_text(endpoint_key(arena, m, matches->endpoints.v[i])));
    json_set_int(result, "endpoints", (int64_t)matches->endpoints.n);
    arena_free(arena);
}

static void warn_if_empty(json_t *warnings, const struct facts *f, uint32_t pool)
{
    static const char *const then[] = {"all its endpoints are answered, down or not",
                                       "its answers are empty (NODATA)", "its answers are SERVFAIL",
                                       "another pool answers"};
    const struct model *m = f->generation->model;
    struct arena *arena = arena_new();
    struct pool_standing s;
    pool_standing(&s, arena, m, f->states, pool);
    if (s.n_up == 0)
        json_array_append_new(warnings, json_text(arena_printf(arena,
                                                               "pool %s has nothing left to "
                                                               "serve: %s (on_all_down)",
                                                               m->pools[pool].name,
                                                               then[m->pools[pool].on_all_down])));
    arena_free(arena);
}

static void list_effects(json_t *result, const struct facts *f, const struct effects *effects,
                         const struct matches *matches)
{
    const struct generation *g = f->generation;
    json_t *list = json_set_array(result, "effects"),
           *warnings = json_set_array(result, "warnings");
    uint32_t last = MODEL_NONE;
    char text[EFFECT_MAX];
    for (size_t i = 0; i < matches->endpoints.n; i++) {
        uint32_t pool = g->model->endpoints[matches->endpoints.v[i]].pool;
        if (pool == last)
            continue;
        last = pool;
        effects_text_of_states(text, effects, g, f->states, pool);
        if (text[0])
            json_array_append_new(list, json_text(text));
        warn_if_empty(warnings, f, pool);
    }
    if (!g->model->server.state_dir)
        json_array_append_new(warnings, json_text("no server.state_dir is configured: this is "
                                                  "forgotten when loadstard restarts"));
}

static int apply(struct checker *checker, const struct ctl_request *request,
                 char error[CTL_TEXT_MAX])
{
    uint32_t n = 0;
    int code = request->command == CTL_WEIGHT
                   ? checker_weight(checker, request->target, request->weight, &n)
                   : checker_override(checker, request->target, request->state, request->for_ms,
                                      request->reason, &n);
    if (code == E_SYSTEM)
        snprintf(error, CTL_TEXT_MAX,
                 "nothing was changed: it could not be saved in the state directory: %s",
                 strerror(errno));
    else if (code != 0)
        snprintf(error, CTL_TEXT_MAX, "no endpoint matches \"%.100s\"", request->target);
    return code;
}

static void echo(json_t *result, const struct ctl_request *request)
{
    json_set_text(result, "target", request->target);
    if (request->command == CTL_WEIGHT && request->weight < 0)
        json_set_text(result, "weight", "auto");
    else if (request->command == CTL_WEIGHT)
        json_set_int(result, "weight", request->weight);
    else
        json_set_text(result, "state", override_text(request->state));
    if (request->command == CTL_SET && request->for_ms && request->state != OVERRIDE_AUTO)
        json_set_time(result, "until", clock_wall_ms() + request->for_ms);
}

int action_run(json_t **result, struct checker *checker, const struct facts *facts,
               const struct ctl_request *request, char error[CTL_TEXT_MAX])
{
    const struct generation *g = facts->generation;
    struct matches matches = {0};
    find_matches(&matches, g->model, request->target);
    if (matches.endpoints.n == 0)
        return refuse_unknown(g->model, request->target, error);
    struct effects *effects =
        effects_note_states(g, facts->states, matches.endpoints.v, (uint32_t)matches.endpoints.n);
    int code = apply(checker, request, error);
    if (code == 0) {
        struct facts now = *facts;
        now.states = checker_states(checker);
        *result = json_object();
        echo(*result, request);
        list_matches(*result, g->model, &matches);
        list_effects(*result, &now, effects, &matches);
    }
    effects_free(effects);
    vec_free(&matches.endpoints);
    return code;
}
