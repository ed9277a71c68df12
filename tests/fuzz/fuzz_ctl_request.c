/* SPDX-License-Identifier: Apache-2.0
 * Requests of the control protocol: any line is taken or refused with a reason, and what is taken
 * is within its bounds. */
#include "ctl/request.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct ctl_request r;
    char error[CTL_TEXT_MAX];
    memset(error, 'x', sizeof error);
    int code = request_parse(&r, (const char *)data, n, error);
    if (code != 0) {
        check(code < 0 && memchr(error, '\0', sizeof error) && error[0]);
        return 0;
    }
    check(request_command_text(r.command) != NULL);
    check(memchr(r.name, '\0', sizeof r.name) && memchr(r.target, '\0', sizeof r.target));
    check(memchr(r.pool, '\0', sizeof r.pool) && memchr(r.type, '\0', sizeof r.type));
    check(memchr(r.reason, '\0', sizeof r.reason));
    check(r.weight >= -1 && r.weight <= WEIGHT_MAX && r.for_ms >= 0);
    check(r.limit <= 1000);
    check(r.ecs.len <= (r.ecs.addr.family == IP_NONE ? 0 : ip_bits(&r.ecs.addr)));
    return 0;
}
