/* SPDX-License-Identifier: Apache-2.0
 * What Envoy asks, and files of discovery responses and wishes that are read back. */
#include "ctl/eds.h"
#include "tests/fuzz/fuzz.h"
#include "tier/eds.h"
#include "tier/wish.h"

static void ask(const uint8_t *data, size_t n)
{
    static const struct tier config = {.type = TIER_ENVOY,
                                       .envoy = {.cluster = "web", .rest = true}};
    static const struct tier_spec spec = {.config = &config};
    struct tier_view view = {
        .spec = &spec, .published = "{\"resources\":[{}]}\n", .published_version = 7};
    view.n_published = strlen(view.published);
    struct tier_view *views[] = {&view, &view};
    struct http_response response = eds_respond(views, 2, (const char *)data, n);
    CHECK(response.status != 200 || response.body_len > 0);
    http_response_free(&response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct eds_seen eds;
    struct wish_seen wish;
    char error[128];
    CHECK(eds_read(&eds, slice_of(data, n), error) == 0 || eds.members.n == 0);
    for (size_t i = 0; i < eds.members.n; i++)
        CHECK(eds.members.v[i].port > 0 && eds.members.v[i].serving.weight <= TIER_WEIGHT_MAX);
    eds_seen_free(&eds);
    CHECK(wish_read(&wish, slice_of(data, n)) == 0 || wish.members.n == 0);
    wish_seen_free(&wish);
    ask(data, n);
    return 0;
}
