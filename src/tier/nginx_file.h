/* SPDX-License-Identifier: Apache-2.0
 * The file with an upstream as text: what is written for nginx, and read back. Pure.
 *
 *   # loadstar node=ams1 tier=edge sum=...
 *   upstream web {
 *       include ...
 *       server 192.0.2.1:80 weight=100; # web/ams/web1
 *       server [2001:db8::1]:80 down; # web/ams/web2
 *   }
 *
 * The same for http and stream: it belongs to the block in which nginx includes it. What else is to
 * be in the upstream (zone, keepalive, least_conn) is the operator's, in files NAME.conf of
 * the directory FILE.d, which need not exist. */
#pragma once

#include "base/vec.h"
#include "drive/mark.h"
#include "tier/reconcile.h"

struct nginx_server {
    struct ip addr;
    uint16_t port;
    uint16_t weight; /* 0: down */
};

struct nginx_file {
    enum mark_owner owner;            /* MARK_OURS: the rest is of the format as well */
    bool empty;                       /* nothing but blanks */
    char node[MARK_NODE_MAX];         /* by its mark */
    struct slice upstream;            /* borrowed; MARK_OURS */
    VEC(struct nginx_server) servers; /* MARK_OURS */
};

/** Of untrusted bytes, which are borrowed; for nginx_file_free(). */
void nginx_file_read(struct nginx_file *file, struct slice text, const char *node) ATTR_NONNULL;
void nginx_file_free(struct nginx_file *file) ATTR_NONNULL;

/** Adds the file that says the targets of the table. Returns the number of servers: what has none
 *  must not be written, as nginx refuses it. */
uint32_t nginx_file_write(struct buf *out, const struct tier_spec *spec, const char *node,
                          const struct tier_table *table) ATTR_NONNULL;

/** Whether nginx takes it as the name of an upstream, as it is. */
bool nginx_name_is_plain(const char *name) ATTR_NONNULL ATTR_PURE;

/** All that nginx can say of a target: ready with a weight, or down. */
struct serving nginx_shown(struct serving target) __attribute__((const));
