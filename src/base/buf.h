/* SPDX-License-Identifier: Apache-2.0
 * Growing text buffer for everything that is printed or sent on the control side. */
#pragma once

#include "base/attr.h"

#include <stdarg.h>
#include <stddef.h>

struct buf {
    char *p; /* NUL-terminated once anything was added; NULL before */
    size_t n, cap;
};

void buf_free(struct buf *buf) ATTR_NONNULL;
void buf_add(struct buf *buf, const void *p, size_t n) ATTR_NONNULL;
void buf_puts(struct buf *buf, const char *text) ATTR_NONNULL;
void buf_printf(struct buf *buf, const char *fmt, ...) ATTR_NONNULL ATTR_PRINTF(2, 3);
void buf_vprintf(struct buf *buf, const char *fmt, va_list args) ATTR_NONNULL ATTR_PRINTF(2, 0);
