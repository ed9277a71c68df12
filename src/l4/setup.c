/* SPDX-License-Identifier: Apache-2.0
 * Reading and judging a configuration. */
#include "l4/setup.h"

#include "base/identity.h"
#include "base/parallel.h"
#include "base/units.h"
#include "config/config.h"
#include "control/place.h"
#include "health/lanes.h"
#include "health/program.h"
#include "health/state_dir.h"
#include "l4/local_ports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

uint32_t setup_workers(const struct l4_config *config)
{
    return config->workers ? config->workers : usable_cores();
}

const struct l4_service **setup_owners(const struct l4_config *config)
{
    const struct l4_service **owners =
        xcalloc(config->n_sets + 1, sizeof(const struct l4_service *));
    for (uint32_t i = 0; i < config->n_services; i++) {
        const struct l4_service *s = &config->services[i];
        if (s->set < config->n_sets)
            owners[s->set] = s;
        for (uint32_t r = 0; r < s->n_routes; r++)
            owners[s->routes[r].set] = s;
    }
    return owners;
}

static int refuse_files(const struct l4_config *config, enum setup_purpose purpose,
                        unsigned long long need, unsigned long long have, struct diags *diags)
{
    const struct l4_service *most = &config->services[0];
    for (uint32_t i = 1; i < config->n_services; i++)
        if (config->services[i].limits.connections > most->limits.connections)
            most = &config->services[i];
    static const char text[] =
        "limits.connections of the services need %llu open files, two for each connection, and "
        "this process may have %llu: lower the limits ('%s' has the highest, %u), or raise that of "
        "files (LimitNOFILE= of systemd, ulimit -n)";
    if (purpose == SETUP_CHECK) {
        diag_warning(diags, most->span, text, need, have, most->name, most->limits.connections);
        return 0;
    }
    diag_error(diags, most->span, text, need, have, most->name, most->limits.connections);
    return E_RANGE;
}

int setup_judge_files(const struct l4_config *config, enum setup_purpose purpose,
                      struct diags *diags)
{
    struct rlimit limit;
    rlim_t need = l4_config_descriptors(config);
    if (config->n_services == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need)
        return 0;
    struct rlimit more = {need, limit.rlim_max > need ? limit.rlim_max : need};
    if (setrlimit(RLIMIT_NOFILE, &more) == 0) /* root may, and is, when it starts */
        return 0;
    return refuse_files(config, purpose, need, limit.rlim_cur, diags);
}

/** 0: loadstard tells. */
static uint64_t members_of(const struct l4_set *set, const struct model *m)
{
    uint64_t n = set->n_listed;
    for (uint32_t i = 0; set->pool != MODEL_NONE && i < m->pools[set->pool].n_sites; i++) {
        const struct pool_site *site = &m->pools[set->pool].sites[i];
        n += set->site == MODEL_NONE || set->site == site->site ? site->n_endpoints : 0;
    }
    return n;
}

void setup_warn_of_ports(const struct l4_config *config, const struct model *model,
                         uint32_t n_ports, struct diags *diags)
{
    for (uint32_t i = 0; i < config->n_services; i++) {
        const struct l4_service *s = &config->services[i];
        if (!s->udp || s->transparent || !s->limits.connections_at.line)
            continue;
        uint64_t n_members = members_of(&config->sets[s->set], model), most = n_members * n_ports;
        if (n_members && s->limits.connections > most)
            diag_warning(diags, s->limits.connections_at,
                         "limits.connections of service '%s' is %u, and there are local ports for "
                         "%llu flows, %u to each member (7 of 8 of net.ipv4.ip_local_port_range): "
                         "those beyond are refused",
                         s->name, s->limits.connections, (unsigned long long)most, n_ports);
    }
}

static bool has_place(const struct setup *before, const char *path)
{
    return before && before->model->control && strcmp(before->model->control, path) == 0;
}

static int judge_files_of_user(struct setup *s, const struct setup *before, struct diags *diags)
{
    int state = state_dir_check(s->model, diags);
    int tls =
        credentials_load(&s->credentials, s->model, before ? before->credentials : NULL, diags);
    int programs = programs_check(s->model, diags);
    return state != 0 || tls != 0 || programs != 0 ? E_INVALID : 0;
}

static int judge_host(struct setup *s, const struct setup *before, enum setup_purpose purpose,
                      struct diags *diags)
{
    const struct model *m = s->model;
    static const enum identity_purpose purposes[] = {[SETUP_START] = IDENTITY_START,
                                                     [SETUP_HEIR] = IDENTITY_START,
                                                     [SETUP_RELOAD] = IDENTITY_RELOAD,
                                                     [SETUP_CHECK] = IDENTITY_CHECK};
    int user = identity_judge(m->server.user, m->server.user_at, purposes[purpose], diags);
    bool has = purpose == SETUP_HEIR || has_place(before, m->control);
    int place = has ? 0 : place_judge(m->control, m->control_at, diags);
    int files = setup_judge_files(m->l4, purpose, diags);
    s->n_ports = local_ports_allowed(LOCAL_PORTS_FILE, RESERVED_PORTS_FILE);
    setup_warn_of_ports(m->l4, m, s->n_ports, diags);
    lanes_warn(m, diags);
    return user != 0 || place != 0 || files != 0 ? E_INVALID : 0;
}

/** Files as the user will see them, who has to read them again at a reload. */
static int read_as_user(struct setup *s, const char *path, const struct setup *before,
                        enum setup_purpose purpose, struct diags *diags)
{
    struct arena *arena = arena_new();
    struct identity identity = {0};
    struct span at = {0};
    const char *user = purpose == SETUP_RELOAD ? NULL : config_l4_peek_user(arena, path, &at);
    int code = identity_assume(&identity, user);
    if (code == E_SYSTEM) {
        diag_error(diags, at, "cannot look at files as '%s': %s", user, strerror(errno));
    } else { /* of a user who is not there judge_host() tells */
        code = config_l4_load(&s->model, path, diags);
        if (code == 0)
            code = judge_files_of_user(s, before, diags);
    }
    identity_restore(&identity);
    arena_free(arena);
    return code;
}

int setup_load(struct setup **out, const char *path, const struct setup *before,
               enum setup_purpose purpose, struct diags *diags)
{
    struct setup *s = xcalloc(1, sizeof *s);
    s->n_holds = 1;
    int code = read_as_user(s, path, before, purpose, diags);
    if (s->model) {
        int host = judge_host(s, before, purpose, diags);
        code = code ? code : host;
    }
    if (code != 0) {
        setup_release(s);
        return code;
    }
    *out = s;
    return 0;
}

void setup_release(struct setup *s)
{
    if (!s || --s->n_holds > 0)
        return;
    credentials_free(s->credentials);
    model_free(s->model);
    free(s);
}

const char *setup_summary(char out[SETUP_SUMMARY_MAX], const struct setup *setup)
{
    const struct l4_config *c = setup->model->l4;
    snprintf(out, SETUP_SUMMARY_MAX, "%u service%s, %u set%s of members, %u endpoint%s of pools",
             c->n_services, units_plural(c->n_services), c->n_sets, units_plural(c->n_sets),
             setup->model->n_endpoints, units_plural(setup->model->n_endpoints));
    return out;
}
