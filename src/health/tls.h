/* SPDX-License-Identifier: Apache-2.0
 * TLS for probes: OpenSSL between two memory buffers, so that the caller owns the connection.
 * A context belongs to a check, a session to one connection. */
#pragma once

#include "health/trial.h"

struct tls_context;
struct tls_session;

/** Loads what the check names (CA, client certificate). Never NULL: when that fails, every session
 *  of the context fails with the reason, which is logged once here. */
struct tls_context *tls_context_new(const struct check *check) ATTR_NONNULL;
void tls_context_free(struct tls_context *context);

enum tls_status {
    TLS_OK,
    TLS_MORE, /* nothing to do until more input has come */
    TLS_CLOSED,
    TLS_FAILED, /* tls_reason() says why */
};

/** A client session; test tls_reason() for a failure at once. */
struct tls_session *tls_open(struct tls_context *context,
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
