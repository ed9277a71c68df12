/* SPDX-License-Identifier: Apache-2.0
 * What BIRD 2 says on its control socket, line by line. Pure, and of untrusted bytes: what is not
 * understood is left out, and what is too much is said to differ.
 *
 *   1002-loadstar_dns_4 Static     master4    up     17:02:20.535      CODE, `-`: there is more
 *    up4        BGP        ---        up     17:02:21.291  Established a blank: the same code
 *   0000                                                               CODE, blank: the last line
 */
#pragma once

#include "anycast/route_read.h"

enum {
    BIRD_READY = 1,
    BIRD_RECONFIGURED = 3,
    BIRD_RECONFIGURING = 4,
    BIRD_QUEUED = 5,
    BIRD_SHUTTING_DOWN = 6,
    BIRD_RESTRICTED = 16,
    BIRD_CONFIRMED = 18,
    BIRD_PROTOCOL_ROW = 1002,
    BIRD_ROUTE = 1007,
    BIRD_ATTRIBUTES = 1012,
    BIRD_NOT_FOUND = 8001,
    BIRD_DENIED = 8007,
    BIRD_ERRORS = 8000 /* and above */
};

struct bird_line {
    int code;
    bool last;
    const char *text; /* behind the code */
};

/** A line; `code` is that of the line before. Returns false when it is none of BIRD's. */
bool bird_line_read(struct bird_line *out, const char *line, int code) ATTR_NONNULL;

struct bird_protocol {
    char name[64], type[16], state[16];
    const char *info; /* inside the line: behind the time, which has single blanks in it, or more by
                         the `timeformat protocol` of an operator */
};
/** A row of `show protocols`. */
bool bird_protocol_read(struct bird_protocol *out, const char *text) ATTR_NONNULL;

/** Of `show route P where .. all`. Zeroed, and fed all its lines. */
struct bird_route {
    bool present;
    enum { BIRD_NO_LIST, BIRD_COMMUNITIES, BIRD_LARGE } list; /* which the last line was of */
    struct route_read read;
};
void bird_route_feed(struct bird_route *route, const struct bird_line *line,
                     const struct ip_prefix *prefix) ATTR_NONNULL;

/** The prefix at the beginning of a line of `show route`; false: there is none. */
bool bird_prefix_read(struct ip_prefix *out, const char *text) ATTR_NONNULL;
