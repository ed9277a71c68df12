/* SPDX-License-Identifier: Apache-2.0
 * Certificate and key files of the https checks. */
#include "health/credentials.h"

#include "base/file.h"
#include "base/identity.h"
#include "base/vec.h"
#include "health/authorities.h"
#include "health/pem.h"
#include "health/tls.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (16u << 20)

/* Whom to trust: what one `ca_file` names, or the system's authorities. */
struct store {
    const char *path; /* NULL: the system's */
    uint64_t stamp;   /* authorities_stamp(); 0: cannot be told from what comes next */
    X509_STORE *x509; /* NULL: it could not be used, which is reported */
};

/* What a check needs: the same files make the same context. */
struct context {
    uint32_t store;         /* MODEL_NONE: trusts nobody, and does not ask */
    const char *cert, *key; /* NULL: shows none */
    uint64_t cert_stamp, key_stamp;
    X509 *own;               /* a reference, to tell when it expires */
    struct tls_context *tls; /* NULL: it could not be made, which is reported */
};

struct credentials {
    struct arena *arena;
    VEC(struct store) stores;
    VEC(struct context) contexts;
    uint32_t *of_check; /* indices of contexts; MODEL_NONE: none */
    uint32_t n_checks;
    uint32_t n_stores_parsed, n_contexts_made;
};

struct loader {
    struct credentials *to;
    const struct credentials *before;
    const struct model *model;
    struct diags *diags;
    struct identity identity;
    VEC(const char *) refused; /* files that an error tells of already */
};

/* ---- files ---- */

/* Whether this is the first error about a file: one mistake gives one error. */
static bool is_news(struct loader *l, const char *path)
{
    for (size_t i = 0; i < l->refused.n; i++)
        if (strcmp(l->refused.v[i], path) == 0)
            return false;
    *vec_push(&l->refused) = path;
    return true;
}

static void refuse(struct loader *l, const struct named_file *file, const char *problem)
{
    if (is_news(l, file->path))
        diag_error(l->diags, file->span, "cannot use '%s': %s", file->path, problem);
}

static void refuse_unread(struct loader *l, const struct named_file *file, int code)
{
    char problem[REASON_MAX];
    bool denied = code == E_SYSTEM && (errno == EACCES || errno == EPERM);
    if (code == E_RANGE)
        snprintf(problem, sizeof problem, "it is larger than %u bytes", FILE_MAX);
    else if (denied && l->identity.assumed)
        snprintf(problem, sizeof problem,
                 "user %s (server.user), who reads it at each reload, may not: %s",
                 l->model->server.user, strerror(errno));
    else if (code == E_SYSTEM && errno == EINVAL)
        snprintf(problem, sizeof problem, "it is not a regular file");
    else
        snprintf(problem, sizeof problem, "%s", strerror(errno));
    refuse(l, file, problem);
}

/* Reads a file into an arena of its own, for release(). */
static bool read_whole(struct loader *l, struct slice *out, struct arena **arena,
                       const struct named_file *file)
{
    *arena = arena_new();
    int code = file_read(out, *arena, file->path, FILE_MAX);
    if (code == 0)
        return true;
    refuse_unread(l, file, code);
    arena_free(*arena);
    return false;
}

/* A key does not stay behind in memory that is given back. */
static void release(struct slice content, struct arena *arena)
{
    OPENSSL_cleanse((uint8_t *)(uintptr_t)content.p, content.n);
    arena_free(arena);
}

static bool read_certificates(struct loader *l, struct pem_certificates *out,
                              const struct named_file *file)
{
    char problem[REASON_MAX] = "out of memory";
    struct slice content;
    struct arena *arena;
    if (!read_whole(l, &content, &arena, file))
        return false;
    int code = pem_read_certificates(out, content, problem);
    release(content, arena);
    if (code != 0)
        refuse(l, file, problem);
    return code == 0;
}

static EVP_PKEY *read_key(struct loader *l, const struct named_file *file)
{
    char problem[REASON_MAX] = "out of memory";
    struct slice content;
    struct arena *arena;
    EVP_PKEY *key;
    if (!read_whole(l, &content, &arena, file))
        return NULL;
    int code = pem_read_key(&key, content, problem);
    release(content, arena);
    if (code != 0)
        refuse(l, file, problem);
    return key;
}

