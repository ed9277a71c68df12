/* SPDX-License-Identifier: Apache-2.0
 * What went wrong with TLS, in an operator's words. */
#pragma once

#include "base/ip.h"
#include "health/state.h"

#include <openssl/x509.h>

/** Whom a session expects, and what was wrong with the certificate that came. */
struct tls_peer {
    char expected[256]; /* host name, or address as text */
    bool is_address;
    struct ip address;
    char problem[REASON_MAX]; /* "" : nothing */
};

/** Fills peer->problem from an X509_V_ERR_* code; `depth` 0 is the server's own certificate. */
void tls_explain_certificate(struct tls_peer *peer, int code, X509 *certificate, int depth)
    __attribute__((nonnull(1)));

/** Says why the session failed, from the certificate or OpenSSL's queue, which it empties. */
void tls_explain_error(char *out, size_t max, const struct tls_peer *peer) ATTR_NONNULL;
