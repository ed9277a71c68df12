/* SPDX-License-Identifier: Apache-2.0
 * The budget of a load. */
#include "model/budget.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAMPLE (64u << 10) /* bytes of a file that its lines are counted in */
#define BYTES_A_LINE 16    /* of files that are smaller: short ones, as they need most */
#define MB(bytes) (((bytes) + (1u << 20) - 1) >> 20)

static uint64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

/* Lines of a large file, extrapolated from its middle: names at the beginning are often shorter. */
static uint64_t lines_of(const char *path, uint64_t size)
{
    char text[SAMPLE];
    ssize_t n = -1;
    uint64_t lines = 0;
    int fd = size > SAMPLE ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    if (fd >= 0) {
        n = pread(fd, text, sizeof text, (off_t)(size / 2));
        close(fd);
    }
    for (ssize_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    return n > 0 ? lines * (size / (uint64_t)n + 1) : size / BYTES_A_LINE + 1;
}

void budget_begin(struct budget *budget, const char *path, bool insist, bool lenient)
{
    *budget = (struct budget){.path = path, .insist = insist, .lenient = lenient};
    memory_look(&budget->room);
}

void budget_add(struct budget *budget, const char *path, unsigned bytes_a_byte)
{
    budget->needed += size_of(path) * bytes_a_byte;
}

void budget_add_zone(struct budget *budget, const char *path)
{
    const char *dot = strrchr(path, '.');
    bool text = dot && strcmp(dot, ".zone") == 0;
    uint64_t size = size_of(path);
    budget->needed += BUDGET_ZONE_FILE;
    if (text)
        budget->needed += size * BUDGET_ZONE_BYTE + lines_of(path, size) * BUDGET_ZONE_LINE;
    else
        budget->needed += size * BUDGET_YAML;
}

bool budget_allows(struct budget *budget, struct diags *diags)
{
    const struct memory_room *room = &budget->room;
    struct span at = {.file = budget->path};
    if (budget->needed <= BUDGET_FREE || room->bytes == UINT64_MAX ||
        budget->needed <= room->bytes / 100 * BUDGET_SHARE_PERCENT)
        return true;
    bool fatal = !budget->insist && !budget->lenient;
    if (budget->told)
        return !fatal;
    budget->told = true;
    if (fatal)
        diag_error(diags, at,
                   "the files need about %" PRIu64 " MB of memory, more than %d%% of the %" PRIu64
                   " MB that are available (%s): not loaded; if it is to be tried all the same: "
                   "loadstarctl reload --force",
                   MB(budget->needed), BUDGET_SHARE_PERCENT, MB(room->bytes), room->limit);
    else
        diag_warning(diags, at,
                     "the files need about %" PRIu64 " MB of memory, more than %d%% of the %" PRIu64
                     " MB that are available (%s): this process may be ended by the system",
                     MB(budget->needed), BUDGET_SHARE_PERCENT, MB(room->bytes), room->limit);
    return !fatal;
}

bool budget_allows_tables(const struct budget *budget, struct span pool, uint64_t bytes, uint32_t n,
                          struct diags *diags)
{
    const struct memory_room *room = &budget->room;
    if (bytes <= BUDGET_FREE || room->bytes == UINT64_MAX ||
        bytes <= room->bytes / 100 * BUDGET_SHARE_PERCENT)
        return true;
    bool fatal = !budget->insist && !budget->lenient;
    const char *hint = fatal ? "not loaded; give pools the same sites, which then share one table, "
                               "or steer by a map, or try it all the same: loadstarctl reload "
                               "--force"
                             : "this process may be ended by the system";
    (fatal ? diag_error : diag_warning)(
        diags, pool,
        "%u different sets of sites, this pool's the first, have a table of clients each: about "
        "%" PRIu64 " MB of memory, more than %d%% of the %" PRIu64
        " MB that are available (%s): %s",
        n, MB(bytes), BUDGET_SHARE_PERCENT, MB(room->bytes), room->limit, hint);
    return !fatal;
}
