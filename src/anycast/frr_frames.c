/* SPDX-License-Identifier: Apache-2.0
 * Replies of a vty, cut. */
#include "anycast/frr_frames.h"

#include <string.h>

enum { NULS = 3 };

bool frr_frames_feed(struct frr_frames *frames, const char *p, size_t n,
                     const struct frr_frames_events *events)
{
    const char *end = p + n;
    while (p < end) {
        if (frames->n_nuls == NULS) {
            frames->n_nuls = 0;
            if (!events->status(events->ctx, (uint8_t)*p++))
                return p == end;
        } else if (*p == '\0') {
            frames->n_nuls++;
            p++;
        } else if (frames->n_nuls > 0) {
            return false;
        } else {
            const char *nul = memchr(p, '\0', (size_t)(end - p));
            const char *to = nul ? nul : end;
            events->text(events->ctx, p, (size_t)(to - p));
            p = to;
        }
    }
    return true;
}
