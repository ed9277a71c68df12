/* SPDX-License-Identifier: Apache-2.0
 * Replacement, as the new process sees it (heir.h has who says what when): what the old one hands
 * on, and old ones whose connections go on. Links of those before that one come with the sockets,
 * so that all are told of members by the process that forwards. */
#pragma once

#include "l4/counted.h"
#include "l4/forwarder.h"

#include <jansson.h>

/** What the old process has handed on, until we forward. */
struct inherited;

/** Takes what a process that started us as its heir has for us: *out stays NULL when none did.
 *  Waits for it for some seconds. Returns 0; or E_SYSTEM or E_SYNTAX with the reason in `diags`. */
int inherited_take(struct inherited **out, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
/** Closes and forgets what nobody took. NULL is allowed. */
void inherited_free(struct inherited *inherited);

uint64_t inherited_seed(const struct inherited *inherited) ATTR_NONNULL;
/** Its sockets that this configuration wants; as listeners_open(). */
int inherited_listen(struct inherited *inherited, struct listeners **out,
                     const struct l4_config *config, uint32_t n_workers,
                     struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
/** Its maps of `relay: sockhash`, which are the caller's then. False: it has none, or of another
 *  kind. */
bool inherited_sockhash(struct inherited *inherited,
                        struct sockhash *out) ATTR_NONNULL ATTR_MUST_USE;
/** Opens control socket and metrics, with its sockets where these are at the same place. */
int inherited_open_servers(struct forwarder *f, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Takes its members, and listens to it. Returns 0, or E_SYSTEM with the reason in `diags`. */
int elders_listen(struct forwarder *f, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
/** Tells it that we can begin, or why not. */
void elders_say_ready(struct forwarder *f) ATTR_NONNULL;
void elders_say_failed(struct forwarder *f, const struct diags *diags) ATTR_NONNULL;

/* Once we forward. */

/** Tells all which members there are. */
void elders_tell(struct forwarder *f) ATTR_NONNULL;
/** What they have open counts for the limits of the services that there are. */
void elders_count(struct forwarder *f) ATTR_NONNULL;
uint32_t elders_n_flows(const struct forwarder *f) ATTR_NONNULL ATTR_PURE;
/** Flows of a member that they have. */
uint32_t elders_sessions(const struct forwarder *f, const char *set,
                         const char *key) ATTR_NONNULL ATTR_PURE;
/** [{"pid", "flows"}] */
json_t *elders_document(const struct forwarder *f) ATTR_NONNULL ATTR_MUST_USE;
/** Calls fn with each one's link and what is known of it, which fn takes over. */
void elders_each(const struct forwarder *f, void (*fn)(void *arg, int fd, json_t *facts), void *arg)
    __attribute__((nonnull(1, 2)));
/** Calls fn with each client that one of them has connections of. */
void elders_each_source(const struct forwarder *f,
                        void (*fn)(void *arg, uint32_t pid, const struct counted_source *source),
                        void *arg) __attribute__((nonnull(1, 2)));
/** Another process has them now. */
void elders_leave(struct forwarder *f) ATTR_NONNULL;
/** They close what they have left, and end. */
void elders_end(struct forwarder *f) ATTR_NONNULL;
