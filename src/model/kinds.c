/* SPDX-License-Identifier: Apache-2.0
 * Words of kinds. */
#include "model/kinds.h"

#define WORD(constant, word, doc) [constant] = word,

const char *check_type_word(enum check_type type)
{
    static const char *const words[] = {CHECK_TYPES(WORD)};
    return words[type];
}

const char *steer_word(enum steer_kind kind)
{
    static const char *const words[] = {STEER_WORDS(WORD) STEER_KEYS(WORD)};
    return words[kind];
}

const char *pick_word(enum pick_kind kind)
{
    static const char *const words[] = {PICK_KINDS(WORD)};
    return words[kind];
}

const char *all_down_word(enum all_down_kind kind)
{
    static const char *const words[] = {ALL_DOWN_WORDS(WORD)[ALL_DOWN_FALLBACK] = "fallback"};
    return words[kind];
}
