/* SPDX-License-Identifier: Apache-2.0
 * TLS for probes: OpenSSL between two memory buffers, so that the caller owns the connection.
 *
 * A context is what checks share: whom they trust and what they show (credentials.h makes it, when
 * a configuration is loaded). A session belongs to one connection. Contexts have counted
 * references, on any thread: a generation and the checker hold them. */
#pragma once

#include "health/trial.h"

#include <openssl/x509.h>

struct tls_context;
struct tls_session;

/** What a client shows. */
struct tls_client {
    STACK_OF(X509) * chain; /* its own certificate first; NULL: it shows none */
    EVP_PKEY *key;
};

/** A context that trusts `store` (NULL: nobody). Both are borrowed: what is needed of them is
 *  referred to. Returns NULL when OpenSSL refuses, with the reason in its queue of errors. The
 *  caller holds the first reference. */
struct tls_context *tls_context_new(X509_STORE *store,
                                    const struct tls_client *client) ATTR_MUST_USE;
struct tls_context *tls_context_ref(struct tls_context *context) ATTR_NONNULL ATTR_RETURNS_NONNULL;
void tls_context_unref(struct tls_context *context);

enum tls_status {
    TLS_OK,
    TLS_MORE, /* nothing to do until more input has come */
    TLS_CLOSED,
    TLS_FAILED, /* tls_reason() says why */
};

/** Messages of the TLS protocol itself that a session takes once its handshake is done: tickets,
 *  new keys, two renegotiations. A server that sends more keeps us busy without an answer. */
#define TLS_MESSAGES_MAX 64

/** A client session for a check of type https; test tls_reason() for a failure at once, which then
 *  is ours. */
struct tls_session *tls_open(struct tls_context *context, const struct check *check,
                             const struct trial_target *target) ATTR_NONNULL;
void tls_close(struct tls_session *session);

/** What came from the peer. */
void tls_input(struct tls_session *session, const void *p, size_t n) ATTR_NONNULL;
/** Takes at most `n` bytes to be sent to the peer; returns how many there were. */
size_t tls_output(struct tls_session *session, void *p, size_t n) ATTR_NONNULL;

enum tls_status tls_handshake(struct tls_session *session) ATTR_NONNULL;
enum tls_status tls_read(struct tls_session *session, void *p, size_t n, size_t *got) ATTR_NONNULL;
void tls_write(struct tls_session *session, const void *p, size_t n) ATTR_NONNULL;

/** Why the session failed; NULL while it did not. */
const char *tls_reason(const struct tls_session *session) ATTR_NONNULL;
/** Whether that was for want of something of ours: memory, or what a session is made of. */
bool tls_failed_of_us(const struct tls_session *session) ATTR_NONNULL;
