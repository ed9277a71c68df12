/* SPDX-License-Identifier: Apache-2.0
 * loadstar.yaml: where everything else stands, and what is said of it there. */
#include "config/parts.h"

#include <stddef.h>

#define HTTP_PORT 8053

static void read_http_listen(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    struct model *m = load->model;
    m->http.enabled = true;
    m->http.port = HTTP_PORT;
    listen_read(load, node, "'listen'", "ADDRESS:PORT or [IPV6]:PORT", &m->http.addr,
                &m->http.port);
}

/** Names or addresses as browsers put them into Host, without a port. */
static void read_hosts(struct load *load, const struct yaml_node *node, void *field)
{
    static const char expected[] = "names or addresses, without a scheme or a port";
    struct yaml_items items = yaml_items(&node);
    const char **v = arena_calloc(load->arena, items.n + 1, sizeof *v);
    struct str_list *hosts = field;
    struct ip ip;
    for (uint32_t i = 0; i < items.n; i++) {
        const char *text = schema_scalar(load, items.v[i], "an item of 'hosts'", expected);
        if (!text)
            return;
        bool is_name = *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                             "0123456789-._") == strlen(text);
        if (!is_name && ip_parse(&ip, text) != 0)
            load_expected(load, items.v[i], "'hosts'", "%s, like loadstar.example.net", expected);
        v[hosts->n++] = arena_strdup(load->arena, text);
    }
    hosts->v = v;
}

static const struct schema_key http_keys[] = {
    {.name = "listen",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .at = offsetof(struct model, http.listen_at),
     .read = read_http_listen,
     .type = "ADDRESS:PORT or [IPV6]:PORT",
     .doc = "Where the HTTP API, `/metrics` and the dashboard are served. Without a port it is "
            "8053. Everyone who reaches the address may read.",
     .example = "\"127.0.0.1:8053\""},
    {.name = "token_file",
     .kind = SCHEMA_FILE,
     .offset = offsetof(struct model, http.token_file),
     .at = offsetof(struct model, http.token_at),
     .fallback_doc = "none: changes by HTTP are refused",
     .doc =
         "A file with the bearer token that changes by HTTP must carry: readable for the "
         "server's user and not for everybody, with the supplied unit root:loadstar and mode "
         "0640. It is read again at each reload, which fails when it cannot be. The file's name, "
         "without its directory, is shown as who made a change.",
     .example = "api.token"},
    {.name = "hosts",
     .kind = SCHEMA_CUSTOM,
     .read = read_hosts,
     .offset = offsetof(struct model, http.hosts),
     .type = "a name or a list of names",
     .fallback_doc = "none",
     .doc =
         "Further names by which browsers and clients ask for the dashboard and the API: as in "
         "their URLs, without a port. The address of `listen`, the one that a connection came "
         "to, and localhost are always taken; any other name is turned away (421), as a web page "
         "could make it point here.",
     .example = "[loadstar.example.net]"},
};
static const struct schema http_schema = {
    .title = "'http'",
    .doc = "The HTTP side: API, metrics, dashboard. Without this key there is none.",
    SCHEMA_KEYS(http_keys)};

/* Files that are read later: kept as they stand. */
static void keep_networks(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    load->networks_node = node;
}

static void keep_pools(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    load->pools_node = node;
}

static void keep_tiers(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    load->tiers_node = node;
}

static void keep_anycast(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    load->anycast_node = node;
}

static void keep_zones(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    load->zones_node = node;
}

static const struct schema_key geo_keys[] = {
    {.name = "databases",
     .kind = SCHEMA_FILES,
     .offset = offsetof(struct model, geo.databases),
     .at = offsetof(struct model, geo.database_spans),
     .fallback_doc = "none: clients are placed by `networks` alone",
     .doc = "Databases in MaxMind's file format (MMDB), of MaxMind's, ip-location-db's, ipinfo's "
            "or iplocate's schema. "
            "Later ones add what earlier ones lack.",
     .example = "[geoip/country.mmdb, geoip/asn.mmdb]"},
    {.name = "networks",
     .kind = SCHEMA_CUSTOM,
     .read = keep_networks,
     .type = "a path",
     .fallback_doc = "none",
     .doc = "A file that says where networks are; it wins over the databases. See networks.yaml.",
     .example = "networks.yaml"},
};
static const struct schema geo_schema = {
    .title = "'geo'", .doc = "How clients are placed.", SCHEMA_KEYS(geo_keys)};

