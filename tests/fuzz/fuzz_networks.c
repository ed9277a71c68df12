/* SPDX-License-Identifier: Apache-2.0
 * networks.yaml, up to the table that clients are looked up in. It is refused with errors that have
 * a file; or each of its networks is what is found at its own address, unless a longer one is. */
#include "config/config.h"
#include "fuzz.h"
#include "geo/geo.h"

#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/loadstar-fuzz-XXXXXX", config[100];

static void write_file(const char *name, const void *text, size_t n)
{
    char path[100];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "w");
    CHECK(f && fwrite(text, 1, n, f) == n && fclose(f) == 0);
}

static void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
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
    write_text("loadstar.yaml",
               "geo: {networks: networks.yaml}\npools: pools.yaml\nzones: zones/\n");
    write_text("pools.yaml", "sites: {ams: {location: [52.31, 4.76]}, iad: {}}\n");
    write_text("zones/example.com.yaml", "zone: example.com\nsoa: {mname: ns1, rname: hostmaster}\n"
                                         "records: {\"@\": {NS: ns1}, ns1: {A: 192.0.2.53}}\n");
    atexit(leave);
}

static bool is_in(const struct ip *ip, const struct ip_prefix *network)
{
    struct ip masked = *ip;
    if (ip->family != network->addr.family)
        return false;
    ip_mask(&masked, network->len);
    return memcmp(&masked, &network->addr, sizeof masked) == 0;
}

/* The longest one at the address of the i-th is the one that says where it is. */
static void check_network(const struct geo *geo, const struct model *m, uint32_t i)
{
    const struct geo_network *v = m->geo.networks, *longest = &v[i];
    struct ip_prefix found;
    struct ip v4;
    unsigned before;
    if (ip_embedded_v4(&v[i].prefix.addr, &v4, &before))
        return; /* looked up as IPv4 */
    for (uint32_t k = 0; k < m->geo.n_networks; k++)
        if (v[k].prefix.len > longest->prefix.len && is_in(&v[i].prefix.addr, &v[k].prefix))
            longest = &v[k];
    const struct place *place = geo_find(geo, &v[i].prefix.addr, &found);
    if (longest->site != MODEL_NONE)
        CHECK(place->site == longest->site);
    if (longest->country[0] && !longest->continent[0])
        CHECK(strcmp(place->country, longest->country) == 0);
    CHECK(found.len >= longest->prefix.len || place == &geo->places[0]);
}

static void check_loaded(const struct model *m, struct diags *diags)
{
    struct geo *geo = NULL;
    CHECK(diags->n_errors == 0);
    if (geo_load(&geo, m, diags) != 0) {
        CHECK(diags->n_errors > 0);
        return;
    }
    CHECK(trie_validate(geo->base));
    for (uint32_t i = 0; i < m->geo.n_networks && i < 64; i++)
        check_network(geo, m, i);
    geo_free(geo);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct diags diags;
    struct model *m = NULL;
    if (!*config)
        enter();
    write_file("networks.yaml", data, n);
    diags_init(&diags);
    if (config_load(&m, config, &diags) == 0) {
        check_loaded(m, &diags);
        model_free(m);
    } else {
        CHECK(diags.n_errors > 0);
    }
    for (size_t i = 0; i < diags.n; i++)
        CHECK(diags.v[i].span.file && diags.v[i].text[0]);
    diags_free(&diags);
    return 0;
}
