/* SPDX-License-Identifier: Apache-2.0
 * The record of prefixes. */
#include "anycast/gobgp_record.h"

#include "anycast/speaker.h"
#include "base/diag.h"

#include <jansson.h>

void gobgp_record_write(struct buf *out, const ip_prefixes *prefixes)
{
    char text[IP_PREFIX_TEXT_MAX];
    buf_puts(out, "{\"prefixes\": [");
    for (size_t i = 0; i < prefixes->n; i++)
        buf_printf(out, "%s\"%s\"", i ? ", " : "", ip_prefix_text(text, &prefixes->v[i]));
    buf_puts(out, "]}\n");
}

bool ip_prefixes_have(const ip_prefixes *prefixes, const struct ip_prefix *prefix)
{
    for (size_t i = 0; i < prefixes->n; i++)
        if (ip_prefix_equal(&prefixes->v[i], prefix))
            return true;
    return false;
}

bool ip_prefixes_add(ip_prefixes *prefixes, const struct ip_prefix *prefix)
{
    if (ip_prefixes_have(prefixes, prefix))
        return false;
    *vec_push(prefixes) = *prefix;
    return true;
}

static bool read_list(ip_prefixes *out, const json_t *list)
{
    if (!json_is_array(list) || json_array_size(list) > GOBGP_RECORD_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        struct ip_prefix prefix;
        if (!text || ip_prefix_parse(&prefix, text) != 0)
            return false;
        ip_prefixes_add(out, &prefix);
    }
    return true;
}

int gobgp_record_read(ip_prefixes *prefixes, struct slice text)
{
    ip_prefixes found = {0};
    json_t *document = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    bool good = read_list(&found, json_object_get(document, "prefixes"));
    for (size_t i = 0; good && i < found.n; i++)
        ip_prefixes_add(prefixes, &found.v[i]);
    vec_free(&found);
    json_decref(document);
    return good ? 0 : E_SYNTAX;
}
