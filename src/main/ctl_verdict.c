/* SPDX-License-Identifier: Apache-2.0
 * Exit codes. */
#include "main/ctl_verdict.h"

#include "control/json.h"
#include "main/ctl_output.h"

#include <string.h>

/** A tier that cannot be looked at weighs more than changes in others: nobody knows what it needs.
 */
static int of_diff(const json_t *result)
{
    const json_t *tier;
    size_t i;
    int code = EXIT_DONE;
    json_array_foreach(json_object_get(result, "tiers"), i, tier)
    {
        const char *state = json_get_text(tier, "state", "");
        if (strcmp(state, "ok") != 0 && strcmp(state, "applying") != 0)
            return EXIT_REFUSED;
        if (json_array_size(json_object_get(tier, "diff")))
            code = EXIT_CHANGES;
    }
    return code;
}

int verdict_of(const struct ctl_request *request, const json_t *result)
{
    if (request->command == CTL_TIERS && request->diff)
        return of_diff(result);
    if (request->command == CTL_SET && request->wait_ms) {
        const json_t *drain = json_object_get(result, "drain");
        return strcmp(json_get_text(drain, "outcome", ""), "done") == 0 ? EXIT_DONE : EXIT_REFUSED;
    }
    return EXIT_DONE;
}

int verdict_of_health(const json_t *reply, const char *unknown)
{
    const json_t *healthy = json_object_get(json_object_get(reply, "result"), "healthy");
    const char *code = json_get_text(reply, "code", "");
    if (strcmp(code, "not_found") == 0 || strcmp(code, "invalid") == 0)
        return EXIT_USAGE;
    if (json_is_boolean(healthy))
        return json_is_true(healthy) ? EXIT_DONE : EXIT_REFUSED;
    if (!unknown)
        return EXIT_UNKNOWN;
    return strcmp(unknown, "up") == 0 ? EXIT_DONE : EXIT_REFUSED;
}
