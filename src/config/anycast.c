/* SPDX-License-Identifier: Apache-2.0
 * Prefix sets: what is announced while this node serves it. Their keys. */
#include "config/anycast_draft.h"

#define MINUTE_MS (60 * 1000u)

static void read_speaker(struct load *load, const struct yaml_node *node, void *field)
{
    *(uint32_t *)field = namespace_find(load, &load->speakers, node, "'speaker'");
}

static void read_site(struct load *load, const struct yaml_node *node, void *field)
{
    *(uint32_t *)field = namespace_find(load, &load->sites, node, "'site'");
}

static void read_allow(struct load *load, const struct yaml_node *node, void *field)
{
    static const struct schema_word words[] = {{"wide", true, ""}};
    static const struct schema_key key = {.name = "allow",
                                          .kind = SCHEMA_WORD,
                                          SCHEMA_WORDS(words),
                                          .type = "wide, or an empty list"};
    struct yaml_items items = yaml_items(&node);
    for (uint32_t i = 0; i < items.n; i++) {
        unsigned value = false;
        schema_read_value(load, &key, items.v[i], &value);
        *(bool *)field |= value != 0;
    }
}

static void read_prepend(struct load *load, const struct yaml_node *node, void *field)
{
    static const struct schema_key key = {
        .name = "prepend", .kind = SCHEMA_U16, .min = 0, .max = PREPEND_MAX};
    uint16_t n = 0;
    schema_read_value(load, &key, node, &n);
    *(uint8_t *)field = (uint8_t)n;
}

static void read_med(struct load *load, const struct yaml_node *node, void *field)
{
    static const struct schema_key key = {
        .name = "med", .kind = SCHEMA_U32, .min = 0, .max = UINT32_MAX};
    struct anycast_attributes *attributes = field;
    attributes->has_med = true;
    schema_read_value(load, &key, node, &attributes->med);
}

#define ATTRIBUTE(member) offsetof(struct anycast_attributes, member)

static const struct schema_key degraded_keys[] = {
    {.name = "prepend",
     .kind = SCHEMA_CUSTOM,
     .offset = ATTRIBUTE(prepend),
     .read = read_prepend,
     .type = "a whole number from 0 to 16",
     .fallback = "0",
     .doc = "How many times the speaker's `as` is put before the path.",
     .example = "2"},
    {.name = "med",
     .kind = SCHEMA_CUSTOM,
     .read = read_med,
     .type = "a whole number from 0 to 4294967295",
     .fallback_doc = "none: as the speaker has it",
     .doc = "The MED. For `bird` it takes the function of the written file in the export filter.",
     .example = "200"},
    {.name = "communities",
     .kind = SCHEMA_CUSTOM,
     .read = degraded_communities_read,
     .type = "a community or a list of them",
     .fallback_doc = "none",
     .doc = "Communities beside those of the set.",
     .example = "[\"65001:90\"]"},
};
static const struct schema degraded_schema = {
    .title = "'degraded'",
    .doc = "How the set is announced while `full` does not hold: still, but for others to be "
           "preferred.",
    SCHEMA_KEYS(degraded_keys)};

/* ---- hooks ---- */

#define HOOK_MS_MAX (10 * MINUTE_MS)

static const struct schema_key on_announce_keys[] = {
    {.name = "command",
     .kind = SCHEMA_STRINGS,
     .required = true,
     .offset = SET_DRAFT(on_announce),
     .at = SET_DRAFT(set.on_announce.command_at),
     .doc = "The program and its arguments, run without a shell. Its environment has LOADSTAR_SET, "
            "LOADSTAR_CHANGE (announce or withdraw), LOADSTAR_PREFIXES (with blanks between), "
            "LOADSTAR_SITE.",
     .example = "[/usr/local/bin/announced, --set, dns]"},
    {.name = "timeout",
     .kind = SCHEMA_MS,
     .offset = SET_DRAFT(set.on_announce.timeout_ms),
     .min = 100,
     .max = HOOK_MS_MAX,
     .fallback = "5s",
     .doc = "A command that takes longer has failed, and is killed.",
     .example = "10s"},
    {.name = "required",
     .kind = SCHEMA_BOOL,
     .offset = SET_DRAFT(set.on_announce.required),
     .fallback = "false",
     .doc = "Whether nothing is announced before it has succeeded.",
     .example = "true"},
};
static const struct schema on_announce_schema = {
    .title = "'on_announce'", .doc = "A command before announcing.", SCHEMA_KEYS(on_announce_keys)};

