/* SPDX-License-Identifier: Apache-2.0
 * RR types as text. */
#pragma once

#include "base/attr.h"

#include <stddef.h>
#include <stdint.h>

/** The number of a mnemonic (`A`, `HTTPS`, `TYPE65280`; any case), or -1. */
int rr_type_from_text(const char *text, size_t n) ATTR_NONNULL;

#define RR_TYPE_TEXT_MAX 16
const char *rr_type_text(char out[RR_TYPE_TEXT_MAX], uint16_t type) ATTR_NONNULL;
