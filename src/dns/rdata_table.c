/* SPDX-License-Identifier: Apache-2.0
 * What rdata is made of, by type (IANA "Resource Record (RR) TYPEs"). */
#include "dns/rdata_kind.h"
#include "dns/types.h"

#include "base/attr.h"

#include <strings.h>

#define F(...) .fields = {__VA_ARGS__}
#define NAMES(at, n) .name_at = (at), .n_names = (n), .ignores_case = true
#define ONE_NAME NAMES(0, 1), .is_short = true, F(FIELD_NAME)
#define TWO_NAMES NAMES(0, 2), F(FIELD_NAME, FIELD_NAME)
#define PREFERENCE_NAME NAMES(2, 1), .is_short = true, F(FIELD_U16, FIELD_NAME)
#define DS_FIELDS F(FIELD_U16, FIELD_ALGORITHM, FIELD_DIGEST_TYPE, FIELD_DS_DIGEST)
#define DNSKEY_FIELDS F(FIELD_U16, FIELD_U8, FIELD_ALGORITHM, FIELD_BASE64)
#define RRSIG_FIELDS                                                                       \
    F(FIELD_TYPE, FIELD_ALGORITHM, FIELD_U8, FIELD_U32, FIELD_TIME, FIELD_TIME, FIELD_U16, \
      FIELD_NAME, FIELD_BASE64)
#define TLSA_FIELDS F(FIELD_TLSA_USAGE, FIELD_TLSA_SELECTOR, FIELD_TLSA_MATCHING, FIELD_TLSA_DIGEST)
#define SVCB_FIELDS .name_at = 2, .n_names = 1, F(FIELD_U16, FIELD_NAME, FIELD_SVCPARAMS)

enum { FORM_TA = TYPE_WALLET + 1, FORM_DLV, FORM_COUNT };