static const struct schema_key on_withdraw_keys[] = {
    {.name = "command",
     .kind = SCHEMA_STRINGS,
     .required = true,
     .offset = SET_DRAFT(on_withdraw),
     .at = SET_DRAFT(set.on_withdraw.command_at),
     .doc = "The program and its arguments, run without a shell. Its environment has LOADSTAR_SET, "
            "LOADSTAR_CHANGE (announce or withdraw), LOADSTAR_PREFIXES (with blanks between), "
            "LOADSTAR_SITE.",
     .example = "[/usr/local/bin/withdrawn, --set, dns]"},
    {.name = "timeout",
     .kind = SCHEMA_MS,
     .offset = SET_DRAFT(set.on_withdraw.timeout_ms),
     .min = 100,
     .max = HOOK_MS_MAX,
     .fallback = "5s",
     .doc = "A command that takes longer has failed, and is killed.",
     .example = "10s"},
};
static const struct schema on_withdraw_schema = {
    .title = "'on_withdraw'",
    .doc = "A command after withdrawing: nothing waits for it.",
    SCHEMA_KEYS(on_withdraw_keys)};

/* ---- the set ---- */

static const struct schema_word shutdown_words[] = {
    {"graceful", ANYCAST_GRACEFUL,
     "GRACEFUL_SHUTDOWN (RFC 8326) is added, and the set withdrawn after `drain_time`"},
    {"immediate", ANYCAST_IMMEDIATE, "it is withdrawn at once"},
};
static const struct schema_word hold_words[] = {
    {"tun", ANYCAST_HOLD_TUN,
     "a TUN, ls-NAME, carries the addresses; its carrier is the announcement, and ends with the "
     "process"},
    {"none", ANYCAST_HOLD_NONE, "the addresses are somewhere else, or on `interface`"},
};

