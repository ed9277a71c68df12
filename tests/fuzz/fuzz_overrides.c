/* SPDX-License-Identifier: Apache-2.0
 * overrides.json. Whatever it holds, it is refused with a text that begins with the path, and then
 * there are no rules; or its rules can be looked up, expire, and come back the same when they are
 * saved. */
#include "base/file.h"
#include "fuzz.h"
#include "health/store.h"

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

static void check_rule(const struct rule *rule)
{
    CHECK(rule->reason && rule->target.text && strlen(rule->target.text) <= TARGET_MAX);
    CHECK(*rule->target.pool && *rule->target.site && *rule->target.label);
    CHECK(rule->set_ms >= 0 && rule->set_ms <= RULE_TIME_MAX_MS);
    CHECK(rule->until_ms == INT64_MAX ||
          (rule->until_ms >= 0 && rule->until_ms <= RULE_TIME_MAX_MS));
    if (rule->kind == RULE_WEIGHT)
        CHECK(rule->weight >= RULE_AUTO_WEIGHT && rule->weight <= WEIGHT_MAX);
    else
        CHECK(rule->override <= OVERRIDE_DRAIN);
}

static void use(struct rules *rules)
{
    for (uint32_t i = 0; i < rules->n && i < 64; i++) {
        const struct target *t = &rules->v[i].target;
        (void)rules_find(rules, rules->v[i].kind, t->pool, t->site, t->label);
    }
    int64_t next_ms = rules_next_expiry_ms(rules);
    CHECK(next_ms == INT64_MAX || rules_expire(rules, next_ms) > 0);
    CHECK(rules_next_expiry_ms(rules) > next_ms || next_ms == INT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct rules rules = {0}, back = {0};
    struct buf problem = {0};
    if (!*path)
        enter();
    CHECK(file_replace(path, data, n, 0600) == 0);
    int code = store_load_rules(&rules, path, &problem);
    if (code != 0) {
        CHECK(rules.n == 0 && strncmp(problem.p, path, strlen(path)) == 0);
        CHECK(code == E_SYNTAX || code == E_INVALID);
    } else {
        CHECK(problem.n == 0);
        for (uint32_t i = 0; i < rules.n; i++)
            check_rule(&rules.v[i]);
        CHECK(store_save_rules(&rules, path) == 0);
        CHECK(store_load_rules(&back, path, &problem) == 0);
        CHECK(rules_equal(&rules, &back));
        use(&rules);
    }
    rules_free(&rules);
    rules_free(&back);
    buf_free(&problem);
    return 0;
}
