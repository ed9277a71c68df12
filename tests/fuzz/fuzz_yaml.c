/* SPDX-License-Identifier: Apache-2.0
 * Configurations: the first byte says which file the rest of the input is (4, a, l, n, p, t, z),
 * the others are whole. Whatever it is, it loads, or is refused with at least one error that has a
 * file: for loadstard, and for loadstar-l4 where that reads the file. */
#include "config/config.h"
#include "fuzz.h"
#include "model/l4.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>

static char directory[] = "/tmp/loadstar-fuzz-XXXXXX", config[100], l4[100];

static const struct {
    char key;
    const char *path, *text;
} files[] = {
    {'4', "l4.yaml",
     "pools: pools.yaml\nservices:\n"
     "  s: {listen: \"192.0.2.80:80\", members: {pool: www}}\n"
     "  t: {listen: \"192.0.2.80:443\", tls: {sni: {a.example: www}}}\n"},
    {'a', "anycast.yaml",
     "anycast: {d: {prefixes: 192.0.2.53/32, speaker: x, when: {checks: [{check: web, address: "
     "192.0.2.1}]}}}\nspeakers: {x: {type: exec, command: [a]}}\n"},
    {'l', "loadstar.yaml",
     "geo: {networks: networks.yaml}\npools: pools.yaml\ntiers: tiers.yaml\nanycast: "
     "anycast.yaml\nzones: zones/\n"},
    {'n', "networks.yaml", "192.0.2.0/24: {country: NO}\n"},
    {'p', "pools.yaml",
     "sites: {ams: {location: [52.31, 4.76]}}\nchecks: {web: {type: http}}\n"
     "maps: {world: {default: ams}}\n"
     "pools: {www: {checks: [web], sites: {ams: [192.0.2.11]}}}\n"},
    {'t', "tiers.yaml", "tiers: {t: {type: exec, pool: www, port: 1, command: [a]}}\n"},
    {'z', "zones/example.com.yaml",
     "zone: example.com\nsoa: {mname: ns1, rname: hostmaster}\n"
     "records: {\"@\": {NS: ns1}, ns1: {A: 192.0.2.53}}\n"},
};