/* ---- stores ---- */

static X509_STORE *parse_store(struct loader *l, const struct check *check)
{
    const struct named_file *file = &check->tls.ca_file;
    struct pem_certificates certificates;
    l->to->n_stores_parsed++;
    if (!file->path) {
        X509_STORE *system = authorities_of_system();
        if (!system && is_news(l, ""))
            diag_error(l->diags, check->span,
                       "the check verifies certificates by the system's authorities, and there are "
                       "none in %s: install them (package ca-certificates), or name a 'ca_file'",
                       authorities_place());
        return system;
    }
    if (!read_certificates(l, &certificates, file))
        return NULL;
    X509_STORE *store = authorities_make(&certificates);
    pem_certificates_free(&certificates);
    if (!store)
        refuse(l, file, pem_first_error());
    return store;
}

static bool same_path(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static X509_STORE *store_before(const struct loader *l, const char *path, uint64_t stamp)
{
    for (size_t i = 0; l->before && stamp && i < l->before->stores.n; i++) {
        const struct store *s = &l->before->stores.v[i];
        if (s->x509 && s->stamp == stamp && same_path(s->path, path)) {
            X509_STORE_up_ref(s->x509);
            return s->x509;
        }
    }
    return NULL;
}

static uint32_t find_store(struct loader *l, const struct check *check)
{
    struct credentials *to = l->to;
    const char *path = check->tls.ca_file.path;
    if (!path && !check->tls.verify)
        return MODEL_NONE;
    for (uint32_t i = 0; i < to->stores.n; i++)
        if (same_path(to->stores.v[i].path, path))
            return i;
    /* First, so that what changes while it is read is seen by the next load. */
    uint64_t stamp = path ? authorities_file_stamp(path) : authorities_system_stamp();
    X509_STORE *x509 = store_before(l, path, stamp);
    bool parsed = !x509;
    if (parsed)
        x509 = parse_store(l, check);
    *vec_push(&to->stores) = (struct store){
        .path = path ? arena_strdup(to->arena, path) : NULL,
        .stamp = stamp,
        .x509 = x509,
    };
    if (x509 && path)
        authorities_warn(l->diags, &check->tls.ca_file, x509);
    return (uint32_t)to->stores.n - 1;
}

/* ---- contexts ---- */

static bool same_context(const struct context *a, const struct check *check)
{
    return same_path(a->cert, check->tls.cert_file.path) &&
           same_path(a->key, check->tls.key_file.path);
}

/* The context before that trusts the very same store and shows the same files, unchanged. */
static const struct context *context_before(const struct loader *l, const struct check *check,
                                            const struct context *now)
{
    const struct credentials *before = l->before;
    X509_STORE *x509 = now->store == MODEL_NONE ? NULL : l->to->stores.v[now->store].x509;
    for (size_t i = 0; before && i < before->contexts.n; i++) {
        const struct context *c = &before->contexts.v[i];
        X509_STORE *of = c->store == MODEL_NONE ? NULL : before->stores.v[c->store].x509;
        if (c->tls && of == x509 && same_context(c, check) &&
            (!c->cert || (now->cert_stamp && now->key_stamp && c->cert_stamp == now->cert_stamp &&
                          c->key_stamp == now->key_stamp)))
            return c;
    }
    return NULL;
}

static void make_context(struct loader *l, const struct check *check, struct context *c)
{
    struct pem_certificates chain = {0};
    struct tls_client client = {0};
    bool ok = true;
    if (c->cert) {
        ok = read_certificates(l, &chain, &check->tls.cert_file);
        client = (struct tls_client){chain.certificates, read_key(l, &check->tls.key_file)};
        ok = ok && client.key;
    }
    if (ok && c->cert && X509_check_private_key(sk_X509_value(client.chain, 0), client.key) != 1) {
        char problem[REASON_MAX];
        snprintf(problem, sizeof problem,
                 "it is not the key of the certificate in '%.100s', expected the one that is",
                 check->tls.cert_file.path);
        refuse(l, &check->tls.key_file, problem);
        ok = false;
    }
    if (ok) {
        c->tls = tls_context_new(c->store == MODEL_NONE ? NULL : l->to->stores.v[c->store].x509,
                                 &client);
        if (c->tls && c->cert) {
            c->own = sk_X509_value(client.chain, 0);
            X509_up_ref(c->own);
        } else if (!c->tls && c->cert) {
            refuse(l, &check->tls.cert_file, pem_first_error());
        } else if (!c->tls) {
            diag_error(l->diags, check->span, "TLS cannot be set up: %s", pem_first_error());
        }
    }
    l->to->n_contexts_made += c->tls != NULL;
    EVP_PKEY_free(client.key);
    pem_certificates_free(&chain);
}

static void take_over(struct context *c, const struct context *from)
{
    c->tls = tls_context_ref(from->tls);
    c->own = from->own;
    if (c->own)
        X509_up_ref(c->own);
}

static uint32_t find_context(struct loader *l, const struct check *check)
{
    struct credentials *to = l->to;
    struct context c = {.store = find_store(l, check)};
    for (uint32_t i = 0; i < to->contexts.n; i++)
        if (to->contexts.v[i].store == c.store && same_context(&to->contexts.v[i], check))
            return i;
    if (check->tls.cert_file.path) {
        c.cert = arena_strdup(to->arena, check->tls.cert_file.path);
        c.key = arena_strdup(to->arena, check->tls.key_file.path);
        c.cert_stamp = authorities_file_stamp(c.cert);
        c.key_stamp = authorities_file_stamp(c.key);
    }
    const struct context *before = context_before(l, check, &c);
    if (before)
        take_over(&c, before);
    else if (c.store == MODEL_NONE || to->stores.v[c.store].x509)
        make_context(l, check, &c);
    if (c.own)
        certificate_warn(l->diags, &check->tls.cert_file, c.own);
    *vec_push(&to->contexts) = c;
    return (uint32_t)to->contexts.n - 1;
}

/* ---- all of a configuration ---- */

static void load_all(struct loader *l)
{
    struct credentials *to = l->to;
    for (uint32_t i = 0; i < to->n_checks; i++)
        to->of_check[i] = l->model->checks[i].type == CHECK_HTTPS
                              ? find_context(l, &l->model->checks[i])
                              : MODEL_NONE;
}

int credentials_load(struct credentials **out, const struct model *model,
                     const struct credentials *before, struct diags *diags)
{
    unsigned errors = diags->n_errors;
    struct credentials *to = xcalloc(1, sizeof *to);
    struct loader l = {.to = to, .before = before, .model = model, .diags = diags};
    to->arena = arena_new();
    to->n_checks = model->n_checks;
    to->of_check = arena_calloc(to->arena, model->n_checks + 1u, sizeof *to->of_check);
    /* A user that does not exist is reported by whoever becomes that user. */
    (void)!identity_assume(&l.identity, model->server.user);
    load_all(&l);
    identity_restore(&l.identity);
    vec_free(&l.refused);
    if (diags->n_errors != errors) {
        credentials_free(to);
        return E_INVALID;
    }
    *out = to;
    return 0;
}

void credentials_free(struct credentials *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->contexts.n; i++) {
        tls_context_unref(c->contexts.v[i].tls);
        X509_free(c->contexts.v[i].own);
    }
    for (size_t i = 0; i < c->stores.n; i++)
        X509_STORE_free(c->stores.v[i].x509);
    vec_free(&c->contexts);
    vec_free(&c->stores);
    arena_free(c->arena);
    free(c);
}

struct tls_context *credentials_of(const struct credentials *c, uint32_t check)
{
    if (!c || c->of_check[check] == MODEL_NONE)
        return NULL;
    return c->contexts.v[c->of_check[check]].tls;
}

struct credentials_summary credentials_summary(const struct credentials *c)
{
    return (struct credentials_summary){
        .n_contexts = (uint32_t)c->contexts.n,
        .n_stores = (uint32_t)c->stores.n,
        .n_stores_parsed = c->n_stores_parsed,
        .n_contexts_made = c->n_contexts_made,
    };
}
