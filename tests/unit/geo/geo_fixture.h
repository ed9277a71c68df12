/* SPDX-License-Identifier: Apache-2.0
 * Databases in temporary files, and models that name them. */
#pragma once

#include "geo/geo.h"
#include "mmdb_make.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define FIXTURE_FILES 4

struct fixture {
    struct model model;
    struct diags diags;
    struct geo *geo;
    const char *paths[FIXTURE_FILES];
    struct span places[FIXTURE_FILES];
    struct geo_network networks[16];
};

static inline void fixture_init(struct fixture *f)
{
    *f = (struct fixture){0};
    diags_init(&f->diags);
    f->model.path = "loadstar.yaml";
    f->model.geo.databases.v = f->paths;
    for (uint32_t i = 0; i < FIXTURE_FILES; i++)
        f->places[i] = (struct span){"loadstar.yaml", 10 + i, 5};
    f->model.geo.database_spans = f->places;
    f->model.geo.networks = f->networks;
}

/* Writes bytes to a temporary file that becomes the next database. */
static inline const char *fixture_bytes(struct fixture *f, const void *p, size_t n)
{
    const char *dir = getenv("TMPDIR");
    char path[256];
    snprintf(path, sizeof path, "%s/loadstar-geo-XXXXXX", dir ? dir : "/tmp");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, p, n), (ssize_t)n);
    close(fd);
    assert_true(f->model.geo.databases.n < FIXTURE_FILES);
    return f->paths[f->model.geo.databases.n++] = xstrdup(path);
}

static inline const char *fixture_database(struct fixture *f, struct mmdb_make *m)
{
    struct buf file = {0};
    make_file(m, &file);
    make_free(m);
    const char *path = fixture_bytes(f, file.p, file.n);
    buf_free(&file);
    return path;
}

static inline struct geo_network *fixture_network(struct fixture *f, const char *prefix)
{
    struct geo_network *network = &f->networks[f->model.geo.n_networks++];
    network->site = MODEL_NONE;
    network->span = (struct span){"networks.yaml", f->model.geo.n_networks, 1};
    assert_int_equal(ip_prefix_parse(&network->prefix, prefix), 0);
    return network;
}

static inline void fixture_load(struct fixture *f)
{
    int code = geo_load(&f->geo, &f->model, &f->diags);
    if (code != 0)
        diags_print(&f->diags, stderr);
    assert_int_equal(code, 0);
    assert_true(trie_validate(f->geo->base));
}

static inline const struct place *fixture_find(struct fixture *f, const char *address)
{
    struct ip ip;
    struct ip_prefix prefix;
    assert_int_equal(ip_parse(&ip, address), 0);
    return geo_find(f->geo, &ip, &prefix);
}

/* Expects the load to be refused; the text of the first error contains `part`. */
static inline void fixture_refused(struct fixture *f, const char *part)
{
    assert_true(geo_load(&f->geo, &f->model, &f->diags) < 0);
    assert_null(f->geo);
    assert_true(f->diags.n_errors > 0);
    if (!strstr(f->diags.v[0].text, part))
        fail_msg("\"%s\" does not say \"%s\"", f->diags.v[0].text, part);
}

/* Expects the database `path`, the `index`th, to be named by the message of the same index, at its
 * place in the configuration. */
static inline void fixture_said(struct fixture *f, uint32_t index, const char *path)
{
    const struct diag *d = &f->diags.v[index];
    assert_string_equal(d->span.file, "loadstar.yaml");
    assert_int_equal(d->span.line, 10 + index);
    assert_int_equal(d->span.column, 5);
    assert_memory_equal(d->text, path, strlen(path));
    assert_memory_equal(d->text + strlen(path), ": ", 2);
}

static inline void fixture_free(struct fixture *f)
{
    for (unsigned i = 0; i < f->model.geo.databases.n; i++) {
        unlink(f->paths[i]);
        free((void *)(uintptr_t)f->paths[i]);
    }
    geo_free(f->geo);
    diags_free(&f->diags);
}

/* --- records --- */

static inline uint32_t put_flat_country(struct mmdb_make *m, const char *country)
{
    uint32_t at = make_here(m) | MAKE_RECORD;
    put_map(&m->data, 1);
    put_text(&m->data, "country_code");
    put_text(&m->data, country);
    return at;
}

static inline uint32_t put_maxmind_country(struct mmdb_make *m, const char *key,
                                           const char *country, const char *continent)
{
    uint32_t at = make_here(m) | MAKE_RECORD;
    put_map(&m->data, 2);
    put_text(&m->data, key);
    put_map(&m->data, 2);
    put_text(&m->data, "geoname_id");
    put_u32(&m->data, 12345);
    put_text(&m->data, "iso_code");
    put_text(&m->data, country);
    put_text(&m->data, "continent");
    put_map(&m->data, 1);
    put_text(&m->data, "code");
    put_text(&m->data, continent);
    return at;
}

static inline uint32_t put_asn(struct mmdb_make *m, uint32_t asn)
{
    uint32_t at = make_here(m) | MAKE_RECORD;
    put_map(&m->data, 2);
    put_text(&m->data, "autonomous_system_organization");
    put_text(&m->data, "Example");
    put_text(&m->data, "autonomous_system_number");
    put_u32(&m->data, asn);
    return at;
}

/* latitude and longitude as double, float and text; state by name. */
static inline void put_flat_city(struct mmdb_make *m, unsigned kind, double latitude,
                                 double longitude)
{
    char text[32];
    put_map(&m->data, 5);
    put_text(&m->data, "city");
    put_text(&m->data, "Somewhere");
    put_text(&m->data, "country_code");
    put_text(&m->data, "US");
    put_text(&m->data, "state1");
    put_text(&m->data, kind == 0 ? "California" : kind == 1 ? "CA" : "US-CA");
    const double v[2] = {latitude, longitude};
    for (unsigned i = 0; i < 2; i++) {
        put_text(&m->data, i ? "longitude" : "latitude");
        snprintf(text, sizeof text, "%.4f", v[i]);
        if (kind == 0)
            put_double(&m->data, v[i]);
        else if (kind == 1)
            put_float(&m->data, (float)v[i]);
        else
            put_text(&m->data, text);
    }
}
