/* SPDX-License-Identifier: Apache-2.0
 * What is asked of the guard, in its words. */
#include "anycast/guard_ask.h"

#include "anycast/guard_words.h"

#include <stdio.h>

void guard_tun(struct guard *g, const char *ifname, const struct ip_prefix *addresses, uint32_t n)
{
    struct buf line = {0};
    char text[IP_PREFIX_TEXT_MAX];
    buf_puts(&line, "tun");
    guard_word_add(&line, slice_str(ifname));
    for (uint32_t i = 0; i < n; i++)
        guard_word_add(&line, slice_str(ip_prefix_text(text, &addresses[i])));
    guard_ask(g, "tun", ifname, &line);
}

void guard_gone(struct guard *g, const char *ifname)
{
    struct buf line = {0};
    buf_puts(&line, "gone");
    guard_word_add(&line, slice_str(ifname));
    guard_ask(g, "gone", ifname, &line);
}

void guard_carrier(struct guard *g, const char *ifname, bool up)
{
    struct buf line = {0};
    buf_puts(&line, "carrier");
    guard_word_add(&line, slice_str(ifname));
    buf_puts(&line, up ? " 1" : " 0");
    guard_ask(g, "carrier", ifname, &line);
}

static uint32_t add_command(struct buf *line, const char *const *argv)
{
    uint32_t n = 0;
    for (; argv[n]; n++)
        guard_word_add(line, slice_str(argv[n]));
    return n + 1;
}

/** Whether the guard can read what it is; else it is told that there is none. */
static bool write_will(struct buf *line, const struct last_will *will)
{
    if (will->socket) {
        buf_puts(line, " vty");
        guard_word_add(line, slice_str(will->socket));
        guard_word_add(line, will->text);
        return *will->socket && line->n <= GUARD_LINE_MAX;
    }
    buf_puts(line, " argv");
    uint32_t n_words = add_command(line, will->argv);
    for (const char *const *const *then = will->then; then && *then; then++) {
        guard_command_end(line);
        n_words += add_command(line, *then);
    }
    return will->argv[0] && n_words < GUARD_WORDS_MAX && line->n <= GUARD_LINE_MAX;
}

bool guard_will(struct guard *g, uint32_t number, const struct last_will *will)
{
    struct buf line = {0};
    char name[16];
    bool is_none = !will || (!will->socket && !will->argv), kept = true;
    if (number >= GUARD_WILLS_MAX)
        return is_none;
    snprintf(name, sizeof name, "%u", number);
    buf_printf(&line, "will %s", name);
    size_t n_head = line.n;
    if (!is_none)
        kept = write_will(&line, will);
    if (is_none || !kept) {
        line.n = n_head;
        buf_puts(&line, " none");
    }
    guard_ask(g, "will", name, &line);
    return kept;
}