static const struct schema_key ecs_keys[] = {
    {.name = "enabled",
     .kind = SCHEMA_BOOL,
     .offset = offsetof(struct model, ecs),
     .fallback = "true",
     .doc = "Whether EDNS Client Subnet (RFC 7871) in a query is used and answered.",
     .example = "false"},
};
static const struct schema ecs_schema = {
    .title = "'ecs'", .doc = "EDNS Client Subnet (RFC 7871).", SCHEMA_KEYS(ecs_keys)};

static const struct schema_key loadstar_keys[] = {
    {.name = "server",
     .kind = SCHEMA_MAPPING,
     .sub = &server_schema,
     .doc = "The DNS server itself.",
     .example = "{listen: 192.0.2.53, identity: ams1}"},
    {.name = "control",
     .kind = SCHEMA_PATH,
     .offset = offsetof(struct model, control),
     .at = offsetof(struct model, control_at),
     .fallback_doc = "none: loadstarctl cannot reach the server",
     .doc = "The Unix socket by which `loadstarctl` speaks to the server.",
     .example = "/run/loadstar/control.sock"},
    {.name = "http",
     .kind = SCHEMA_MAPPING,
     .sub = &http_schema,
     .doc = "The HTTP side: API, metrics, dashboard.",
     .example = "{listen: \"127.0.0.1:8053\", token_file: api.token}"},
    {.name = "geo",
     .kind = SCHEMA_MAPPING,
     .sub = &geo_schema,
     .doc = "How clients are placed.",
     .example = "{databases: [geoip/country.mmdb], networks: networks.yaml}"},
    {.name = "ecs",
     .kind = SCHEMA_MAPPING,
     .sub = &ecs_schema,
     .doc = "EDNS Client Subnet.",
     .example = "{enabled: true}"},
    {.name = "pools",
     .kind = SCHEMA_CUSTOM,
     .read = keep_pools,
     .type = "a path or a list of paths",
     .fallback_doc = "none: all names are static",
     .doc = "Sites, checks, maps and pools. See pools.yaml. With several files, what one names "
            "may stand in another.",
     .example = "pools.yaml"},
    {.name = "zones",
     .kind = SCHEMA_CUSTOM,
     .read = keep_zones,
     .type = "a directory, or a list of files and directories",
     .fallback_doc = "none: no DNS is served, endpoints are checked only",
     .doc = "The zones that are served. Of a directory, all *.yaml, *.yml and *.zone are read; any "
            "other file in it that is neither hidden nor a backup is named in a warning. That "
            "there is no zone at all is an error.",
     .example = "zones/"},
    {.name = "tiers",
     .kind = SCHEMA_CUSTOM,
     .read = keep_tiers,
     .type = "a path or a list of paths",
     .fallback_doc = "none",
     .doc = "Local load balancers that are driven by the state of pools. See tiers.yaml.",
     .example = "tiers.yaml"},
    {.name = "anycast",
     .kind = SCHEMA_CUSTOM,
     .read = keep_anycast,
     .type = "a path or a list of paths",
     .fallback_doc = "none",
     .doc = "Prefixes that BGP speakers announce while this node serves them. See anycast.yaml.",
     .example = "anycast.yaml"},
};
const struct schema loadstar_schema = {.title = "the configuration",
                                       .doc =
                                           "The server itself, and where everything else stands.",
                                       SCHEMA_KEYS(loadstar_keys)};

void main_file_read(struct load *load, const struct yaml_node *root)
{
    unsigned errors = load->diags->n_errors;
    load->model->server.site = MODEL_NONE;
    limits_set_defaults(load);
    panic_set_defaults(load);
    schema_read(load, &loadstar_schema, root, load->model);
    load->main_is_sound = load->diags->n_errors == errors;
}
