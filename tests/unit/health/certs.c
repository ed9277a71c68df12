/* SPDX-License-Identifier: Apache-2.0
 * Certificates made on the spot. */
#include "certs.h"

#include <assert.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static void add_extension(X509 *x509, const struct certificate *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer ? issuer->x509 : x509, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert(extension);
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
}

struct certificate certificate_make(const struct certificate_wish *wish)
{
    static int serial;
    struct certificate c = {EVP_EC_gen("P-256"), X509_new()};
    X509_NAME *name = X509_get_subject_name(c.x509);
    X509_set_version(c.x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(c.x509), ++serial);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)wish->common_name,
                               -1, -1, 0);
    X509_set_issuer_name(c.x509, wish->issuer ? X509_get_subject_name(wish->issuer->x509) : name);
    /* A little later in the day, so that "in 2 days" is still so a moment later. */
    X509_time_adj_ex(X509_getm_notBefore(c.x509), wish->from_days, 600, NULL);
    X509_time_adj_ex(X509_getm_notAfter(c.x509), wish->until_days, 0, NULL);
    X509_set_pubkey(c.x509, c.key);
    add_extension(c.x509, wish->issuer, NID_basic_constraints,
                  wish->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (wish->names)
        add_extension(c.x509, wish->issuer, NID_subject_alt_name, wish->names);
    X509_sign(c.x509, wish->issuer ? wish->issuer->key : c.key, EVP_sha256());
    return c;
}

void certificate_free(struct certificate *c)
{
    EVP_PKEY_free(c->key);
    X509_free(c->x509);
}

void certificate_write(const struct certificate *c, const char *cert_path, const char *key_path)
{
    FILE *file = fopen(cert_path, "w");
    assert(file);
    PEM_write_X509(file, c->x509);
    fclose(file);
    if (!key_path)
        return;
    file = fopen(key_path, "w");
    assert(file);
    PEM_write_PrivateKey(file, c->key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
}

SSL_CTX *server_context(const struct certificate *c, const struct certificate *client_ca)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(ctx, c->x509);
    SSL_CTX_use_PrivateKey(ctx, c->key);
    if (client_ca) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), client_ca->x509);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return ctx;
}
