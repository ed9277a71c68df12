/* SPDX-License-Identifier: Apache-2.0
 * Endpoint discovery over HTTP, out of what tiers offer. */
#include "ctl/eds.h"
#include "tier/eds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct tier configs[] = {
    {.type = TIER_ENVOY, .envoy = {.cluster = "web", .rest = true}},
    {.type = TIER_ENVOY, .envoy = {.cluster = "file-only"}},
    {.type = TIER_NGINX, .envoy = {.cluster = "web", .rest = true}},
    {.type = TIER_ENVOY, .envoy = {.cluster = "api", .rest = true}},
    {.type = TIER_ENVOY, .envoy = {.cluster = "late", .rest = true}},
};
#define N ARRAY_LEN(configs)
#define OFFER(version, cluster)                                                            \
    "{\"version_info\":\"" version "\",\"control_plane\":{\"identifier\":\"loadstar n\"}," \
    "\"type_url\":\"t\",\"resources\":[{\"cluster_name\":\"" cluster "\",\"endpoints\":[]}]}\n"

static struct tier_spec specs[N];
static struct tier_view all[N], *views[N];

static int set_up(void **state)
{
    static const char *const offers[N] = {OFFER("70", "web"), NULL, NULL, OFFER("80", "api"), NULL};
    (void)state;
    for (size_t i = 0; i < N; i++) {
        specs[i].config = &configs[i];
        all[i] = (struct tier_view){.spec = &specs[i],
                                    .published = offers[i],
                                    .n_published = offers[i] ? strlen(offers[i]) : 0,
                                    .published_version = 70 + 10 * (i > 0)};
        views[i] = &all[i];
    }
    return 0;
}

static struct http_response ask(const char *body)
{
    return eds_respond(views, N, body, strlen(body));
}

static void requests(void **state)
{
    static const struct {
        const char *body;
        int status;
    } rows[] = {
        {"", 400},
        {"[]", 400},
        {"{\"resource_names\":\"web\"}", 400},
        {"{\"resource_names\":[7]}", 400},
        {"{\"resource_names\":[\"web\"],\"resource_names\":[\"web\"]}", 400},
        {"{\"type_url\":\"type.googleapis.com/envoy.config.cluster.v3.Cluster\"}", 400},
        {"{\"type_url\":7}", 400},
        {"{\"resource_names\":[\"web\"],\"type_url\":\"" EDS_TYPE "\"}", 200},
        {"{\"resource_names\":[\"web\"]}", 200},
        {"{\"resource_names\":[\"web\"],\"version_info\":\"\"}", 200},
        {"{\"resource_names\":[\"web\"],\"version_info\":7}", 200},
        {"{\"resource_names\":[\"web\"],\"version_info\":\"70\"}", 304},
        {"{\"resource_names\":[\"web\"],\"version_info\":\"69\"}", 200},
        {"{\"resource_names\":[\"web\"],\"version_info\":\"700\"}", 200},
        {"{\"resource_names\":[\"web\",\"api\"],\"version_info\":\"70\"}", 200},
        {"{\"resource_names\":[\"web\",\"api\"],\"version_info\":\"70.80\"}", 304},
        {"{\"resource_names\":[\"file-only\"]}", 404},
        {"{\"resource_names\":[\"nobody\"]}", 404},
        {"{\"resource_names\":[\"nobody\",\"web\"]}", 200},
        {"{\"resource_names\":[\"late\"]}", 503},
        {"{\"resource_names\":[\"web\",\"late\"]}", 503},
        {"{}", 503}, /* all, and one is not ready */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_response response = ask(rows[i].body);
        if (response.status != rows[i].status)
            fail_msg("%s: %d", rows[i].body, response.status);
        http_response_free(&response);
    }
}

/** One cluster as it is offered; several in one response, with their versions together. */
static void answers(void **state)
{
    (void)state;
    struct http_response one = ask("{\"resource_names\":[\"api\"]}");
    assert_int_equal(one.body_len, all[3].n_published);
    assert_memory_equal(one.body, all[3].published, one.body_len);
    http_response_free(&one);
    struct http_response both = ask("{\"resource_names\":[\"api\",\"web\"]}");
    json_t *document = json_loadb(both.body, both.body_len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    assert_string_equal(json_string_value(json_object_get(document, "version_info")), "70.80");
    json_t *resources = json_object_get(document, "resources");
    assert_int_equal(json_array_size(resources), 2);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(resources, 0), "cluster_name")), "web");
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(resources, 1), "cluster_name")), "api");
    json_decref(document);
    http_response_free(&both);
}

static void without_tiers(void **state)
{
    (void)state;
    struct http_response response = eds_respond(NULL, 0, "{}", 2);
    assert_int_equal(response.status, 404);
    http_response_free(&response);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(requests), cmocka_unit_test(answers),
                                       cmocka_unit_test(without_tiers)};
    return cmocka_run_group_tests(tests, set_up, NULL);
}
