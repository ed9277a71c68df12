/* SPDX-License-Identifier: Apache-2.0
 * Certificates and keys out of PEM files. */
#include "health/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#define CERTIFICATES "certificates (PEM)"
#define KEY "a private key (PEM, without passphrase)"

static const char begin[] = "-----BEGIN ";

/* What the label of a block makes a file: the end of the label decides. */
static const struct {
    const char *label, *is;
    bool key;
} labels[] = {
    {"CERTIFICATE", "a certificate", false},
    {"OPENSSH PRIVATE KEY", "a key of OpenSSH", false},
    {"PRIVATE KEY", "a private key", true},
    {"CERTIFICATE REQUEST", "a certificate request", false},
    {PEM_STRING_X509_CRL, "a list of revoked certificates", false},
    {"PUBLIC KEY", "a public key", false},
    {"PKCS7", "a PKCS#7 container", false},
    {"PARAMETERS", "a set of parameters", false},
};

const char *pem_first_error(void)
{
    unsigned long e = ERR_get_error();
    const char *text =
        ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e)) : ERR_reason_error_string(e);
    ERR_clear_error();
    return text ? text : "unknown error";
}

/* ---- blocks ---- */

/* One block of a file, as its label line has it. */
struct block {
    const uint8_t *p;
    int kind; /* of `labels`; -1: none of them */
};

static int kind_of(const uint8_t *label, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        size_t len = strlen(labels[i].label);
        if (n >= len && memcmp(label + n - len, labels[i].label, len) == 0)
            return (int)i;
    }
    return -1;
}

/* The next block whose label line begins at or after `from`. */
static bool find_block(struct block *block, struct slice content, const uint8_t *from)
{
    const uint8_t *end = content.p + content.n;
    const uint8_t *at = memmem(from, (size_t)(end - from), begin, sizeof begin - 1);
    if (!at)
        return false;
    block->p = at;
    const uint8_t *label = at + sizeof begin - 1;
    const uint8_t *dashes = memmem(label, (size_t)(end - label), "-----", 5);
    const uint8_t *eol = memchr(label, '\n', (size_t)(end - label));
    bool whole = dashes && (!eol || dashes < eol);
    block->kind = whole ? kind_of(label, (size_t)(dashes - label)) : -1;
    return true;
}

static unsigned line_of(const struct block *block, struct slice content)
{
    unsigned line = 1;
    for (const uint8_t *p = content.p; p < block->p; p++)
        line += *p == '\n';
    return line;
}

/* What a file is that does not hold what was wanted. */
static void describe(char problem[REASON_MAX], struct slice content, const char *expected)
{
    struct block block;
    if (content.n == 0)
        snprintf(problem, REASON_MAX, "it is empty, expected %s", expected);
    else if (find_block(&block, content, content.p) && block.kind >= 0)
        snprintf(problem, REASON_MAX, "it is %s, expected %s", labels[block.kind].is, expected);
    else if (content.p[0] == 0x30 && content.n > 1 && content.p[1] >= 0x80) /* a long SEQUENCE */
        snprintf(problem, REASON_MAX, "it is in DER or PKCS#12 format, expected %s", expected);
    else
        snprintf(problem, REASON_MAX, "it holds no PEM block, expected %s", expected);
}

static bool is_out_of_memory(void)
{
    return ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE;
}

/* The rest of a block, or of the file, is not as it should be. */
static int refuse_block(char problem[REASON_MAX], struct slice content, const struct block *block,
                        const char *expected)
{
    const uint8_t *after = block->p + sizeof begin - 1;
    size_t left = (size_t)(content.p + content.n - after);
    if (is_out_of_memory())
        return E_SYSTEM;
    bool ends = memmem(after, left, "-----END ", 9) != NULL;
    const char *what = block->kind >= 0 ? labels[block->kind].is + 2 : "block";
    snprintf(problem, REASON_MAX, "the %s that begins in line %u is %s (%s), expected %s", what,
             line_of(block, content), ends ? "damaged" : "cut off", pem_first_error(), expected);
    return E_INVALID;
}

