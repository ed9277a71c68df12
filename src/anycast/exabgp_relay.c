/* SPDX-License-Identifier: Apache-2.0
 * What the relay keeps in mind. */
#include "anycast/exabgp_relay.h"

#include "anycast/exabgp_text.h"
#include "base/digits.h"

static const char announce[] = "announce route ", withdraw[] = "withdraw route ";

static bool read_prefix(struct ip_prefix *out, const char *text)
{
    char word[IP_PREFIX_TEXT_MAX];
    size_t n = strcspn(text, " ");
    if (n == 0 || n >= sizeof word)
        return false;
    memcpy(word, text, n);
    word[n] = '\0';
    return ip_prefix_parse(out, word) == 0;
}

static size_t find(const struct relay *relay, const struct ip_prefix *prefix)
{
    size_t i = 0;
    while (i < relay->held.n && !ip_prefix_equal(&relay->held.v[i], prefix))
        i++;
    return i;
}

static enum relay_order told_announce(struct relay *relay, const char *rest)
{
    struct ip_prefix prefix;
    if (!read_prefix(&prefix, rest))
        return RELAY_BAD;
    if (find(relay, &prefix) == relay->held.n) {
        if (relay->held.n == RELAY_ROUTES_MAX)
            return RELAY_BAD; /* it could not be withdrawn */
        *vec_push(&relay->held) = prefix;
    }
    return RELAY_PASS;
}

static enum relay_order told_withdraw(struct relay *relay, const char *rest)
{
    struct ip_prefix prefix;
    if (!read_prefix(&prefix, rest))
        return RELAY_BAD;
    size_t i = find(relay, &prefix);
    if (i < relay->held.n)
        relay->held.v[i] = relay->held.v[--relay->held.n];
    return RELAY_PASS;
}

static enum relay_order judge(struct relay *relay, const char *line)
{
    struct slice rest = slice_str(line);
    uint64_t ms;
    if (slice_take(&rest, announce))
        return told_announce(relay, (const char *)rest.p);
    if (slice_take(&rest, withdraw))
        return told_withdraw(relay, (const char *)rest.p);
    if (strcmp(line, "show adj-rib out extensive") == 0 ||
        strcmp(line, "show neighbor summary") == 0 || strcmp(line, "version") == 0)
        return RELAY_PASS;
    if (strcmp(line, "keep") == 0)
        return RELAY_NOTHING;
    if (!slice_take(&rest, "stay ") || !decimal_parse(rest, RELAY_STAY_MS, &ms))
        return RELAY_BAD;
    relay->stay_ms = (int64_t)ms;
    return RELAY_NOTHING;
}

enum relay_order relay_told(struct relay *relay, const char *line)
{
    enum relay_order order = judge(relay, line);
    relay->n_owed += order == RELAY_PASS;
    return order;
}

bool relay_answered(struct relay *relay, const char *line)
{
    enum exabgp_word word = exabgp_word(line);
    bool ends = word == EXABGP_DONE || word == EXABGP_ERROR;
    if (word == EXABGP_NOTHING)
        return false;
    if (word == EXABGP_EVENT)
        return true;
    if (relay->n_foreign > 0) {
        relay->n_foreign -= ends;
        return false;
    }
    relay->n_owed -= ends && relay->n_owed > 0;
    return true;
}

void relay_left(struct relay *relay)
{
    relay->n_foreign += relay->n_owed;
    relay->n_owed = 0;
}

void relay_forget(struct relay *relay)
{
    relay->n_foreign = 0;
}

void relay_greet(const struct relay *relay, struct buf *out, int pid)
{
    char text[IP_PREFIX_TEXT_MAX];
    buf_printf(out, RELAY_HELLO "%d\n", pid);
    for (size_t i = 0; i < relay->held.n; i++)
        buf_printf(out, "has %s\n", ip_prefix_text(text, &relay->held.v[i]));
    buf_puts(out, "ready\n");
}

void relay_withdraw(struct relay *relay, struct buf *out)
{
    for (size_t i = 0; i < relay->held.n; i++) {
        exabgp_withdraw(out, &relay->held.v[i]);
        buf_puts(out, "\n");
    }
    relay->n_foreign += (uint32_t)relay->held.n;
    relay->held.n = 0;
}

void relay_free(struct relay *relay)
{
    vec_free(&relay->held);
}
