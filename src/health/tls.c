/* SPDX-License-Identifier: Apache-2.0
 * TLS for probes. */
#include "health/tls.h"

#include "base/log.h"
#include "health/tls_reason.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tls_context {
    SSL_CTX *ssl;
    const struct check *check; /* of the prepared check that owns this */
    char problem[REASON_MAX];  /* "" unless every session fails */
};

struct tls_session {
    SSL *ssl;
    BIO *in, *out; /* owned by `ssl` */
    struct tls_peer peer;
    char reason[REASON_MAX];
};

/* ---- contexts ---- */

/* Why OpenSSL could not use a file, for people. Empties its queue of errors. */
static void file_problem(struct tls_context *t, const char *what, const char *path)
{
    unsigned long e = ERR_peek_last_error();
    const char *why =
        ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e)) : ERR_reason_error_string(e);
    FILE *file = fopen(path, "re");
    if (!file)
        why = strerror(errno);
    else
        fclose(file);
    snprintf(t->problem, sizeof t->problem, "%s %s cannot be used: %s", what, path,
             why ? why : "unknown error");
    ERR_clear_error();
}

static void load_files(struct tls_context *t)
{
    const char *ca = t->check->tls.ca_file, *cert = t->check->tls.cert_file;
    const char *key = t->check->tls.key_file ? t->check->tls.key_file : cert;
    if (ca && SSL_CTX_load_verify_locations(t->ssl, ca, NULL) != 1)
        file_problem(t, "CA file", ca);
    else if (!ca && t->check->tls.verify && SSL_CTX_set_default_verify_paths(t->ssl) != 1)
        file_problem(t, "CA file", X509_get_default_cert_file());
    else if (cert && SSL_CTX_use_certificate_chain_file(t->ssl, cert) != 1)
        file_problem(t, "client certificate", cert);
    else if (cert && SSL_CTX_use_PrivateKey_file(t->ssl, key, SSL_FILETYPE_PEM) != 1)
        file_problem(t, "client key", key);
}

struct tls_context *tls_context_new(const struct check *check)
{
    struct tls_context *t = xcalloc(1, sizeof *t);
    t->check = check;
    t->ssl = SSL_CTX_new(TLS_client_method());
    if (!t->ssl)
        snprintf(t->problem, sizeof t->problem, "TLS cannot be set up");
    else
        load_files(t);
    if (t->ssl) {
        SSL_CTX_set_session_cache_mode(t->ssl, SSL_SESS_CACHE_OFF);
        /* Many back ends close without a close_notify; the reply tells where it ends. */
        SSL_CTX_set_options(t->ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
        SSL_CTX_set_mode(t->ssl, SSL_MODE_RELEASE_BUFFERS);
    }
    if (*t->problem)
        log_error("health: check %s: %s", check->name, t->problem);
    return t;
}

void tls_context_free(struct tls_context *context)
{
    if (!context)
        return;
    SSL_CTX_free(context->ssl);
    free(context);
}

/* ---- sessions ---- */

/* The host name without a port; the brackets of an IPv6 address go as well. */
static void copy_host(char *out, size_t max, const char *host)
{
    size_t skip = host[0] == '[', n = strcspn(host + skip, skip ? "]" : ":");
    if (!skip && strchr(host, ':') != strrchr(host, ':'))
        n = strlen(host); /* a bare IPv6 address */
    snprintf(out, max, "%.*s", (int)n, host + skip);
}

/* Whom the certificate must be for: the SNI, else the Host, else the name or address probed. */
static void choose_peer(struct tls_peer *peer, const struct check *check,
                        const struct trial_target *target)
{
    char text[IP_TEXT_MAX];
    const char *name = check->tls.sni ? check->tls.sni : check->http.host;
    if (!name)
        name = target->host ? target->host : ip_text(text, &target->addr);
    copy_host(peer->expected, sizeof peer->expected, name);
    peer->is_address = ip_parse(&peer->address, peer->expected) == 0;
}

static int peer_index(void)
{
    static int index = -1;
    if (index < 0)
        index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    return index;
}

/* Remembers the first error and its certificate; after the handshake OpenSSL has lost it. */
static int on_verify(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_peer *peer = SSL_get_ex_data(ssl, peer_index());
    if (!ok && !*peer->problem)
        tls_explain_certificate(peer, X509_STORE_CTX_get_error(store),
                                X509_STORE_CTX_get_current_cert(store),
                                X509_STORE_CTX_get_error_depth(store));
    return ok;
}

static bool expect_peer(struct tls_session *s)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(s->ssl);
    SSL_set_verify(s->ssl, SSL_VERIFY_PEER, on_verify);
    if (s->peer.is_address)
        return X509_VERIFY_PARAM_set1_ip_asc(param, s->peer.expected) == 1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, s->peer.expected, 0) == 1;
}

struct tls_session *tls_open(struct tls_context *context, const struct trial_target *target)
{
    struct tls_session *s = xcalloc(1, sizeof *s);
    if (*context->problem) {
        snprintf(s->reason, sizeof s->reason, "%s", context->problem);
        return s;
    }
    choose_peer(&s->peer, context->check, target);
    s->ssl = SSL_new(context->ssl);
    s->in = BIO_new(BIO_s_mem());
    s->out = BIO_new(BIO_s_mem());
    bool ok = s->ssl && s->in && s->out;
    if (ok) {
        BIO_set_mem_eof_return(s->in, -1);
        SSL_set_bio(s->ssl, s->in, s->out);
        SSL_set_connect_state(s->ssl);
        SSL_set_ex_data(s->ssl, peer_index(), &s->peer);
        ok = s->peer.is_address || SSL_set_tlsext_host_name(s->ssl, s->peer.expected) == 1;
        ok = ok && (!context->check->tls.verify || expect_peer(s));
    } else {
        BIO_free(s->in);
        BIO_free(s->out);
    }
    if (!ok)
        snprintf(s->reason, sizeof s->reason, "TLS cannot be set up for %.120s", s->peer.expected);
    ERR_clear_error();
    return s;
}

void tls_close(struct tls_session *session)
{
    if (!session)
        return;
    SSL_free(session->ssl);
    free(session);
}

void tls_input(struct tls_session *session, const void *p, size_t n)
{
    BIO_write(session->in, p, (int)n);
}

size_t tls_output(struct tls_session *session, void *p, size_t n)
{
    int got = BIO_read(session->out, p, (int)n);
    return got > 0 ? (size_t)got : 0;
}

static enum tls_status status_of(struct tls_session *s, int rc)
{
    switch (SSL_get_error(s->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return TLS_MORE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    default:
        tls_explain_error(s->reason, sizeof s->reason, &s->peer);
        return TLS_FAILED;
    }
}

enum tls_status tls_handshake(struct tls_session *session)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(session->ssl);
    return rc == 1 ? TLS_OK : status_of(session, rc);
}

enum tls_status tls_read(struct tls_session *session, void *p, size_t n, size_t *got)
{
    ERR_clear_error();
    int rc = SSL_read_ex(session->ssl, p, n, got);
    return rc == 1 ? TLS_OK : status_of(session, rc);
}

void tls_write(struct tls_session *session, const void *p, size_t n)
{
    size_t put;
    ERR_clear_error();
    /* The buffer behind it takes everything. */
    if (SSL_write_ex(session->ssl, p, n, &put) != 1)
        (void)status_of(session, 0);
}

const char *tls_reason(const struct tls_session *session)
{
    return *session->reason ? session->reason : NULL;
}
