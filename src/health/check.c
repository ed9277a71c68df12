/* SPDX-License-Identifier: Apache-2.0
 * Checks made ready to run. */
#include "health/check.h"

#include "health/http_reply.h"
#include "health/tls.h"

#include <stdlib.h>
#include <string.h>

static const char *copy_text(struct arena *arena, const char *text)
{
    return text ? arena_strdup(arena, text) : NULL;
}

static struct str_list copy_list(struct arena *arena, const struct str_list *list)
{
    const char **v = arena_calloc(arena, list->n + 1u, sizeof *v);
    for (uint32_t i = 0; i < list->n; i++)
        v[i] = arena_strdup(arena, list->v[i]);
    return (struct str_list){v, list->n};
}

static void copy_definition(struct check *to, const struct check *from, struct arena *arena)
{
    *to = *from;
    to->span = (struct span){0};
    to->pool = MODEL_NONE;
    to->name = copy_text(arena, from->name);
    to->http.path = copy_text(arena, from->http.path);
    to->http.host = copy_text(arena, from->http.host);
    to->http.method = copy_text(arena, from->http.method);
    to->http.body = copy_text(arena, from->http.body);
    if (from->http.n_status)
        to->http.status =
            arena_copy(arena, from->http.status, from->http.n_status * sizeof *from->http.status);
    to->tls.sni = copy_text(arena, from->tls.sni);
    /* What is in the files is in the context. */
    to->tls.ca_file = to->tls.cert_file = to->tls.key_file = (struct named_file){0};
    to->exec = copy_list(arena, &from->exec);
}

/* Texts are told apart with their NUL, and from a missing one by a leading byte. */
static void key_text(struct buf *out, const char *text)
{
    if (text) {
        buf_add(out, "=", 1);
        buf_add(out, text, strlen(text) + 1);
    } else {
        buf_add(out, "-", 1);
    }
}

static void key_http(struct buf *out, const struct check *check)
{
    key_text(out, check->http.method);
    key_text(out, check->http.path);
    key_text(out, check->http.host);
    key_text(out, check->http.body);
    buf_printf(out, "%u", check->http.max_body);
    for (uint32_t i = 0; i < check->http.n_status; i++)
        buf_printf(out, ",%u-%u", check->http.status[i].first, check->http.status[i].last);
}

/** What makes a check the same check across reloads: everything that is asked of the back end, but
 * not its name, nor how often it is asked, nor how many results decide. */
static void write_key(struct buf *out, const struct check *check)
{
    buf_printf(out, "%d %u ", (int)check->type, check->timeout_ms);
    switch (check->type) {
    case CHECK_HTTPS:
        key_text(out, check->tls.verify ? "verify" : NULL);
        key_text(out, check->tls.sni);
        key_text(out, check->tls.ca_file.path);
        key_text(out, check->tls.cert_file.path);
        key_text(out, check->tls.key_file.path);
        key_http(out, check);
        break;
    case CHECK_HTTP:
        key_http(out, check);
        break;
    case CHECK_EXEC:
        for (uint32_t i = 0; i < check->exec.n; i++)
            key_text(out, check->exec.v[i]);
        break;
    case CHECK_TCP:
        break;
    case CHECK_POOL:
        /* Pool indices belong to one model; its state is worked out anew in the next. */
        key_text(out, check->name);
        break;
    }
}

struct prepared_check *check_prepare(const struct check *check, struct tls_context *tls)
{
    struct prepared_check *c = xcalloc(1, sizeof *c);
    struct buf key = {0};
    c->arena = arena_new();
    atomic_init(&c->refs, 1);
    copy_definition(&c->def, check, c->arena);
    write_key(&key, check);
    c->key = slice_of(arena_copy(c->arena, key.p, key.n), key.n);
    buf_free(&key);
    if (c->def.http.body)
        c->fallback = http_body_fallback(c->arena, c->def.http.body);
    if (tls)
        c->tls = tls_context_ref(tls);
    return c;
}

struct prepared_check *check_ref(struct prepared_check *check)
{
    atomic_fetch_add_explicit(&check->refs, 1, memory_order_relaxed);
    return check;
}

void check_unref(struct prepared_check *check)
{
    if (!check || atomic_fetch_sub_explicit(&check->refs, 1, memory_order_acq_rel) > 1)
        return;
    tls_context_unref(check->tls);
    arena_free(check->arena);
    free(check);
}

bool check_is_personal(const struct check *check)
{
    static const char *const personal[] = {"{name}", "{pool}", "{site}"};
    for (uint32_t i = 0; check->type == CHECK_EXEC && i < check->exec.n; i++)
        for (size_t j = 0; j < ARRAY_LEN(personal); j++)
            if (strstr(check->exec.v[i], personal[j]))
                return true;
    return false;
}

uint16_t check_port(const struct check *check, const struct endpoint *endpoint)
{
    if (check->type == CHECK_POOL)
        return 0;
    if (endpoint->probe.port)
        return endpoint->probe.port;
    if (endpoint->port)
        return endpoint->port;
    if (check->port)
        return check->port;
    return check->type == CHECK_HTTP ? 80 : check->type == CHECK_HTTPS ? 443 : 0;
}
