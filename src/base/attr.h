/* SPDX-License-Identifier: Apache-2.0
 * Contracts that the compiler checks, and hints that it uses. */
#pragma once

#define ATTR_NONNULL __attribute__((nonnull))
#define ATTR_RETURNS_NONNULL __attribute__((returns_nonnull))
#define ATTR_PURE __attribute__((pure))
#define ATTR_HOT __attribute__((hot))
#define ATTR_ALWAYS_INLINE __attribute__((always_inline))
#define ATTR_COLD __attribute__((cold))
#define ATTR_MUST_USE __attribute__((warn_unused_result))
#define ATTR_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define ATTR_CACHELINE __attribute__((aligned(64)))

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