static const struct rdata_form forms[FORM_COUNT] = {
    [TYPE_A] = {"A", .is_short = true, F(FIELD_IPV4)},
    [TYPE_NS] = {"NS", .compressible = true, ONE_NAME},
    [3] = {"MD", .compressible = true, ONE_NAME},
    [4] = {"MF", .compressible = true, ONE_NAME},
    [TYPE_CNAME] = {"CNAME", .compressible = true, ONE_NAME},
    [TYPE_SOA] = {"SOA", .compressible = true, NAMES(0, 2), .is_short = true,
                  F(FIELD_NAME, FIELD_NAME, FIELD_U32, FIELD_SECONDS, FIELD_SECONDS, FIELD_SECONDS,
                    FIELD_SECONDS)},
    [7] = {"MB", .compressible = true, ONE_NAME},
    [8] = {"MG", .compressible = true, ONE_NAME},
    [9] = {"MR", .compressible = true, ONE_NAME},
    [10] = {"NULL", F(FIELD_OPAQUE_ANY)},
    [11] = {"WKS", F(FIELD_IPV4, FIELD_SERVICES)},
    [TYPE_PTR] = {"PTR", .compressible = true, ONE_NAME},
    [TYPE_HINFO] = {"HINFO", F(FIELD_STRING, FIELD_STRING)},
    [14] = {"MINFO", .compressible = true, TWO_NAMES},
    [TYPE_MX] = {"MX", .compressible = true, PREFERENCE_NAME},
    [TYPE_TXT] = {"TXT", F(FIELD_STRINGS)},
    [17] = {"RP", TWO_NAMES},
    [18] = {"AFSDB", PREFERENCE_NAME},
    [19] = {"X25", F(FIELD_DIGITS)},
    [20] = {"ISDN", F(FIELD_STRING, FIELD_STRING_LAST)},
    [21] = {"RT", PREFERENCE_NAME},
    [22] = {"NSAP", F(FIELD_NSAP)},
    [23] = {"NSAP-PTR", .is_short = true, F(FIELD_NAME)},
    [24] = {"SIG", .ignores_case = true, RRSIG_FIELDS},
    [25] = {"KEY", F(FIELD_U16, FIELD_U8, FIELD_ALGORITHM, FIELD_KEY_KEY)},
    [26] = {"PX", NAMES(2, 2), F(FIELD_U16, FIELD_NAME, FIELD_NAME)},
    [27] = {"GPOS", F(FIELD_STRING, FIELD_STRING, FIELD_STRING)},
    [TYPE_AAAA] = {"AAAA", .is_short = true, F(FIELD_IPV6)},
    [29] = {"LOC", F(FIELD_LOCATION)},
    [30] = {"NXT", NAMES(0, 1), F(FIELD_NAME, FIELD_TYPES_NXT)},
    [31] = {"EID", F(FIELD_HEX)},
    [32] = {"NIMLOC", F(FIELD_HEX)},
    [TYPE_SRV] = {"SRV", NAMES(6, 1), .is_short = true,
                  F(FIELD_U16, FIELD_U16, FIELD_U16, FIELD_NAME)},
    [34] = {"ATMA", F(FIELD_OPAQUE)},
    [35] = {"NAPTR", .ignores_case = true,
            F(FIELD_U16, FIELD_U16, FIELD_STRING, FIELD_STRING, FIELD_STRING, FIELD_NAME)},
    [36] = {"KX", PREFERENCE_NAME},
    [37] = {"CERT", F(FIELD_CERT_TYPE, FIELD_U16, FIELD_ALGORITHM, FIELD_BASE64)},
    [38] = {"A6", F(FIELD_A6)},
    [TYPE_DNAME] = {"DNAME", ONE_NAME},
    [40] = {"SINK", F(FIELD_U8, FIELD_U8, FIELD_U8, FIELD_BASE64)},
    [42] = {"APL", F(FIELD_PREFIXES)},
    [TYPE_DS] = {"DS", DS_FIELDS},
    [44] = {"SSHFP", F(FIELD_U8, FIELD_U8, FIELD_SSHFP_DIGEST)},
    [45] = {"IPSECKEY", F(FIELD_U8, FIELD_U8, FIELD_U8, FIELD_GATEWAY, FIELD_IPSECKEY_KEY)},
    [TYPE_RRSIG] = {"RRSIG", .ignores_case = true, RRSIG_FIELDS},
    [TYPE_NSEC] = {"NSEC", F(FIELD_NAME, FIELD_TYPES)},
    [48] = {"DNSKEY", DNSKEY_FIELDS},
    [49] = {"DHCID", F(FIELD_BASE64)},
    [50] = {"NSEC3", F(FIELD_U8, FIELD_U8, FIELD_U16, FIELD_SALT, FIELD_HASH, FIELD_TYPES_ANY)},
    [51] = {"NSEC3PARAM", F(FIELD_U8, FIELD_U8, FIELD_U16, FIELD_SALT)},
    [52] = {"TLSA", TLSA_FIELDS},
    [53] = {"SMIMEA", TLSA_FIELDS},
    [55] = {"HIP", F(FIELD_HOST_IDENTITY, FIELD_SERVERS)},
    [56] = {"NINFO", F(FIELD_STRINGS)},
    [57] = {"RKEY", DNSKEY_FIELDS},
    [58] = {"TALINK", .name_at = 0, .n_names = 2, F(FIELD_NAME, FIELD_NAME)},
    [59] = {"CDS", DS_FIELDS},
    [60] = {"CDNSKEY", DNSKEY_FIELDS},
    [61] = {"OPENPGPKEY", F(FIELD_BASE64)},
    [62] = {"CSYNC", F(FIELD_U32, FIELD_U16, FIELD_TYPES_ANY)},
    [63] = {"ZONEMD", F(FIELD_U32, FIELD_U8, FIELD_U8, FIELD_ZONEMD_DIGEST)},
    [64] = {"SVCB", SVCB_FIELDS},
    [65] = {"HTTPS", SVCB_FIELDS},
    [66] = {"DSYNC", F(FIELD_TYPE, FIELD_SCHEME, FIELD_U16, FIELD_NAME)},
    [67] = {"HHIT", F(FIELD_BASE64)},
    [68] = {"BRID", F(FIELD_BASE64)},
    [TYPE_SPF] = {"SPF", F(FIELD_STRINGS)},
    [100] = {"UINFO", F(FIELD_OPAQUE)},
    [101] = {"UID", F(FIELD_OPAQUE)},
    [102] = {"GID", F(FIELD_OPAQUE)},
    [103] = {"UNSPEC", F(FIELD_OPAQUE)},
    [104] = {"NID", F(FIELD_U16, FIELD_NODE64)},
    [105] = {"L32", F(FIELD_U16, FIELD_IPV4)},
    [106] = {"L64", F(FIELD_U16, FIELD_NODE64)},
    [107] = {"LP", .name_at = 2, .n_names = 1, F(FIELD_U16, FIELD_NAME)},
    [108] = {"EUI48", F(FIELD_EUI48)},
    [109] = {"EUI64", F(FIELD_EUI64)},
    [256] = {"URI", F(FIELD_U16, FIELD_U16, FIELD_TARGET)},
    [TYPE_CAA] = {"CAA", F(FIELD_U8, FIELD_TAG, FIELD_VALUE)},
    [258] = {"AVC", F(FIELD_STRINGS)},
    [259] = {"DOA", F(FIELD_U32, FIELD_U32, FIELD_U8, FIELD_STRING, FIELD_BASE64_DASH)},
    [260] = {"AMTRELAY", F(FIELD_U8, FIELD_RELAY)},
    [261] = {"RESINFO", F(FIELD_STRINGS)},
    [TYPE_WALLET] = {"WALLET", F(FIELD_STRINGS)},
    [FORM_TA] = {"TA", DS_FIELDS},
    [FORM_DLV] = {"DLV", DS_FIELDS},
};

#define TYPE_TA 32768
#define TYPE_DLV 32769

const struct rdata_form *rdata_form(uint16_t type)
{
    unsigned i = type == TYPE_TA ? FORM_TA : type == TYPE_DLV ? FORM_DLV : type;
    bool known = (i == type ? i <= TYPE_WALLET : true) && forms[i].name[0];
    return known ? &forms[i] : NULL;
}

int rdata_type_of_name(const char *name, size_t n)
{
    for (unsigned i = 1; i < FORM_COUNT; i++)
        if (forms[i].name[0] && strncasecmp(forms[i].name, name, n) == 0 && !forms[i].name[n])
            return i == FORM_TA ? TYPE_TA : i == FORM_DLV ? TYPE_DLV : (int)i;
    return -1;
}
