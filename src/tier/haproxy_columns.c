/* SPDX-License-Identifier: Apache-2.0 */
#include "tier/haproxy_columns.h"

#include <string.h>

/** Ends the field that starts at *at, and moves *at behind it; NULL once the row is over. */
static char *next_field(char **at, char separator)
{
    char *field = *at;
    if (!field)
        return NULL;
    char *end = strchr(field, separator);
    if (end)
        *end++ = '\0';
    *at = end;
    return field;
}

/** The same for a field in quotes, where "" is one quote. Returns "" and sets *bad when they do not
 *  end, or something other than the separator follows. */
static char *quoted_field(char **at, char separator, bool *bad)
{
    char *field = *at + 1, *out = field, *p = field;
    for (;; p++) {
        if (*p == '"' && p[1] == '"')
            p++;
        else if (*p == '"' || *p == '\0')
            break;
        *out++ = *p;
    }
    *bad = *p == '\0' || (p[1] != '\0' && p[1] != separator);
    *at = *bad || p[1] == '\0' ? NULL : p + 2;
    *out = '\0';
    return field;
}

const char *haproxy_columns_read(struct haproxy_columns *columns, char separator, char *header,
                                 const char *const *wanted, unsigned n_wanted, unsigned n_needed)
{
    bool found[HAPROXY_WANTED_MAX] = {false};
    *columns = (struct haproxy_columns){
        .separator = separator, .n_wanted = (uint8_t)n_wanted, .n_needed = (uint8_t)n_needed};
    char *at = header;
    for (char *name; (name = next_field(&at, separator)) != NULL; columns->n++) {
        if (columns->n == HAPROXY_COLUMNS_MAX)
            return "";
        columns->wanted_at[columns->n] = -1;
        for (unsigned i = 0; i < n_wanted; i++) {
            if (found[i] || strcmp(name, wanted[i]) != 0)
                continue;
            found[i] = true;
            columns->wanted_at[columns->n] = (int8_t)i;
        }
    }
    for (unsigned i = 0; i < n_needed; i++) {
        if (!found[i])
            return wanted[i];
    }
    return NULL;
}

int haproxy_columns_row(struct haproxy_columns *columns, char *row)
{
    bool bad = false;
    unsigned n = 0;
    char *at = row;
    memset(columns->value, 0, sizeof columns->value);
    while (at && !bad) {
        char *field = columns->separator == ',' && *at == '"'
                          ? quoted_field(&at, columns->separator, &bad)
                          : next_field(&at, columns->separator);
        if (n == columns->n)
            return E_SYNTAX;
        if (columns->wanted_at[n] >= 0)
            columns->value[columns->wanted_at[n]] = field;
        n++;
    }
    for (unsigned i = 0; i < columns->n_needed; i++)
        bad |= !columns->value[i];
    return bad ? E_SYNTAX : 0;
}
