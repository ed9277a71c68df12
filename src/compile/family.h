/* SPDX-License-Identifier: Apache-2.0
 * Compiling one family of zones (model/family.h); used by zones.c, on several threads. */
#pragma once

#include "model/model.h"
#include "snapshot/part.h"

/** Compiles the zones of `model`, one family, into an empty part. Of the rest of the model only the
 *  pools are looked at. Errors and warnings are in the part's notes; with errors it stays empty. */
void family_compile(struct part *part, const struct model *model) ATTR_NONNULL;
