/* SPDX-License-Identifier: Apache-2.0
 * PEM files: any bytes are certificates, a key, or a problem in words; a file that is taken holds
 * what was asked for, and nobody is asked for a passphrase. */
#include "fuzz.h"
#include "health/pem.h"

#include <openssl/err.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct pem_certificates certificates;
    char problem[REASON_MAX] = "";
    EVP_PKEY *key = NULL;
    int code = pem_read_certificates(&certificates, slice_of(data, n), problem);
    CHECK(code == 0 || (code == E_INVALID && strstr(problem, ", expected ")));
    if (code == 0) {
        CHECK(sk_X509_num(certificates.certificates) > 0);
        pem_certificates_free(&certificates);
    }
    *problem = '\0';
    code = pem_read_key(&key, slice_of(data, n), problem);
    CHECK((code == 0) == (key != NULL));
    CHECK(code == 0 || (code == E_INVALID && strstr(problem, ", expected ")));
    EVP_PKEY_free(key);
    CHECK(ERR_peek_error() == 0);
    return 0;
}