static const struct schema_key prefix_set_keys[] = {
    {.name = "prefixes",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .read = anycast_prefixes_read,
     .type = "a prefix or a list of prefixes: ADDRESS/LENGTH",
     .doc = "What is announced. Each must cover an address of `listen`, or of a tier's `service`, "
            "unless `self` is false. None wider than /24 or /48 without `allow: wide`, and never "
            "the default route.",
     .example = "[192.0.2.53/32, \"2001:db8::53/128\"]"},
    {.name = "speaker",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .offset = SET_DRAFT(set.speaker),
     .read = read_speaker,
     .type = "the name of a speaker",
     .doc = "The BGP speaker that announces them.",
     .example = "local"},
    {.name = "site",
     .kind = SCHEMA_CUSTOM,
     .offset = SET_DRAFT(set.site),
     .read = read_site,
     .type = "the name of a site",
     .fallback_doc = "`site` of the server; without that none",
     .doc = "An order on this site reaches the set.",
     .example = "ams"},
    {.name = "self",
     .kind = SCHEMA_CUSTOM,
     .read = anycast_self_read,
     .sub = &anycast_self_schema,
     .type = "true, false, or a mapping",
     .fallback = "true",
     .doc = "Whether this server must answer on an address of the set, asked through the network "
            "stack, for it to be announced. Prefixes that cover addresses of tiers alone are "
            "not asked.",
     .example = "{address: 192.0.2.53, name: example.com, type: SOA}"},
    {.name = "when",
     .kind = SCHEMA_MAPPING,
     .offset = SET_DRAFT(when),
     .sub = &anycast_needs_schema,
     .doc = "What has to hold, all of it; otherwise the set is withdrawn after `fall`.",
     .example = "{pools: {www: {min_up: 30%}}, checks: [{check: uplink, address: 198.51.100.1}]}"},
    {.name = "full",
     .kind = SCHEMA_MAPPING,
     .offset = SET_DRAFT(full),
     .sub = &anycast_needs_schema,
     .doc = "What has to hold besides, all of it; otherwise the set is announced as `degraded` "
            "says.",
     .example = "{pools: {www: {min_up: 70%}}}"},
    {.name = "degraded",
     .kind = SCHEMA_MAPPING,
     .offset = SET_DRAFT(set.degraded),
     .sub = &degraded_schema,
     .doc = "How it is announced while `full` does not hold.",
     .example = "{prepend: 2, med: 200}"},
    {.name = "communities",
     .kind = SCHEMA_CUSTOM,
     .read = set_communities_read,
     .type = "a community or a list of them: \"HIGH:LOW\", or a well-known name",
     .fallback_doc = "none",
     .doc = "Communities (RFC 1997) of the set: two numbers from 0 to 65535, or `no-export`, "
            "`no-advertise`, `no-export-subconfed`, `no-peer`, `graceful-shutdown`, `blackhole`.",
     .example = "[\"65001:100\", no-export]"},
    {.name = "large_communities",
     .kind = SCHEMA_CUSTOM,
     .read = large_communities_read,
     .type = "a large community or a list of them: \"A:B:C\"",
     .fallback_doc = "none",
     .doc = "Large communities (RFC 8092) of the set: three numbers from 0 to 4294967295.",
     .example = "[\"65001:1:2\"]"},
    {.name = "next_hop",
     .kind = SCHEMA_CUSTOM,
     .read = set_next_hop_read,
     .type = "self, an address, or a list of an IPv4 and an IPv6 address",
     .fallback = "self",
     .doc = "The next hop. `self`: the speaker's own address, or `next_hop` of the speaker.",
     .example = "[198.51.100.53, \"2001:db8:1::53\"]"},
    {.name = "rise",
     .kind = SCHEMA_MS,
     .offset = SET_DRAFT(set.rise_ms),
     .min = 100,
     .max = 10 * MINUTE_MS,
     .fallback = "10s",
     .doc = "How long all has to hold before the set is announced; twice as long for each "
            "withdrawal but the first in the last 15 minutes, at most 10 minutes.",
     .example = "30s"},
    {.name = "fall",
     .kind = SCHEMA_MS,
     .offset = SET_DRAFT(set.fall_ms),
     .min = 0,
     .max = 10 * MINUTE_MS,
     .fallback = "2s",
     .doc = "How long `when` has to fail before the set is withdrawn. `self` does not wait for it.",
     .example = "5s"},
    {.name = "shutdown",
     .kind = SCHEMA_WORD,
     .offset = SET_DRAFT(set.shutdown),
     SCHEMA_WORDS(shutdown_words),
     .fallback = "graceful",
     .doc = "How the set is withdrawn when it is drained, by order or as the server stops.",
     .example = "immediate"},
    {.name = "drain_time",
     .kind = SCHEMA_MS,
     .offset = SET_DRAFT(set.drain_ms),
     .min = 100,
     .max = 10 * MINUTE_MS,
     .fallback = "30s",
     .doc = "How long routers have to choose another way before it is withdrawn.",
     .example = "1m"},
    {.name = "hold",
     .kind = SCHEMA_WORD,
     .offset = SET_DRAFT(set.hold),
     SCHEMA_WORDS(hold_words),
     .fallback = "tun",
     .doc = "What carries the addresses, so that an announcement does not outlive this process. "
            "`tun` takes CAP_NET_ADMIN and /dev/net/tun at the start.",
     .example = "none"},
    {.name = "interface",
     .kind = SCHEMA_CUSTOM,
     .offset = SET_DRAFT(set.interface),
     .at = SET_DRAFT(set.interface_at),
     .read = interface_read,
     .type = "the name of a network interface",
     .fallback_doc = "none: the addresses are somewhere already",
     .doc = "With `hold: none`: where the addresses are added, and removed when nothing is "
            "announced.",
     .example = "lo"},
    {.name = "on_announce",
     .kind = SCHEMA_MAPPING,
     .sub = &on_announce_schema,
     .doc = "A command before announcing.",
     .example = "{command: [/usr/local/bin/announced], timeout: 5s, required: true}"},
    {.name = "on_withdraw",
     .kind = SCHEMA_MAPPING,
     .sub = &on_withdraw_schema,
     .doc = "A command after withdrawing.",
     .example = "{command: [/usr/local/bin/withdrawn]}"},
    {.name = "allow",
     .kind = SCHEMA_CUSTOM,
     .offset = SET_DRAFT(set.allow_wide),
     .read = read_allow,
     .type = "wide, or an empty list",
     .fallback_doc = "[]: nothing",
     .doc = "`wide`: prefixes wider than /24 or /48.",
     .example = "[wide]"},
};
const struct schema prefix_set_schema = {.title = "prefix set",
                                         .doc = "Prefixes that are announced together.",
                                         SCHEMA_KEYS(prefix_set_keys)};
