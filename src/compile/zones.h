/* SPDX-License-Identifier: Apache-2.0
 * The model's zones -> the snapshot's index and nodes. */
#pragma once

#include "model/model.h"
#include "snapshot/snapshot.h"

/** Checks all zones (compile/lint.h) and fills what the snapshot has of them: index and parts.
 *  Zones that the model keeps come from `before`, which was compiled from the model before; NULL:
 *  there is none. Returns 0, or E_INVALID with the reasons in `diags`; warnings may be there either
 *  way. */
int zones_compile(struct snapshot *snapshot, const struct model *model,
                  const struct snapshot *before, struct diags *diags) ATTR_MUST_USE;

/** As zones_compile() without a snapshot before, but a zone that cannot be compiled is made a
 * broken one instead: its notes have the reasons. */
int zones_compile_leniently(struct snapshot *snapshot, struct model *model,
                            struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
