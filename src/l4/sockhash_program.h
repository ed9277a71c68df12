/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * The program of sockhash.h, in the kernel's instructions. */
#pragma once

#include "l4/sockhash.h"

#include <linux/bpf.h>

#define SOCKHASH_PROGRAM_MAX 80

/** Where struct tcp_sock of the running kernel has these. */
struct sockhash_offsets {
    int16_t snd_una, write_seq;
};

/** Writes it, for these maps. Returns how many instructions. */
uint32_t sockhash_program(struct bpf_insn out[SOCKHASH_PROGRAM_MAX], const int maps[SOCKHASH_MAPS],
                          const struct sockhash_offsets *offsets) ATTR_NONNULL;
