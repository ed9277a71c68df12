/* SPDX-License-Identifier: Apache-2.0
 * ISO 3166-2 codes of subdivisions that flat databases give by name. */
#include "geo/subdivision.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const struct {
    char code[6];
    const char *name;
} names[] = {
    {"CA-AB", "Alberta"},
    {"CA-BC", "British Columbia"},
    {"CA-MB", "Manitoba"},
    {"CA-NB", "New Brunswick"},
    {"CA-NL", "Newfoundland and Labrador"},
    {"CA-NS", "Nova Scotia"},
    {"CA-NT", "Northwest Territories"},
    {"CA-NU", "Nunavut"},
    {"CA-ON", "Ontario"},
    {"CA-PE", "Prince Edward Island"},
    {"CA-QC", "Quebec"},
    {"CA-SK", "Saskatchewan"},
    {"CA-YT", "Yukon"},
    {"US-AK", "Alaska"},
    {"US-AL", "Alabama"},
    {"US-AR", "Arkansas"},
    {"US-AZ", "Arizona"},
    {"US-CA", "California"},
    {"US-CO", "Colorado"},
    {"US-CT", "Connecticut"},
    {"US-DC", "District of Columbia"},
    {"US-DE", "Delaware"},
    {"US-FL", "Florida"},
    {"US-GA", "Georgia"},
    {"US-HI", "Hawaii"},
    {"US-IA", "Iowa"},
    {"US-ID", "Idaho"},
    {"US-IL", "Illinois"},
    {"US-IN", "Indiana"},
    {"US-KS", "Kansas"},
    {"US-KY", "Kentucky"},
    {"US-LA", "Louisiana"},
    {"US-MA", "Massachusetts"},
    {"US-MD", "Maryland"},
    {"US-ME", "Maine"},
    {"US-MI", "Michigan"},
    {"US-MN", "Minnesota"},
    {"US-MO", "Missouri"},
    {"US-MS", "Mississippi"},
    {"US-MT", "Montana"},
    {"US-NC", "North Carolina"},
    {"US-ND", "North Dakota"},
    {"US-NE", "Nebraska"},
    {"US-NH", "New Hampshire"},
    {"US-NJ", "New Jersey"},
    {"US-NM", "New Mexico"},
    {"US-NV", "Nevada"},
    {"US-NY", "New York"},
    {"US-OH", "Ohio"},
    {"US-OK", "Oklahoma"},
    {"US-OR", "Oregon"},
    {"US-PA", "Pennsylvania"},
    {"US-RI", "Rhode Island"},
    {"US-SC", "South Carolina"},
    {"US-SD", "South Dakota"},
    {"US-TN", "Tennessee"},
    {"US-TX", "Texas"},
    {"US-UT", "Utah"},
    {"US-VA", "Virginia"},
    {"US-VT", "Vermont"},
    {"US-WA", "Washington"},
    {"US-WI", "Wisconsin"},
    {"US-WV", "West Virginia"},
    {"US-WY", "Wyoming"},
};

/* One to three letters or digits, the part after the hyphen. */
static bool is_short_code(const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)text[i]))
            return false;
    return n >= 1 && n <= 3;
}

bool subdivision_make(char out[SUBDIVISION_MAX], const char *country, const char *text)
{
    memset(out, 0, SUBDIVISION_MAX);
    if (!country[0] || !text[0])
        return false;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strncmp(names[i].code, country, 2) == 0 && strcasecmp(names[i].name, text) == 0) {
            memcpy(out, names[i].code, sizeof names[i].code);
            return true;
        }
    }
    if (strncasecmp(text, country, 2) == 0 && text[2] == '-')
        text += 3;
    if (!is_short_code(text))
        return false;
    out[0] = country[0];
    out[1] = country[1];
    out[2] = '-';
    for (size_t i = 0; text[i]; i++)
        out[3 + i] = (char)toupper((unsigned char)text[i]);
    return true;
}
