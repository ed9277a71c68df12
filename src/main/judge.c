/* SPDX-License-Identifier: Apache-2.0
 * What is checked of the host, and as whom. */
#include "main/judge.h"

#include "base/identity.h"
#include "config/config.h"
#include "control/place.h"
#include "ctl/ctl.h"
#include "io/host.h"

#include <errno.h>
#include <string.h>

typedef int judge_fn(const struct model *model, const struct load_options *options,
                     struct diags *diags);

/* --- server.user --- */

static int check_user(const struct model *model, const struct load_options *options,
                      struct diags *diags)
{
    static const enum identity_purpose purposes[] = {[LOAD_START] = IDENTITY_START,
                                                     [LOAD_RELOAD] = IDENTITY_RELOAD,
                                                     [LOAD_CHECK] = IDENTITY_CHECK};
    return identity_judge(model->server.user, model->server.user_at, purposes[options->purpose],
                          diags);
}

/* --- control --- */

static int check_control(const struct model *model, const struct load_options *options,
                         struct diags *diags)
{
    const struct model *before = options->before ? options->before->model : NULL;
    const char *path = model->control;
    if (!path || (before && before->control && strcmp(before->control, path) == 0))
        return 0; /* ours already */
    return place_judge(path, model->control_at, diags);
}

/* --- http --- */

static int check_listen(const struct model *model, const struct load_options *options,
                        struct diags *diags)
{
    (void)options;
    return host_check(model, diags);
}

static int check_http(const struct model *model, const struct load_options *options,
                      struct diags *diags)
{
    (void)options;
    return ctl_check(model, diags);
}

/* --- all of it --- */

static judge_fn *const judges[] = {check_user, check_control, check_listen, check_http};

static int check_host(const struct model *model, const struct load_options *options,
                      struct diags *diags)
{
    int code = 0;
    for (size_t i = 0; i < ARRAY_LEN(judges); i++) {
        int one = judges[i](model, options, diags);
        code = code ? code : one;
    }
    return code;
}

int judge_load(struct generation **out, const char *path, const struct load_options *given,
               struct diags *diags)
{
    struct load_options options = *given;
    options.check_host = check_host;
    struct arena *arena = arena_new();
    struct identity identity = {0};
    struct span at = {0};
    const char *user = options.purpose == LOAD_RELOAD ? NULL : config_peek_user(arena, path, &at);
    int code = identity_assume(&identity, user);
    if (code == E_SYSTEM)
        diag_error(diags, at, "cannot look at files as '%s': %s", user, strerror(errno));
    if (code != E_SYSTEM) /* of a user who is not there check_user() tells */
        code = generation_load(out, path, &options, diags);
    identity_restore(&identity);
    arena_free(arena);
    return code;
}