/* The fuzzer's own paths may be relative: we do not go to the directory. */
static void write_file(const char *name, const void *text, size_t n)
{
    char path[100];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "w");
    CHECK(f && fwrite(text, 1, n, f) == n && fclose(f) == 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void leave(void)
{
    nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void enter(void)
{
    char zones[100];
    CHECK(mkdtemp(directory));
    snprintf(zones, sizeof zones, "%s/zones", directory);
    CHECK(mkdir(zones, 0700) == 0);
    snprintf(config, sizeof config, "%s/loadstar.yaml", directory);
    snprintf(l4, sizeof l4, "%s/l4.yaml", directory);
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        write_file(files[i].path, files[i].text, strlen(files[i].text));
    atexit(leave);
}

static void check_tier(const struct model *m, const struct tier *t)
{
    CHECK(t->pool < m->n_pools && (t->site == MODEL_NONE || t->site < m->n_sites));
    CHECK(t->n_members && t->interval_ms >= 1000 && t->drain_timeout_ms);
    CHECK(t->type != TIER_EXEC || t->exec.command[0]);
    for (uint32_t i = 0; i < t->n_members; i++) {
        CHECK(t->members[i] < m->n_endpoints && m->endpoints[t->members[i]].addr.family);
        CHECK(t->member_ports[i] || t->type == TIER_KEEPALIVED || t->type == TIER_IPVS);
        CHECK(i == 0 || t->members[i - 1] < t->members[i]);
    }
    for (uint32_t i = 0; i < t->n_fronts; i++)
        CHECK(t->fronts[i] < m->n_endpoints && (i == 0 || t->fronts[i - 1] < t->fronts[i]));
}

static void check_needs(const struct model *m, const struct anycast_needs *needs)
{
    for (uint32_t i = 0; i < needs->n_pools; i++) {
        const struct anycast_pool *need = &needs->pools[i];
        CHECK(need->pool < m->n_pools && !m->pools[need->pool].of_anycast);
        CHECK(need->site == MODEL_NONE || need->site < m->n_sites);
        CHECK(need->min_up >= 0 && need->min_up <= 1);
    }
    for (uint32_t i = 0; i < needs->n_endpoints; i++) {
        CHECK(needs->endpoints[i] < m->n_endpoints);
        const struct endpoint *e = &m->endpoints[needs->endpoints[i]];
        CHECK(m->pools[e->pool].of_anycast && e->own_checks && e->checks.n == 1);
    }
}

static void check_set(const struct model *m, const struct prefix_set *s)
{
    CHECK(s->n_prefixes && s->speaker < m->n_speakers);
    CHECK(s->site == MODEL_NONE || s->site < m->n_sites);
    CHECK(s->rise_ms && s->drain_ms && s->degraded.prepend <= 16);
    CHECK(s->hold != ANYCAST_HOLD_TUN || strlen(s->name) <= PREFIX_SET_NAME_MAX);
    CHECK(s->self.off || (s->self.addr.family && s->self.port && s->self.name.n && s->self.type));
    for (uint32_t i = 0; i < s->n_prefixes; i++)
        CHECK(s->prefixes[i].len && s->prefixes[i].len <= ip_bits(&s->prefixes[i].addr));
    for (uint32_t i = 0; i < s->n_addresses; i++)
        CHECK(s->addresses[i].len == ip_bits(&s->addresses[i].addr));
    check_needs(m, &s->when);
    check_needs(m, &s->full);
}

static void check_speaker(const struct speaker *s)
{
    CHECK(s->interval_ms && s->timeout_ms);
    CHECK(s->type != SPEAKER_BIRD || (s->socket && s->file));
    CHECK(s->type != SPEAKER_EXABGP ||
          (s->exabgp.via == EXABGP_PROCESS ? s->socket != NULL : s->exabgp.to && s->exabgp.from));
    CHECK(s->type != SPEAKER_FRR || s->socket || s->command);
    CHECK((s->type != SPEAKER_GOBGP && s->type != SPEAKER_EXEC) || s->command[0]);
}

static void check_l4_set(const struct model *m, const struct l4_set *s)
{
    CHECK(s->name && strlen(s->name) < L4_NAME_MAX);
    CHECK(s->pool == MODEL_NONE || (s->pool < m->n_pools && !s->n_listed));
    CHECK(s->site == MODEL_NONE || s->site < m->n_sites);
    for (uint32_t i = 0; i < s->n_listed; i++)
        CHECK(s->listed[i].addr.family && s->listed[i].port && s->listed[i].weight <= WEIGHT_MAX);
    for (uint32_t i = 0; s->pool != MODEL_NONE && i < m->n_endpoints; i++)
        CHECK(m->endpoints[i].pool != s->pool ||
              (s->site != MODEL_NONE && m->endpoints[i].site != s->site) ||
              (m->endpoints[i].addr.family && (m->endpoints[i].port || s->port)));
}

static void check_service(const struct l4_config *c, const struct l4_service *s)
{
    CHECK(s->n_listens && s->limits.connections && s->connect_retries <= 10);
    CHECK(s->connect_timeout_ms >= 10 && s->idle_timeout_ms >= 1000 && s->drain_timeout_ms);
    CHECK(s->proxy_accept == (s->n_proxy_trusted > 0));
    CHECK(s->set < c->n_sets || (s->set == MODEL_NONE && s->n_routes));
    CHECK(!s->udp || (!s->n_routes && s->proxy_send == L4_PROXY_NONE && !s->proxy_accept));
    for (uint32_t i = 0; i < s->n_listens; i++)
        CHECK(s->listens[i].addr.family && s->listens[i].port && s->listens[i].span.file);
    for (uint32_t i = 0; i < s->n_routes; i++) {
        CHECK(s->routes[i].set < c->n_sets && strlen(s->routes[i].name) < 256);
        CHECK(i == 0 || strcmp(s->routes[i - 1].name, s->routes[i].name) < 0);
    }
}

static void check_l4(const struct model *m)
{
    const struct l4_config *c = m->l4;
    CHECK(m->control && c->n_services && c->n_sets && c->workers <= L4_WORKERS_MAX);
    CHECK(c->log_sample >= 1 && !c->metrics_addr.family == !c->metrics_port);
    for (uint32_t i = 0; i < c->n_sets; i++)
        check_l4_set(m, &c->sets[i]);
    for (uint32_t i = 0; i < c->n_services; i++)
        check_service(c, &c->services[i]);
}

static void check_model(const struct model *m)
{
    if (m->l4)
        check_l4(m);
    for (uint32_t i = 0; i < m->n_tiers; i++)
        check_tier(m, &m->tiers[i]);
    for (uint32_t i = 0; i < m->n_prefix_sets; i++)
        check_set(m, &m->prefix_sets[i]);
    for (uint32_t i = 0; i < m->n_speakers; i++)
        check_speaker(&m->speakers[i]);
    for (uint32_t i = 0; i < m->n_pools; i++) {
        const struct pool *p = &m->pools[i];
        CHECK(p->n_sites && p->ttl.min_s <= p->ttl.max_s && p->answers >= 1);
        CHECK(p->weight_from.tier == MODEL_NONE || p->weight_from.tier < m->n_tiers);
        CHECK(p->steer != STEER_MAP || p->map < m->n_maps);
        for (uint32_t j = 0; j < p->checks.n; j++)
            CHECK(p->checks.v[j] < m->n_checks);
        for (uint32_t j = 0; j < p->n_sites; j++)
            CHECK(p->sites[j].site < m->n_sites && p->sites[j].n_endpoints &&
                  p->sites[j].first_endpoint + p->sites[j].n_endpoints <= m->n_endpoints);
    }
    for (uint32_t i = 0; i < m->n_checks; i++)
        CHECK(m->checks[i].timeout_ms <= m->checks[i].interval_ms && m->checks[i].rise);
    for (uint32_t i = 0; i < m->n_endpoints; i++)
        CHECK(m->endpoints[i].label && m->endpoints[i].weight <= WEIGHT_MAX);
}

typedef int load_fn(struct model **model, const char *path, struct diags *diags);

static void load(load_fn *read, const char *path)
{
    struct diags diags;
    struct model *m = NULL;
    diags_init(&diags);
    if (read(&m, path, &diags) == 0) {
        CHECK(diags.n_errors == 0);
        check_model(m);
        model_free(m);
    } else {
        CHECK(diags.n_errors > 0);
    }
    for (size_t i = 0; i < diags.n; i++)
        CHECK(diags.v[i].span.file && diags.v[i].text[0]);
    diags_free(&diags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static int entered;
    size_t which = 0;
    if (!entered++)
        enter();
    while (n && which < ARRAY_LEN(files) && files[which].key != data[0])
        which++;
    if (n == 0 || which == ARRAY_LEN(files))
        return -1;
    write_file(files[which].path, data + 1, n - 1);
    if (files[which].key != '4')
        load(config_load, config);
    if (strchr("4p", files[which].key))
        load(config_l4_load, l4);
    write_file(files[which].path, files[which].text, strlen(files[which].text));
    return 0;
}
