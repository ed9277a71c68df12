/* SPDX-License-Identifier: Apache-2.0
 * Whatever a geo database holds, it is refused or read: no crash, bounded time and memory, and the
 * tables that come of it are sound. */
#include "geo/database.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct interner interner;
    struct diags diags;
    interner_init(&interner);
    diags_init(&diags);
    struct trie *trie =
        database_read_memory(slice_of(data, size), "fuzz.mmdb", 1, &interner, &diags);
    if (trie) {
        struct arena *arena = arena_new();
        if (!trie_validate(trie) || !lpm_validate(lpm_compile(arena, trie)))
            abort();
        arena_free(arena);
        trie_free(trie);
    } else if (diags.n_errors != 1) {
        abort();
    }
    diags_free(&diags);
    interner_free(&interner);
    return 0;
}
