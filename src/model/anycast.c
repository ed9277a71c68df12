/* SPDX-License-Identifier: Apache-2.0
 * Words of anycast. */
#include "model/anycast.h"

const char *speaker_type_word(enum speaker_type type)
{
#define WORD(constant, word, doc) [constant] = word,
    static const char *const words[] = {SPEAKER_TYPES(WORD)};
#undef WORD
    return words[type];
}

const char *announce_order_word(enum announce_order order)
{
    static const char *const words[] = {"auto", "announce", "withdraw", "drain"};
    return words[order];
}
