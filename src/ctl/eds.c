/* SPDX-License-Identifier: Apache-2.0
 * Endpoint discovery over HTTP. */
#include "ctl/eds.h"

#include "base/buf.h"
#include "tier/eds.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/** What is asked for. */
struct wanted {
    json_t *request;
    const json_t *names; /* NULL: all */
    const char *version; /* that the asker has; "": none */
};

static const char *read_request(struct wanted *wanted, const char *body, size_t n)
{
    json_error_t bad;
    wanted->request = json_loadb(body, n, JSON_REJECT_DUPLICATES, &bad);
    if (!json_is_object(wanted->request))
        return "body: expected a DiscoveryRequest in JSON";
    const json_t *type = json_object_get(wanted->request, "type_url");
    const json_t *names = json_object_get(wanted->request, "resource_names");
    const json_t *version = json_object_get(wanted->request, "version_info");
    size_t i;
    json_t *name;
    if (type && (!json_is_string(type) || strcmp(json_string_value(type), EDS_TYPE) != 0))
        return "type_url: expected " EDS_TYPE;
    if (names && !json_is_array(names))
        return "resource_names: expected a list of names of clusters";
    json_array_foreach(names, i, name) if (
        !json_is_string(name)) return "resource_names: expected a list of names of clusters";
    wanted->names = json_array_size(names) > 0 ? names : NULL;
    wanted->version = json_is_string(version) ? json_string_value(version) : "";
    return NULL;
}

static bool is_wanted(const struct wanted *wanted, const struct tier_view *view)
{
    const struct tier *config = view->spec->config;
    size_t i;
    json_t *name;
    if (config->type != TIER_ENVOY || !config->envoy.rest)
        return false;
    if (!wanted->names)
        return true;
    json_array_foreach(wanted->names, i, name) if (strcmp(json_string_value(name),
                                                          config->envoy.cluster) == 0) return true;
    return false;
}

/** The resources in a response that eds_render() made: what is in the last brackets. */
static struct slice resources_of(const struct tier_view *view)
{
    static const char before[] = "\"resources\":[", after[] = "]}\n";
    const char *begin = memmem(view->published, view->n_published, before, sizeof before - 1);
    if (!begin || view->n_published < sizeof after - 1)
        return (struct slice){0};
    begin += sizeof before - 1;
    return slice_of(begin,
                    (size_t)(view->published + view->n_published - begin) - (sizeof after - 1));
}

/** Of several tiers; their versions together are the version. */
static struct buf join(struct tier_view *const *views, const uint32_t *which, uint32_t n,
                       const char *version)
{
    struct buf out = {0};
    buf_printf(&out, "{\"version_info\":\"%s\",\"type_url\":\"" EDS_TYPE "\",\"resources\":[",
               version);
    for (uint32_t i = 0; i < n; i++) {
        struct slice resources = resources_of(views[which[i]]);
        if (i > 0)
            buf_puts(&out, ",");
        buf_add(&out, resources.p, resources.n);
    }
    buf_puts(&out, "]}\n");
    return out;
}

static struct http_response respond(struct tier_view *const *views, const uint32_t *which,
                                    uint32_t n, const char *has)
{
    struct buf version = {0}, body = {0};
    for (uint32_t i = 0; i < n; i++) {
        if (!views[which[i]]->published) {
            buf_free(&version);
            return http_error(503, "not every member has a result yet");
        }
        buf_printf(&version, "%s%" PRIu64, i > 0 ? "." : "", views[which[i]]->published_version);
    }
    struct http_response response = {.status = 304, .type = "application/json"};
    if (strcmp(version.p, has) != 0) {
        const struct tier_view *only = views[which[0]];
        if (n == 1)
            buf_add(&body, only->published, only->n_published);
        else
            body = join(views, which, n, version.p);
        response.status = 200;
        response.body = body.p;
        response.body_len = body.n;
    }
    buf_free(&version);
    return response;
}

struct http_response eds_respond(struct tier_view *const *views, uint32_t n, const char *body,
                                 size_t n_body)
{
    struct wanted wanted = {0};
    uint32_t *which = xmalloc((n + 1) * sizeof *which), n_which = 0;
    const char *error = read_request(&wanted, body, n_body);
    for (uint32_t i = 0; !error && i < n; i++)
        if (is_wanted(&wanted, views[i]))
            which[n_which++] = i;
    struct http_response response =
        error          ? http_error(400, error)
        : n_which == 0 ? http_error(404, "no tier has such a cluster and `eds: {rest: true}`")
                       : respond(views, which, n_which, wanted.version);
    json_decref(wanted.request);
    free(which);
    return response;
}
