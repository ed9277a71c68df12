/* SPDX-License-Identifier: Apache-2.0
 * SipHash-2-4: the published vectors, and OpenSSL's over random keys and messages. */
#include "base/siphash.h"

#include "base/rng.h"

#include <openssl/evp.h>
#include <openssl/params.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define LONGEST 80

static void test_published(void **state)
{
    static const struct {
        uint32_t n;
        uint64_t hash;
    } of[] = {{0, UINT64_C(0x726fdb47dd0e0e31)},
              {8, UINT64_C(0x93f5f5799a932462)},
              {15, UINT64_C(0xa129ca6149be45e5)},
              {63, UINT64_C(0x958a324ceb064572)}};
    uint8_t bytes[64];
    (void)state;
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    for (unsigned i = 0; i < ARRAY_LEN(of); i++)
        assert_int_equal(siphash(siphash_key(bytes), bytes, of[i].n), of[i].hash);
}

static uint64_t by_openssl(EVP_MAC *mac, const uint8_t key[16], const uint8_t *p, uint32_t n)
{
    size_t len = 8;
    uint8_t out[16];
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t("size", &len), OSSL_PARAM_construct_end()};
    assert_int_equal(EVP_MAC_init(ctx, key, 16, params), 1);
    assert_int_equal(EVP_MAC_update(ctx, p, n), 1);
    assert_int_equal(EVP_MAC_final(ctx, out, &len, sizeof out), 1);
    EVP_MAC_CTX_free(ctx);
    return siphash_le64(out);
}

static void test_like_openssl(void **state)
{
    struct rng rng = {1};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    (void)state;
    assert_non_null(mac);
    for (uint32_t round = 0; round < 4000; round++) {
        uint8_t key[16], message[LONGEST];
        for (unsigned i = 0; i < sizeof key; i++)
            key[i] = (uint8_t)rng_next(&rng);
        for (unsigned i = 0; i < sizeof message; i++)
            message[i] = (uint8_t)rng_next(&rng);
        uint32_t n = round % (LONGEST + 1);
        assert_int_equal(siphash(siphash_key(key), message + LONGEST - n, n),
                         by_openssl(mac, key, message + LONGEST - n, n));
    }
    EVP_MAC_free(mac);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_like_openssl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
