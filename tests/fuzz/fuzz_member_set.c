/* SPDX-License-Identifier: Apache-2.0
 * Member sets of any JSON: read as a whole or not at all, and written the same again. */
#include "fuzz.h"
#include "l4/sets.h"
#include "model/model.h"

#include <string.h>

static void check(const struct member_set *set)
{
    CHECK(set->version > 0 && set->name[0] && set->n <= SETS_MEMBERS_MAX);
    for (uint32_t i = 0; i < set->n; i++)
        CHECK(set->v[i].key[0] && set->v[i].port > 0 && set->v[i].weight <= WEIGHT_MAX &&
              set->v[i].addr.family != IP_NONE && set->v[i].state <= MEMBER_DRAIN);
}

static void round_trip(const struct member_set *set)
{
    struct member_set back;
    char error[256];
    json_t *object = member_set_write(set);
    CHECK(member_set_read(&back, object, error, sizeof error) == 0);
    json_t *again = member_set_write(&back);
    CHECK(json_equal(object, again) && back.n == set->n);
    json_decref(again);
    json_decref(object);
    member_set_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct member_set set;
    char error[256] = "";
    json_t *object = json_loadb((const char *)data, n, 0, NULL);
    if (!object)
        return 0;
    int e = member_set_read(&set, object, error, sizeof error);
    CHECK((e != 0) == (error[0] != '\0') && (e == 0 || !set.v));
    if (e == 0) {
        check(&set);
        round_trip(&set);
        member_set_free(&set);
    }
    json_decref(object);
    return 0;
}