/* ---- certificates ---- */

static bool keep(struct pem_certificates *to, const char *name, const uint8_t *der, long n)
{
    if (strcmp(name, PEM_STRING_X509_CRL) == 0) {
        X509_CRL *crl = d2i_X509_CRL(NULL, &der, n);
        if (crl && !to->crls)
            to->crls = sk_X509_CRL_new_null();
        if (crl && to->crls && sk_X509_CRL_push(to->crls, crl) > 0)
            return true;
        X509_CRL_free(crl);
        return false;
    }
    bool trusted = strcmp(name, PEM_STRING_X509_TRUSTED) == 0;
    if (!trusted && strcmp(name, PEM_STRING_X509) != 0 && strcmp(name, PEM_STRING_X509_OLD) != 0)
        return true;
    X509 *x509 = trusted ? d2i_X509_AUX(NULL, &der, n) : d2i_X509(NULL, &der, n);
    if (x509 && sk_X509_push(to->certificates, x509) > 0)
        return true;
    X509_free(x509);
    return false;
}

/* Reads the block that `bio` has next. */
static bool read_block(struct pem_certificates *to, BIO *bio)
{
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long n = 0;
    if (PEM_read_bio(bio, &name, &header, &der, &n) != 1)
        return false;
    bool ok = keep(to, name, der, n);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(der, (size_t)n); /* it may be a key */
    return ok;
}

static int read_certificates(struct pem_certificates *to, struct slice content, BIO *bio,
                             char problem[REASON_MAX])
{
    struct block block;
    const uint8_t *at = content.p;
    while (find_block(&block, content, at)) {
        if (!read_block(to, bio))
            return refuse_block(problem, content, &block, CERTIFICATES);
        at = content.p + content.n - BIO_pending(bio);
    }
    if (sk_X509_num(to->certificates) > 0)
        return 0;
    describe(problem, content, CERTIFICATES);
    return E_INVALID;
}

int pem_read_certificates(struct pem_certificates *out, struct slice content,
                          char problem[REASON_MAX])
{
    ERR_clear_error();
    BIO *bio = BIO_new_mem_buf(content.p, (int)content.n);
    *out = (struct pem_certificates){.certificates = sk_X509_new_null()};
    int code = E_SYSTEM;
    if (bio && out->certificates)
        code = read_certificates(out, content, bio, problem);
    BIO_free(bio);
    ERR_clear_error();
    if (code != 0)
        pem_certificates_free(out);
    return code;
}

void pem_certificates_free(struct pem_certificates *c)
{
    sk_X509_pop_free(c->certificates, X509_free);
    sk_X509_CRL_pop_free(c->crls, X509_CRL_free);
    *c = (struct pem_certificates){0};
}

/* ---- keys ---- */

static int no_passphrase(char *out, int max, int writing, void *asked)
{
    (void)out, (void)max, (void)writing;
    *(bool *)asked = true;
    return -1;
}

static bool find_key(struct block *block, struct slice content)
{
    const uint8_t *at = content.p;
    for (; find_block(block, content, at); at = block->p + sizeof begin - 1)
        if (block->kind >= 0 && labels[block->kind].key)
            return true;
    return false;
}

int pem_read_key(EVP_PKEY **out, struct slice content, char problem[REASON_MAX])
{
    struct block block;
    bool asked = false;
    *out = NULL;
    if (!find_key(&block, content)) {
        describe(problem, content, KEY);
        return E_INVALID;
    }
    ERR_clear_error();
    BIO *bio = BIO_new_mem_buf(block.p, (int)(content.p + content.n - block.p));
    if (!bio)
        return E_SYSTEM;
    *out = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &asked);
    BIO_free(bio);
    int code = 0;
    if (!*out && asked) {
        snprintf(problem, REASON_MAX, "it is encrypted with a passphrase, expected %s", KEY);
        code = E_INVALID;
    } else if (!*out) {
        code = refuse_block(problem, content, &block, KEY);
    }
    ERR_clear_error();
    return code;
}
