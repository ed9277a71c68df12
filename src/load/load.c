/* SPDX-License-Identifier: Apache-2.0
 * All that is read and judged of a configuration, in order. */
#include "load/load.h"

#include "config/config.h"
#include "health/lanes.h"
#include "health/program.h"
#include "health/state_dir.h"
#include "model/zones_gone.h"
#include "snapshot/part.h"

static int read_model(struct generation *g, const char *path, const struct load_options *options,
                      struct diags *diags)
{
    const struct generation *before = options->before;
    const struct config_options config = {.before = before ? before->model : NULL,
                                          .lenient = options->purpose == LOAD_START,
                                          .insist = options->force};
    (void)!part_reserve(); /* before it is looked how many addresses are left */
    int err = config_reload(&g->model, path, &config, diags);
    if (err == 0 && before)
        err = zones_judge_gone(before->model, g->model, options->force, diags);
    return err;
}

/* What is available is looked at anew: files and databases have been read since. */
static int compile_steering(struct generation *g, const char *path,
                            const struct load_options *options, struct diags *diags)
{
    struct budget budget;
    budget_begin(&budget, path, options->force, options->purpose == LOAD_START);
    return generation_compile_steering(g, &budget, diags);
}

static void tell(const struct load_options *options, const char *step)
{
    if (options->step)
        options->step(options->step_arg, step);
}

/* The zones are compiled even when the databases cannot be read: all errors are told at once. */
static int load(struct generation *g, const char *path, const struct load_options *options,
                struct diags *diags)
{
    const struct generation *before = options->before;
    tell(options, "reading files");
    int err = read_model(g, path, options, diags);
    if (err != 0)
        return err;
    tell(options, "compiling zones");
    int state = state_dir_check(g->model, diags);
    int host = options->check_host ? options->check_host(g->model, options, diags) : 0;
    int zones = generation_compile_zones(g, before, options->purpose == LOAD_START, diags);
    int tls =
        credentials_load(&g->credentials, g->model, before ? before->credentials : NULL, diags);
    int programs = programs_check(g->model, diags);
    lanes_warn(g->model, diags);
    tell(options, "reading databases");
    err = geo_load(&g->geo, g->model, diags);
    tell(options, "compiling steering");
    if (err == 0)
        err = compile_steering(g, path, options, diags);
    if (err != 0 || zones != 0 || state != 0 || host != 0 || tls != 0 || programs != 0)
        return E_INVALID;
    generation_compile_rest(g);
    return 0;
}

int generation_load(struct generation **out, const char *path, const struct load_options *options,
                    struct diags *diags)
{
    struct generation *g = generation_new();
    int err = load(g, path, options, diags);
    if (err != 0) {
        snapshot_free(g->snapshot);
        generation_free(g);
        return err;
    }
    *out = g;
    return 0;
}
