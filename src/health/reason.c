/* SPDX-License-Identifier: Apache-2.0
 * Text from outside, made fit for logs and JSON. */
#include "health/trial.h"

#include <string.h>

/* The length of the well-formed UTF-8 sequence (RFC 3629 4) at `p`, or 0. Stops at a NUL. */
static size_t utf8_length(const unsigned char *p)
{
    static const struct {
        unsigned char first, last, second_min, second_max, n;
    } forms[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        if (p[0] < forms[i].first || p[0] > forms[i].last)
            continue;
        if (p[1] < forms[i].second_min || p[1] > forms[i].second_max)
            return 0;
        for (size_t j = 2; j < forms[i].n; j++)
            if (p[j] < 0x80 || p[j] > 0xbf)
                return 0;
        return forms[i].n;
    }
    return 0;
}

void reason_clean(char *text)
{
    unsigned char *from = (unsigned char *)text, *to = from;
    while (*from) {
        size_t n = *from >= 0x80 ? utf8_length(from) : 1;
        if (n == 0 || (n == 1 && (*from < 0x20 || *from == 0x7f))) {
            *to++ = n == 0 ? '?' : ' ';
            from++;
            continue;
        }
        memmove(to, from, n);
        to += n;
        from += n;
    }
    while (to > (unsigned char *)text && to[-1] == ' ')
        to--;
    *to = '\0';
}
