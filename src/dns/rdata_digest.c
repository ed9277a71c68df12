/* SPDX-License-Identifier: Apache-2.0
 * Fields of rdata that are digests: to the end, as long as their algorithm says. */
#include "dns/rdata_kind.h"

#include "base/units.h"

struct digest {
    uint8_t algorithm, length;
    const char *name;
};

static bool check_digest(struct rdata_walk *walk, const struct digest *list, size_t n,
                         uint8_t algorithm)
{
    size_t length = reader_left(&walk->r);
    const uint8_t *at = walk->r.p;
    for (size_t i = 0; i < n; i++)
        if (list[i].algorithm == algorithm && list[i].length != length)
            return rdata_fail(walk->error, at, "a digest of %zu byte%s, expected %u: that of %s",
                              length, units_plural(length), list[i].length, list[i].name);
    return rdata_check_some(walk);
}

/* RFC 4509, 5933, 6605; 0 is a deletion (RFC 8078 4), which DS does not know, nor forbid. */
static bool check_ds_digest(struct rdata_walk *walk)
{
    static const struct digest list[] = {
        {1, 20, "SHA-1"}, {2, 32, "SHA-256"}, {3, 32, "GOST"}, {4, 48, "SHA-384"}};
    return check_digest(walk, list, ARRAY_LEN(list), walk->start[3]);
}

/* RFC 4255 3.1.2, 6594 4.2 */
static bool check_sshfp_digest(struct rdata_walk *walk)
{
    static const struct digest list[] = {{1, 20, "SHA-1"}, {2, 32, "SHA-256"}};
    return check_digest(walk, list, ARRAY_LEN(list), walk->start[1]);
}

/* RFC 6698 2.1.3 */
static bool check_tlsa_digest(struct rdata_walk *walk)
{
    static const struct digest list[] = {{1, 32, "SHA-256"}, {2, 64, "SHA-512"}};
    return check_digest(walk, list, ARRAY_LEN(list), walk->start[2]);
}

/* RFC 8976 2.2: 12 bytes or more, whatever the algorithm */
static bool check_zonemd_digest(struct rdata_walk *walk)
{
    static const struct digest list[] = {{1, 48, "SHA-384"}, {2, 64, "SHA-512"}};
    size_t n = reader_left(&walk->r);
    if (n > 0 && n < 12)
        return rdata_fail(walk->error, walk->r.p, "a digest of %zu byte%s, expected 12 or more", n,
                          units_plural(n));
    return check_digest(walk, list, ARRAY_LEN(list), walk->start[5]);
}

#define DIGEST(name, checker)                                                                  \
    const struct rdata_kind rdata_kind_##name = {.expected = "a digest in hexadecimal digits", \
                                                 .read = rdata_read_hex,                       \
                                                 .check = checker,                             \
                                                 .print = rdata_print_hex_field}
DIGEST(DS_DIGEST, check_ds_digest);
DIGEST(SSHFP_DIGEST, check_sshfp_digest);
DIGEST(TLSA_DIGEST, check_tlsa_digest);
DIGEST(ZONEMD_DIGEST, check_zonemd_digest);
