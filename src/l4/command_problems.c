/* SPDX-License-Identifier: Apache-2.0
 * What is wrong now, for `status`: with names as far as a reader can take them in, and a number for
 * the rest, as one cause may have hundreds of services. */
#include "base/clock.h"
#include "base/units.h"
#include "l4/commands.h"
#include "l4/shortage.h"

#include <string.h>

#define NAMED_MAX 3
#define RIVAL_MS 60000

struct set_tally plan_set_tally(const struct plan_set *set)
{
    struct set_tally t = {.n = set->n_members};
    for (uint32_t i = 0; i < set->n_members; i++) {
        t.up += set->members[i].state == MEMBER_UP && set->members[i].weight > 0;
        t.down += set->members[i].state == MEMBER_DOWN;
    }
    return t;
}

ATTR_PRINTF(2, 3)
static void add_problem(json_t *problems, const char *fmt, ...)
{
    struct buf text = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    json_array_append_new(problems, json_text(text.p));
    buf_free(&text);
}

/* ---- of sets ---- */

static bool is_untold(const struct work_set *set, struct set_tally t)
{
    (void)t;
    return set->origin == SET_UNKNOWN;
}

static bool is_empty(const struct work_set *set, struct set_tally t)
{
    return set->origin != SET_UNKNOWN && t.n == 0;
}

static bool is_dead(const struct work_set *set, struct set_tally t)
{
    (void)set;
    return t.n > 0 && t.up == 0;
}

static bool is_all_down(const struct work_set *set, struct set_tally t)
{
    (void)t;
    return set->origin == SET_CHECKED && set->all_down;
}

static bool is_saved(const struct work_set *set, struct set_tally t)
{
    (void)t;
    return set->origin == SET_SAVED;
}

static bool has_lost_some(const struct work_set *set, struct set_tally t)
{
    (void)set;
    return t.up > 0 && t.down > 0;
}

/** The most severe first. A set may have two of them: what it has, and where that comes from. */
static const struct set_problem {
    bool (*is_so)(const struct work_set *set, struct set_tally t);
    const char *text;
    bool counts; /* says how many are down */
} set_problems[] = {
    {is_dead, "no member is up: connections are refused", true},
    {is_untold, "no members: loadstard has told none (tier type l4), and none are saved", false},
    {is_empty, "no members: connections are refused", false},
    {is_all_down,
     "all members are down; as on_all_down says, those serve that are not ordered away", false},
    {is_saved, "goes by the members that were saved: loadstard is not there", false},
    {has_lost_some, "members are down", true},
};

static void find_sets(json_t *problems, const struct forwarder *f, const struct set_problem *what)
{
    struct buf names = {0};
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->sets.n; i++) {
        const struct work_set *set = f->sets.v[i];
        struct set_tally t = plan_set_tally(&f->plan->sets[i]);
        if (!what->is_so(set, t) || n++ >= NAMED_MAX)
            continue;
        buf_printf(&names, "%s%s", n > 1 ? ", " : "", set->name);
        if (what->counts)
            buf_printf(&names, " (%u of %u down)", t.down, t.n);
    }
    if (n > NAMED_MAX)
        buf_printf(&names, " and %u more", n - NAMED_MAX);
    if (n > 0)
        add_problem(problems, "%s: %s", names.p, what->text);
    buf_free(&names);
}

/** Who was refused, as another one tells the members: whoever is asks again each 30 s. */
static void find_rivals(json_t *problems, const struct forwarder *f)
{
    int64_t now_ms = clock_mono_ms();
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->sets.n; i++) {
        const struct work_set *set = f->sets.v[i];
        if (set->rival[0] && now_ms - set->rival_ms < RIVAL_MS && n++ < NAMED_MAX)
            add_problem(problems, "%s: %s wants to tell its members, too, and is refused",
                        set->name, set->rival);
    }
    if (n > NAMED_MAX)
        add_problem(problems, "of %u more services others want to tell the members, too",
                    n - NAMED_MAX);
}

/* ---- of the program ---- */

static void find_shortages(json_t *problems, const struct forwarder *f)
{
    uint32_t n;
    struct service_run *const *services = registry_services(f->registry, &n);
    for (uint32_t i = 0; i < n; i++)
        if (shortage_is(services[i], clock_mono_ms()))
            add_problem(problems,
                        "%s: no local port towards its members is left: flows are refused",
                        services[i]->name);
}

static void find_other_relays(json_t *problems, const struct forwarder *f)
{
    const struct l4_config *config = f->setup->model->l4;
    for (uint32_t i = 0; i < config->n_services; i++)
        if (config->services[i].relay == L4_RELAY_SOCKHASH && !f->has_sockhash)
            add_problem(problems, "%s: relay sockhash is not to be had, it is splice instead: %s",
                        config->services[i].name, f->sockhash_why);
}

json_t *command_problems(const struct forwarder *f)
{
    json_t *problems = json_array();
    for (size_t i = 0; f->plan && i < ARRAY_LEN(set_problems); i++)
        find_sets(problems, f, &set_problems[i]);
    find_rivals(problems, f);
    find_shortages(problems, f);
    find_other_relays(problems, f);
    if (f->reload_errors)
        add_problem(problems, "the last reload was refused: %s", f->reload_errors);
    if (saved_sets_error(f->saved))
        add_problem(problems, "members cannot be saved in the state directory: %s",
                    strerror(saved_sets_error(f->saved)));
    if (flow_log_dropped(f->log))
        add_problem(problems, "%llu lines about connections were left out of the log",
                    (unsigned long long)flow_log_dropped(f->log));
    return problems;
}
