/* SPDX-License-Identifier: Apache-2.0
 * What becomes of flows, in the words of metrics and logs. */
#include "l4/member.h"

const char *service_result_text(enum service_result result)
{
    static const char *const texts[SERVICE_RESULTS] = {
        [SERVICE_OK] = "ok",           [SERVICE_NO_MEMBER] = "no_member",
        [SERVICE_LIMITED] = "limited", [SERVICE_SOURCE] = "source_limited",
        [SERVICE_CLIENT] = "client",   [SERVICE_BAD_HEADER] = "bad_header",
        [SERVICE_NO_ROOM] = "no_room", [SERVICE_NO_PORT] = "no_port",
    };
    return texts[result];
}
