/* SPDX-License-Identifier: Apache-2.0
 * The one judgement of a configuration that a start, a reload and --check share: of its files, and
 * of what it wants of this host. */
#pragma once

#include "load/load.h"

/** generation_load(), whose options are those given with check_host() set: with all that is checked
 * of the host. Files and directories are looked at as `server.user` sees them, when this process is
 * root and not yet that user: errors of a start and of --check are those of a later reload. With
 * LOAD_START and LOAD_CHECK on the only thread. */
int judge_load(struct generation **out, const char *path, const struct load_options *options,
               struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
