/* SPDX-License-Identifier: Apache-2.0
 * Configurations: the first byte says which file the rest of the input is (l, n, p, z), the others
 * are whole. Whatever it is, it loads, or is refused with at least one error that has a file. */
#include "config/config.h"
#include "fuzz.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>

static char directory[] = "/tmp/loadstar-fuzz-XXXXXX", config[100];

static const struct {
    char key;
    const char *path, *text;
} files[] = {
    {'l', "loadstar.yaml", "geo: {networks: networks.yaml}\npools: pools.yaml\nzones: zones/\n"},
    {'n', "networks.yaml", "192.0.2.0/24: {country: NO}\n"},
    {'p', "pools.yaml",
     "sites: {ams: {location: [52.31, 4.76]}}\nchecks: {web: {type: http}}\n"
     "maps: {world: {default: ams}}\n"
     "pools: {www: {checks: [web], sites: {ams: [192.0.2.11]}}}\n"},
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
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        write_file(files[i].path, files[i].text, strlen(files[i].text));
    atexit(leave);
}

static void check_model(const struct model *m)
{
    for (uint32_t i = 0; i < m->n_pools; i++) {
        const struct pool *p = &m->pools[i];
        CHECK(p->n_sites && p->ttl.min_s <= p->ttl.max_s && p->answers >= 1);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static int entered;
    struct diags diags;
    struct model *m = NULL;
    size_t which = 0;
    if (!entered++)
        enter();
    while (n && which < ARRAY_LEN(files) && files[which].key != data[0])
        which++;
    if (n == 0 || which == ARRAY_LEN(files))
        return -1;
    write_file(files[which].path, data + 1, n - 1);
    diags_init(&diags);
    if (config_load(&m, config, &diags) == 0) {
        CHECK(diags.n_errors == 0);
        check_model(m);
        model_free(m);
    } else {
        CHECK(diags.n_errors > 0);
    }
    for (size_t i = 0; i < diags.n; i++)
        CHECK(diags.v[i].span.file && diags.v[i].text[0]);
    diags_free(&diags);
    write_file(files[which].path, files[which].text, strlen(files[which].text));
    return 0;
}
