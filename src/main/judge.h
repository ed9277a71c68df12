/* SPDX-License-Identifier: Apache-2.0
 * The one judgement of a configuration that a start, a reload and --check share: of its files, and
 * of what it wants of this host. */
#pragma once

#include "load/load.h"

/** generation_load() with all that is checked of the host. Files and directories are looked at as
 *  `server.user` sees them, when this process is root and not yet that user: errors of a start and
 *  of --check are those of a later reload. With LOAD_START and LOAD_CHECK on the only thread. */
int judge_load(struct generation **out, const char *path, enum load_purpose purpose,
               const struct generation *before, bool force, struct diags *diags) ATTR_MUST_USE;
