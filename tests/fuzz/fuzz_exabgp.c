/* SPDX-License-Identifier: Apache-2.0
 * What ExaBGP answers and what a relay is told, of any bytes: read within their bounds. Whatever a
 * relay has passed on as an announcement it withdraws at the end, once. */
#include "anycast/exabgp_relay.h"
#include "anycast/exabgp_text.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void read_answer(const char *line)
{
    struct exabgp_route route;
    struct ip peer;
    char state[32];
    (void)exabgp_word(line);
    if (exabgp_route_read(&route, line))
        CHECK(route.read.n_path <= ROUTE_READ_MAX && route.read.n_communities <= ROUTE_READ_MAX &&
              route.read.n_large <= ROUTE_READ_MAX);
    if (exabgp_neighbor_read(line, &peer, state))
        CHECK(strlen(state) < sizeof state && peer.family != IP_NONE);
}

static void tell(struct relay *relay, const char *line)
{
    size_t n_held = relay->held.n;
    bool announces = strncmp(line, "announce ", 9) == 0;
    enum relay_order order = relay_told(relay, line);
    CHECK(relay->held.n <= n_held + (announces && order == RELAY_PASS));
    CHECK(order != RELAY_BAD || relay->held.n == n_held);
    CHECK(relay->stay_ms >= 0 && relay->stay_ms <= RELAY_STAY_MS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct relay relay = {0};
    struct buf out = {0};
    char *text = malloc(n + 1), *save = NULL;
    memcpy(text, data, n);
    text[n] = '\0';
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        read_answer(line);
        if (*line == '<')
            (void)relay_answered(&relay, line + 1);
        else if (*line == '.')
            relay_left(&relay);
        else
            tell(&relay, line);
    }
    size_t n_held = relay.held.n, n_lines = 0;
    relay_withdraw(&relay, &out);
    for (size_t i = 0; i < out.n; i++)
        n_lines += out.p[i] == '\n';
    CHECK(n_lines == n_held && relay.held.n == 0);
    buf_free(&out);
    relay_free(&relay);
    free(text);
    return 0;
}
