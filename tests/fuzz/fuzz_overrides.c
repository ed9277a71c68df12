/* SPDX-License-Identifier: Apache-2.0
 * overrides.json. Whatever it holds, it is refused with a text that begins with the path, and then
 * there are no orders; or its orders can be applied, follow, expire, and come back the same when
 * they are saved. */
#include "base/file.h"
#include "fuzz.h"
#include "health/decide.h"
#include "health/follow.h"
#include "health/orders_file.h"

#include <string.h>
#include <unistd.h>

static char path[64];

static void leave(void)
{
    unlink(path);
}

/* In memory where there is such a place: a save waits for the disk. */
static void enter(void)
{
    snprintf(path, sizeof path, "%s/loadstar-fuzz-overrides-%ld",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
    atexit(leave);
}

static void check_order(const struct order *o)
{
    CHECK(o->reason && o->author && o->shown && *o->node);
    CHECK(o->target.text && strlen(o->target.text) <= TARGET_MAX);
    if (target_is_of_sets(&o->target))
        CHECK(*o->target.set.text && o->kind == ORDER_ANNOUNCE);
    else
        CHECK(*o->target.pool.text && *o->target.site.text && *o->target.label.text);
    CHECK(o->set_ms >= 0 && o->set_ms <= ORDER_TIME_MAX_MS);
    CHECK(o->until_ms == ORDER_FOREVER || (o->until_ms >= 0 && o->until_ms <= ORDER_TIME_MAX_MS));
    CHECK(o->n_anchors <= ANCHORS_MAX);
    if (o->kind == ORDER_WEIGHT)
        CHECK(o->weight >= ORDER_AUTO_WEIGHT && o->weight <= WEIGHT_MAX);
    else if (o->kind == ORDER_ANNOUNCE)
        CHECK(o->announce <= ANNOUNCE_DRAIN && (!o->forced || o->announce == ANNOUNCE_YES));
    else
        CHECK(o->override <= OVERRIDE_DRAIN);
}

/* In a configuration of one endpoint and a prefix set, and in one of none. */
static void use(struct orders *orders)
{
    static const struct site site = {.name = "ams"};
    static const struct pool_site in = {.n_endpoints = 1};
    static const struct pool pool = {.name = "www", .sites = &in, .n_sites = 1};
    static const struct endpoint e = {.label = "192.0.2.1", .addr = {{192, 0, 2, 1}, IP_V4}};
    static const struct prefix_set set = {.name = "dns"};
    struct model m = {.prefix_sets = &set,
                      .n_prefix_sets = 1,
                      .sites = &site,
                      .n_sites = 1,
                      .pools = &pool,
                      .n_pools = 1,
                      .endpoints = &e,
                      .n_endpoints = 1},
                 empty = {0};
    struct endpoint_state state = {0};
    if (orders->n > 64)
        return;
    orders_apply(orders, &m, &state);
    struct announce_decision d = orders_decide_set(orders, "dns", "ams");
    CHECK(!d.forced || (d.order == ANNOUNCE_YES && d.by));
    (void)orders_follow(orders, &m, 1, NULL, NULL);
    (void)orders_follow(orders, &empty, 2, NULL, NULL);
    int64_t next_ms = orders_next_expiry_ms(orders);
    CHECK(next_ms == ORDER_FOREVER || orders_expire(orders, next_ms) > 0);
    CHECK(orders_next_expiry_ms(orders) > next_ms || next_ms == ORDER_FOREVER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct orders orders = {.node = "n"}, back = {.node = "n"};
    struct buf problem = {0};
    if (!*path)
        enter();
    CHECK(file_replace(path, data, n, 0600) == 0);
    int code = orders_load(&orders, path, &problem);
    if (code != 0) {
        CHECK(orders.n == 0 && strncmp(problem.p, path, strlen(path)) == 0);
        CHECK(code == E_SYNTAX || code == E_INVALID);
    } else {
        CHECK(problem.n == 0);
        for (uint32_t i = 0; i < orders.n; i++)
            check_order(orders.v[i]);
        CHECK(orders_save(&orders, path) == 0);
        CHECK(orders_load(&back, path, &problem) == 0);
        CHECK(orders_equal(&orders, &back) && orders.n_ended == back.n_ended);
        use(&orders);
    }
    orders_free(&orders);
    orders_free(&back);
    buf_free(&problem);
    return 0;
}
