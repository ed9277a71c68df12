/* SPDX-License-Identifier: Apache-2.0
 * ClientHellos of any bytes, and the same bytes as a message in records of another size: the name
 * is the same, and of the beginning of one nothing is said that the whole takes back. */
#include "base/buf.h"
#include "fuzz.h"
#include "l4/client_hello.h"

#include <string.h>

struct seen {
    enum client_hello is;
    char name[CLIENT_HELLO_NAME_MAX];
    uint8_t alert;
};

static struct seen read_it(const void *p, size_t n)
{
    struct seen s = {0};
    const char *why = NULL;
    uint32_t length = UINT32_MAX;
    s.is = client_hello_read(s.name, &length, slice_of(p, n), &why, &s.alert);
    CHECK((s.is == CLIENT_HELLO_BAD) == (why != NULL) && (s.alert != 0) == (why != NULL));
    CHECK(length < sizeof s.name && strlen(s.name) == length);
    CHECK(s.is == CLIENT_HELLO_DONE || length == 0);
    CHECK(s.is != CLIENT_HELLO_MORE || n < CLIENT_HELLO_MAX);
    for (uint32_t i = 0; i < length; i++)
        CHECK(strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.", s.name[i]));
    return s;
}

/* The bytes as the body of a ClientHello whose length is right, in records of `size`. */
static struct seen read_in_records(const uint8_t *p, size_t n, size_t size)
{
    struct buf message = {0}, out = {0};
    buf_add(&message, (uint8_t[]){1, 0, (uint8_t)(n >> 8), (uint8_t)n}, 4);
    buf_add(&message, p, n);
    for (size_t at = 0; at < message.n; at += size) {
        size_t part = message.n - at < size ? message.n - at : size;
        buf_add(&out, (uint8_t[]){22, 3, 1, (uint8_t)(part >> 8), (uint8_t)part}, 5);
        buf_add(&out, message.p + at, part);
    }
    CHECK(read_it(out.p, out.n - 1).is == CLIENT_HELLO_MORE);
    struct seen s = read_it(out.p, out.n);
    CHECK(s.is != CLIENT_HELLO_MORE);
    buf_free(&message);
    buf_free(&out);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct seen whole = read_it(data, n), half = read_it(data, n / 2);
    CHECK(half.is == CLIENT_HELLO_MORE || memcmp(&half, &whole, sizeof half) == 0);
    if (n > 2000)
        return 0; /* records of a few bytes must not come to CLIENT_HELLO_MAX */
    struct seen once = read_in_records(data, n, 16384);
    struct seen split = read_in_records(data, n, 1 + n / 3);
    CHECK(memcmp(&once, &split, sizeof once) == 0);
    return 0;
}
