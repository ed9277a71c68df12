/* SPDX-License-Identifier: Apache-2.0
 * Certificates and keys out of PEM files (RFC 7468), with words for those that are none: what the
 * file seems to be, in which line the trouble begins, and the first thing that OpenSSL had to say
 * of it. Pure: bytes in; no terminal is ever asked for a passphrase. */
#pragma once

#include "base/slice.h"
#include "health/state.h"

#include <openssl/x509.h>

/** What a file says that holds certificates; CRLs beside them are kept, keys are passed over. */
struct pem_certificates {
    STACK_OF(X509) * certificates; /* in the order of the file, at least one */
    STACK_OF(X509_CRL) * crls;     /* NULL: none */
};

/** Reads all certificates. Returns 0; or E_INVALID, with `problem` as in "it is empty, expected
 *  certificates (PEM)"; or E_SYSTEM when memory ran out. pem_certificates_free() is due after 0. */
int pem_read_certificates(struct pem_certificates *out, struct slice content,
                          char problem[REASON_MAX]) ATTR_NONNULL ATTR_MUST_USE;
void pem_certificates_free(struct pem_certificates *certificates) ATTR_NONNULL;

/** Reads the first private key, for EVP_PKEY_free(). Codes and problem as above. */
int pem_read_key(EVP_PKEY **out, struct slice content,
                 char problem[REASON_MAX]) ATTR_NONNULL ATTR_MUST_USE;

/** The first error of OpenSSL's queue, which is the cause; those behind it say what failed because
 *  of it. Empties the queue. Never NULL. */
const char *pem_first_error(void) ATTR_RETURNS_NONNULL;
