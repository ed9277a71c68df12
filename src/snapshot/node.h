/* SPDX-License-Identifier: Apache-2.0
 * What a name holds: one node in the snapshot's blob, its RRsets rendered as they go on the wire.
 *
 *   node    apex  link  flags  n_sets name_len | name ... | set directory | blocks ...
 *   bytes     4     4     2      1       1        name_len    4 each        4-byte aligned
 *
 * Offsets in the blob count units of 8 bytes; offsets in a node count 4 bytes from its start. The
 * directory holds `n_sets` entries (type -> block), then what the flags call for, in this order:
 *
 *   NODE_APEX     negative block: the SOA RR with TTL min(SOA TTL, minimum), RFC 2308 3
 *   NODE_CUT      referral block: the NS RRset, then its glue; none with NODE_BROKEN
 *   NODE_DYNAMIC  struct dynamic
 *   NODE_PARENT   struct parent: the zone above, which is served too and owns DS here
 *
 * A block is RRs ready to be copied behind the question. Owners are the pointer 0xC00C (the
 * question's name), which is right for exact and wildcard answers alike; an answer further down a
 * CNAME chain gets them replaced. Names in the rdata that may be compressed (RFC 3597 4) end in a
 * pointer to the zone's apex, which every question's name contains: its place, 12 + length of the
 * question's name - length of the apex, is written into the places that the block lists:
 *
 *   block   len  n_rrs | RRs ... | (pad to 2) n_apex  place ...   | n_glue  n_self  place ...
 *           2    2       len       only with BLOCK_PATCHED          only in referral blocks
 *
 * A referral's `self` places point to the cut's name. Blocks without pointers inside (A, AAAA, TXT
 * and most others) have neither flag nor lists: copying is all there is to do. */
#pragma once

#include "base/attr.h"
#include "base/cursor.h"
#include "base/slice.h"
#include "dns/name.h"
#include "dns/types.h"

#include <assert.h>

enum node_flag {
    NODE_APEX = 0x01,     /* a zone begins here */
    NODE_CUT = 0x02,      /* a delegation: NS below the apex, answered by a referral */
    NODE_DYNAMIC = 0x04,  /* steered to a pool */
    NODE_PARENT = 0x08,   /* an apex whose parent zone is served as well */
    NODE_HIDDEN = 0x10,   /* below a cut or a DNAME, which `link` says: never answered itself */
    NODE_WILDCARD = 0x20, /* `link` is the child "*" */
    NODE_CNAME = 0x40,    /* has a CNAME, at sets[0] */
    NODE_DNAME = 0x80,    /* has a DNAME, and is not below one or a cut */
    NODE_OUTSIDE = 0x100, /* an ancestor of a zone's apex that no zone served here contains */
    NODE_BROKEN = 0x200,  /* with NODE_CUT: of a zone that could not be loaded, the apex or above a
                             zone within it; `link` is the apex of the zone above that owns DS */
};

struct set {
    uint16_t type;
    uint16_t at; /* of the block, in 4 bytes from the node's start */
};

struct node {
    uint32_t apex; /* node of the zone's apex (itself for NODE_APEX); 0 for NODE_OUTSIDE */
    uint32_t link; /* NODE_HIDDEN, NODE_WILDCARD, NODE_BROKEN (one of them); else 0 */
    uint16_t flags;
    uint8_t n_sets;
    uint8_t name_len;
    uint8_t name[]; /* lower case, uncompressed */
};
static_assert(sizeof(struct node) == 12, "the set directory is found by this");

/* What a response has beside the RRset asked for: header, a question of the longest name, and an
 * OPT with every option that room is kept for: client subnet, cookie, keepalive. What is left of a
 * message over TCP (RFC 1035 4.2.2) is the largest set that every query for it can be answered
 * with. Behind an alias there may be less: then the answer ends with the alias (answer.c). */
