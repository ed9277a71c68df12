/* SPDX-License-Identifier: Apache-2.0
 * The operator's side of the daemon: control socket, HTTP API, metrics, dashboard. All on the
 * control thread's uv loop, so nothing here needs a lock.
 *
 * Control socket protocol: one JSON object a line each way. Request {"command": "set", ...}; reply
 * {"ok": true, "result": ...} or {"ok": false, "error": "..."}. The HTTP API returns the same
 * `result` documents. */
#pragma once

#include "ctl/host.h"

struct ctl;

/** Opens the control socket and the HTTP listener that the model names. What the host lends must be
 *  there once the loop runs. On failure *ctl stays NULL. */
int ctl_start(struct ctl **ctl, uv_loop_t *loop, const struct model *model,
              const struct ctl_host *host, struct diags *diags) ATTR_MUST_USE;
/** The part of ctl_start() that opens nothing, for `loadstard --check`: whether the token file will
 *  do. Returns 0, or a negative code with the reason in `diags`. */
int ctl_check(const struct model *model, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Follows a reloaded configuration (socket path, HTTP address, token). */
int ctl_reload(struct ctl *ctl, const struct model *model, struct diags *diags) ATTR_MUST_USE;
void ctl_stop(struct ctl *ctl, void (*done)(void *ctx), void *ctx);

/** Views of tiers have changed: who waits for news of them looks again. On the loop, at most each
 *  50 ms. */
void ctl_tiers_changed(struct ctl *ctl) ATTR_NONNULL;

/** Likewise views of prefix sets, or of speakers. */
void ctl_anycast_changed(struct ctl *ctl) ATTR_NONNULL;
