/* SPDX-License-Identifier: Apache-2.0
 * What the targets share. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/** Ends the run with a crash that the fuzzer keeps the input of; also without assertions. */
#define CHECK(x)     \
    do {             \
        if (!(x))    \
            abort(); \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