#define EDNS_OPT_LEN 11
#define EDNS_OPTION_LEN 4 /* code, length */
#define MESSAGE_REST                                                              \
    (DNS_HEADER_LEN + NAME_WIRE_MAX + 4 + EDNS_OPT_LEN + (EDNS_OPTION_LEN + 20) + \
     (EDNS_OPTION_LEN + 24) + (EDNS_OPTION_LEN + 2))
#define MESSAGE_SET_MAX (UINT16_MAX - MESSAGE_REST)

#define NODE_BYTES_MAX ((UINT16_MAX + 1) * 4) /* so that `at` reaches every block */
#define NODE_SETS_MAX UINT8_MAX

struct block {
    uint16_t len;   /* of the RRs */
    uint16_t n_rrs; /* with BLOCK_PATCHED; a referral's authority section only */
    uint8_t rr[];
};

#define BLOCK_PATCHED 0x8000
#define BLOCK_RRS(block) ((block)->n_rrs & 0x7fffu)
#define RR_FIXED_LEN 10 /* type, class, TTL, rdata length; behind the owner */

/** A list of places in a block, counted in bytes from its first RR. */
struct places {
    const uint16_t *at;
    uint16_t n;
};

/** What a dynamic name is steered to; the pool's settings and the name's own already merged. */
struct dynamic {
    uint32_t pool;
    uint32_t site;    /* 1 + that of the pool's sites which alone answers; 0: as the pool steers */
    uint32_t answers; /* of a family at most; UINT32_MAX: all */
    uint32_t ttl_min_s, ttl_max_s;
    uint8_t families; /* bit f: family f exists, as in verdict.set; a pool of names has both */
    bool is_cname;    /* of the pool */
    bool own_ttl,
        own_answers; /* set at the name: they hold for a pool that it falls back to, too */
};

struct parent {
    uint32_t apex; /* node of the parent zone's apex */
};

static inline struct slice node_name(const struct node *node)
{
    return (struct slice){node->name, node->name_len};
}

static inline const struct set *node_sets(const struct node *node)
{
    return (const struct set *)(const void *)(node->name + ((node->name_len + 1u) & ~1u));
}

static inline const void *node_at(const struct node *node, const struct set *set)
{
    return (const uint8_t *)node + 4u * set->at;
}

/** The RRset of a type, or NULL. */
static inline const struct block *node_find(const struct node *node, uint16_t type)
{
    const struct set *set = node_sets(node), *end = set + node->n_sets;
    for (; set < end; set++) {
        if (set->type == type)
            return node_at(node, set);
    }
    return NULL;
}

/** The negative block of an apex, or the referral block of a cut. */
static inline const struct block *node_negative(const struct node *apex)
{
    return node_at(apex, node_sets(apex) + apex->n_sets);
}

static inline const struct block *node_referral(const struct node *cut)
{
    return node_at(cut, node_sets(cut) + cut->n_sets);
}

static inline const struct dynamic *node_dynamic(const struct node *node)
{
    return node_at(node, node_sets(node) + node->n_sets + (node->flags & NODE_APEX));
}

static inline const struct parent *node_parent(const struct node *apex)
{
    return node_at(apex, node_sets(apex) + apex->n_sets + 1 + !!(apex->flags & NODE_DYNAMIC));
}

static inline const uint16_t *block_lists(const struct block *block)
{
    return (const uint16_t *)(const void *)(block->rr + ((block->len + 1u) & ~1u));
}

/** Where pointers to the zone's apex go. Only for BLOCK_PATCHED. */
static inline struct places block_apex_places(const struct block *block)
{
    const uint16_t *list = block_lists(block);
    return (struct places){list + 1, list[0]};
}

/** Where pointers to the cut go, and how many RRs at the end are glue. Only for referral blocks. */
static inline struct places block_self_places(const struct block *block, uint16_t *n_glue)
{
    const uint16_t *list = block_lists(block);
    list += 1 + list[0];
    *n_glue = list[0];
    return (struct places){list + 2, list[1]};
}
