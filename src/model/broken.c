/* SPDX-License-Identifier: Apache-2.0
 * Zones that cannot be served as they are. */
#include "model/broken.h"

void zone_break_silently(struct zone *zone)
{
    zone->broken = true;
    zone->records = NULL;
    zone->n_records = 0;
    zone->pool_names = NULL;
    zone->n_pool_names = 0;
}

void zone_break(struct arena *arena, struct zone *zone, struct span span, const char *fmt, ...)
{
    struct diag *notes = arena_calloc(arena, zone->n_notes + 1, sizeof *notes);
    va_list args;
    va_start(args, fmt);
    if (zone->n_notes)
        memcpy(notes, zone->notes, zone->n_notes * sizeof *notes);
    notes[zone->n_notes] = (struct diag){
        .severity = DIAG_ERROR, .span = span, .text = arena_vprintf(arena, fmt, args)};
    notes[zone->n_notes].span.file = span.file ? arena_strdup(arena, span.file) : NULL;
    va_end(args);
    zone->notes = notes;
    zone->n_notes++;
    zone_break_silently(zone);
}

const struct diag *zone_fault(const struct zone *zone)
{
    static const struct diag unknown = {.severity = DIAG_ERROR, .text = "it cannot be served"};
    for (uint32_t i = 0; i < zone->n_notes; i++)
        if (zone->notes[i].severity == DIAG_ERROR)
            return &zone->notes[i];
    return &unknown;
}
