/* SPDX-License-Identifier: Apache-2.0
 * TLS for probes. */
#include "health/tls.h"

#include "health/tls_reason.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tls_context {
    SSL_CTX *ssl;
    atomic_uint refs;
};

struct tls_session {
    SSL *ssl;
    BIO *in, *out; /* owned by `ssl` */
    struct tls_peer peer;
    unsigned n_messages; /* of the TLS protocol, since the handshake */
    bool established, of_us;
    char reason[REASON_MAX];
};

/* ---- contexts ---- */

static bool show(SSL_CTX *ssl, const struct tls_client *client)
{
    if (!client->chain)
        return true;
    if (SSL_CTX_use_certificate(ssl, sk_X509_value(client->chain, 0)) != 1 ||
        SSL_CTX_use_PrivateKey(ssl, client->key) != 1)
        return false;
    for (int i = 1; i < sk_X509_num(client->chain); i++)
        if (SSL_CTX_add1_chain_cert(ssl, sk_X509_value(client->chain, i)) != 1)
            return false;
    return true;
}

/* Counts what keeps a session busy without bringing a reply. */
static void on_message(int outgoing, int version, int type, const void *p, size_t n, SSL *ssl,
                       void *arg)
{
    (void)version, (void)p, (void)n, (void)arg;
    struct tls_session *s = SSL_get_app_data(ssl);
    if (s && s->established && !outgoing && type == SSL3_RT_HANDSHAKE)
        s->n_messages++;
}

struct tls_context *tls_context_new(X509_STORE *store, const struct tls_client *client)
{
    ERR_clear_error();
    SSL_CTX *ssl = SSL_CTX_new(TLS_client_method());
    if (!ssl || !show(ssl, client)) {
        SSL_CTX_free(ssl);
        return NULL;
    }
    if (store)
        SSL_CTX_set1_cert_store(ssl, store);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    /* Many back ends close without a close_notify; the reply tells where it ends. */
    SSL_CTX_set_options(ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_msg_callback(ssl, on_message);
    struct tls_context *t = xcalloc(1, sizeof *t);
    t->ssl = ssl;
    atomic_init(&t->refs, 1);
    return t;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
    atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
    return context;
}

void tls_context_unref(struct tls_context *context)
{
    if (!context || atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) > 1)
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

/* Remembers the first error and its certificate; after the handshake OpenSSL has lost it. */
static int on_verify(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_peer *peer = &((struct tls_session *)SSL_get_app_data(ssl))->peer;
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

static bool set_up(struct tls_session *s, const struct check *check)
{
    BIO_set_mem_eof_return(s->in, -1);
    SSL_set_bio(s->ssl, s->in, s->out);
    SSL_set_connect_state(s->ssl);
    SSL_set_app_data(s->ssl, s);
    return (s->peer.is_address || SSL_set_tlsext_host_name(s->ssl, s->peer.expected) == 1) &&
           (!check->tls.verify || expect_peer(s));
}

struct tls_session *tls_open(struct tls_context *context, const struct check *check,
                             const struct trial_target *target)
{
    struct tls_session *s = xcalloc(1, sizeof *s);
    choose_peer(&s->peer, check, target);
    s->ssl = SSL_new(context->ssl);
    s->in = BIO_new(BIO_s_mem());
    s->out = BIO_new(BIO_s_mem());
    bool made = s->ssl && s->in && s->out;
    if (!made) {
        BIO_free(s->in);
        BIO_free(s->out);
    }
    if (!made || !set_up(s, check)) {
        snprintf(s->reason, sizeof s->reason, "TLS cannot be set up for %.120s", s->peer.expected);
        s->of_us = true;
    }
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

static enum tls_status fail(struct tls_session *s)
{
    s->of_us = ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE;
    tls_explain_error(s->reason, sizeof s->reason, &s->peer);
    return TLS_FAILED;
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
        return fail(s);
    }
}

enum tls_status tls_handshake(struct tls_session *session)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(session->ssl);
    session->established = rc == 1;
    return rc == 1 ? TLS_OK : status_of(session, rc);
}

enum tls_status tls_read(struct tls_session *session, void *p, size_t n, size_t *got)
{
    ERR_clear_error();
    int rc = SSL_read_ex(session->ssl, p, n, got);
    if (session->n_messages <= TLS_MESSAGES_MAX)
        return rc == 1 ? TLS_OK : status_of(session, rc);
    ERR_clear_error();
    snprintf(session->reason, sizeof session->reason,
             "too much TLS: more than %d messages since the handshake", TLS_MESSAGES_MAX);
    return TLS_FAILED;
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

bool tls_failed_of_us(const struct tls_session *session)
{
    return session->of_us;
}
