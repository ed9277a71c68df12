/* SPDX-License-Identifier: Apache-2.0
 * Certificates made on the spot, for tests of TLS probes. */
#pragma once

#include <openssl/ssl.h>

struct certificate {
    EVP_PKEY *key;
    X509 *x509;
};

/** What a certificate is to say. */
struct certificate_wish {
    const char *common_name;
    const char *names;                /* subjectAltName, as "DNS:a,IP:b"; NULL: none */
    int from_days, until_days;        /* relative to now */
    const struct certificate *issuer; /* NULL: itself */
    int is_ca;
};

struct certificate certificate_make(const struct certificate_wish *wish);
void certificate_free(struct certificate *c);
void certificate_write(const struct certificate *c, const char *cert_path, const char *key_path);

/** A server context; with `client_ca`, clients must show a certificate of that authority. */
SSL_CTX *server_context(const struct certificate *c, const struct certificate *client_ca);
