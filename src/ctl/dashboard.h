/* SPDX-License-Identifier: Apache-2.0
 * The dashboard: one page, built in, that asks /api/v1 for the rest. */
#pragma once

#include "base/attr.h"

const char *dashboard_html(void) ATTR_RETURNS_NONNULL;
/** The Content-Security-Policy that lets exactly this page work: its own script and style, by their
 *  hashes, and requests to where it came from. */
const char *dashboard_policy(void) ATTR_RETURNS_NONNULL;
