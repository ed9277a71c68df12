/* SPDX-License-Identifier: Apache-2.0
 * Text from outside, made fit for logs and JSON. */
#include "base/escape.h"
#include "health/trial.h"

#include <string.h>

void reason_clean(char text[REASON_MAX])
{
    char raw[REASON_MAX];
    size_t n = strnlen(text, REASON_MAX - 1);
    for (size_t i = 0; i < n; i++)
        raw[i] = (char)(text[i] && strchr("\t\r\n", text[i]) ? ' ' : text[i]);
    n = escape_text(text, REASON_MAX, slice_of(raw, n));
    while (n > 0 && text[n - 1] == ' ')
        n--;
    text[n] = '\0';
}
