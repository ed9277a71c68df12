/* SPDX-License-Identifier: Apache-2.0
 * Compiling one kin of zones (model/kin.h); used by zones.c, on several threads. */
#pragma once

#include "model/model.h"
#include "snapshot/part.h"

/** Compiles the zones of `model`, one kin, into an empty part. Of the rest of the model only the
 *  pools are looked at. Errors and warnings are in the part's notes; with errors it stays empty. */
void kin_compile(struct part *part, const struct model *model) ATTR_NONNULL;
