/* SPDX-License-Identifier: Apache-2.0
 * The DNS server itself: `server` of loadstar.yaml. */
#include "config/parts.h"

#include "base/digits.h"
#include "base/parallel.h"

#include <net/if.h>
#include <stddef.h>

#define WORKERS_MAX 1024
#define TCP_CONNECTIONS_MAX 1000000

static void read_workers(struct load *load, const struct yaml_node *node, void *field)
{
    static const struct schema_key number = {
        .name = "workers", .kind = SCHEMA_U32, .min = 1, .max = WORKERS_MAX};
    if (node->kind == YAML_SCALAR && strcmp(node->text, "auto") == 0)
        *(uint32_t *)field = usable_cores();
    else if (node->kind != YAML_SCALAR || !is_digit((uint8_t)node->text[0]))
        load_expected(load, node, "'workers'", "auto, or a whole number from 1 to %d", WORKERS_MAX);
    else
        schema_read_value(load, &number, node, field);
}

static void read_interface(struct load *load, const struct yaml_node *node,
                           struct xdp_interface *out)
{
    static const char expected[] = "the name of a network interface";
    const char *text = schema_scalar(load, node, "an item of 'interfaces'", expected);
    *out = (struct xdp_interface){node->span, text ? arena_strdup(load->arena, text) : NULL};
    /* dev_valid_name() in the kernel's net/core/dev.c. */
    if (text && (strlen(text) >= IFNAMSIZ || strpbrk(text, "/: \t\n")))
        load_expected(load, node, "'interfaces'", "%s: at most %d characters, no '/', ':' or space",
                      expected, IFNAMSIZ - 1);
}

static void read_interfaces(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    struct yaml_items items = yaml_items(&node);
    if (items.n == 0 || items.n > XDP_INTERFACES_MAX) {
        diag_error(load->diags, node->span, "'interfaces' has %u items, expected 1 to %d", items.n,
                   XDP_INTERFACES_MAX);
        return;
    }
    struct xdp_interface *v = arena_calloc(load->arena, items.n, sizeof *v);
    for (uint32_t i = 0; i < items.n; i++) {
        read_interface(load, items.v[i], &v[i]);
        for (uint32_t j = 0; j < i; j++)
            if (v[i].name && v[j].name && strcmp(v[i].name, v[j].name) == 0)
                diag_error(load->diags, v[i].span, "'interfaces' has %s twice", v[i].name);
    }
    load->model->server.xdp.interfaces = v;
    load->model->server.xdp.n_interfaces = items.n;
}

/** Keeps the position, too: whether so many can be had shows only where it runs. */
static void read_max_connections(struct load *load, const struct yaml_node *node, void *field)
{
    static const struct schema_key number = {
        .name = "max_connections", .kind = SCHEMA_U32, .min = 1, .max = TCP_CONNECTIONS_MAX};
    load->model->server.tcp.max_connections_at = node->span;
    schema_read_value(load, &number, node, field);
}

static void read_state_dir(struct load *load, const struct yaml_node *node, void *field)
{
    static const struct schema_key path = {.name = "state_dir", .kind = SCHEMA_PATH};
    load->model->server.state_dir_at = node->span;
    schema_read_value(load, &path, node, field);
}

static void read_node(struct load *load, const struct yaml_node *node, void *field)
{
    if (node->kind != YAML_SCALAR || !name_is_usable(node->text))
        load_expected(load, node, "'node'", "1 to 63 letters, digits, '-', '_' or '.'");
    else
        *(const char **)field = arena_strdup(load->arena, node->text);
}

/* Names of sites are known later. */
static void keep_site(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    load->site_node = node;
}

#define SERVER(member) offsetof(struct model, server.member)

static const struct schema_key tcp_keys[] = {
    {.name = "max_connections",
     .kind = SCHEMA_CUSTOM,
     .offset = SERVER(tcp.max_connections),
     .read = read_max_connections,
     .type = "a whole number from 1 to 1000000",
     .fallback = "1000",
     .doc = "TCP connections that are open at one time, in all. When they are used up, the one "
            "that has waited longest makes room, whatever it waits for. Each takes an open file of "
            "the process; where the limit of these does not allow as many, a warning says how many "
            "there will be.",
     .example = "50000"},
    {.name = "max_per_client",
     .kind = SCHEMA_U32,
     .offset = SERVER(tcp.max_per_client),
     .min = 1,
     .max = TCP_CONNECTIONS_MAX,
     .fallback = "100",
     .doc = "TCP connections that one client, an IPv4 address or an IPv6 /64, may have open.",
     .example = "20"},
    {.name = "idle_timeout",
     .kind = SCHEMA_MS,
     .offset = SERVER(tcp.idle_timeout_ms),
     .min = 100,
     .max = 3600000,
     .fallback = "10s",
     .doc = "A TCP connection without a query for this long is closed (RFC 7766 6.2.3). It shrinks "
            "down to an eighth when fewer than a quarter of `max_connections` are left. Clients "
            "that ask are told what is in force (RFC 7828), and with less than a sixteenth left "
            "to close when they have their answers.",
     .example = "30s"},
};
static const struct schema tcp_schema = {
    .title = "'tcp'", .doc = "Bounds of DNS over TCP.", SCHEMA_KEYS(tcp_keys)};

static const struct schema_word xdp_modes[] = {
    {"auto", XDP_MODE_AUTO, "the first of the following that the interface can do"},
    {"zero-copy", XDP_MODE_ZERO_COPY, "the driver hands over its own buffers"},
    {"copy", XDP_MODE_COPY, "the driver runs the program, and packets are copied"},
    {"generic", XDP_MODE_GENERIC, "the network stack runs the program; any interface can"},
};

static const struct schema_key xdp_keys[] = {
    {.name = "interfaces",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .read = read_interfaces,
     .type = "the name of a network interface, or a list of names",
     .doc = "Where UDP queries to the `listen` addresses are taken by AF_XDP. All other traffic "
            "takes its usual way, and so do queries on an interface that cannot do it: a warning "
            "says why. What a firewall on this host says of such queries is not asked.",
     .example = "[eth0, eth1]"},
    {.name = "mode",
     .kind = SCHEMA_WORD,
     .offset = SERVER(xdp.mode),
     SCHEMA_WORDS(xdp_modes),
     .fallback = "auto",
     .doc = "How packets come from the interface.",
     .example = "zero-copy"},
};
static const struct schema xdp_schema = {
    .title = "'xdp'",
    .doc =
        "Queries from network interfaces without the kernel's network stack: AF_XDP. Takes "
        "root, or CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and 8 MB of locked memory for each receive "
        "queue, at the start. Changes take effect at a restart; the addresses are followed.",
    SCHEMA_KEYS(xdp_keys)};

static const struct schema_word dispatches[] = {
    {"auto", DISPATCH_AUTO,
     "`cpu` where every hardware interface that is up spreads its packets over at least as many "
     "cores as there are workers, by receive queues or rps_cpus; otherwise `hash`"},
    {"cpu", DISPATCH_CPU,
     "to the worker on the core that takes the packet in from the network: the fewest cache misses "
     "and wake-ups, but a core that takes everything in gives everything to one worker"},
    {"hash", DISPATCH_HASH, "by the addresses and ports of the packet"},
};

static const struct schema_key server_keys[] = {
    {.name = "listen",
     .kind = SCHEMA_CUSTOM,
     .read = listen_read_list,
     .type = "an address or a list of addresses: ADDRESS, ADDRESS:PORT or [IPV6]:PORT",
     .fallback_doc = "[\"0.0.0.0:53\", \"[::]:53\"]; without `zones` none",
     .doc = "Where DNS is served, by UDP and TCP. Without a port it is 53. IPv6 addresses with a "
            "port stand in brackets. With an empty list, `[]`, no DNS is served: endpoints are "
            "checked only. An address that no interface has yet (of keepalived, of "
            "anycast, of a tunnel, IPv6 that is tentative) is answered on once one has it; until "
            "then a warning and `loadstarctl status` name it. `[::]` is passed over, with a "
            "notice, where the kernel has no IPv6.",
     .example = "[192.0.2.53, \"[2001:db8::53]:53\"]"},
    {.name = "workers",
     .kind = SCHEMA_CUSTOM,
     .offset = SERVER(workers),
     .read = read_workers,
     .type = "auto, or a whole number from 1 to 1024",
     .fallback = "auto",
     .doc = "Threads that answer queries. `auto` is one for each core that the process may use.",
     .example = "4"},
    {.name = "dispatch",
     .kind = SCHEMA_WORD,
     .offset = SERVER(dispatch),
     SCHEMA_WORDS(dispatches),
     .fallback = "auto",
     .doc = "Which worker answers a UDP query. `cpu` needs each worker on a core of its own "
            "(`workers: auto`). The metrics `loadstar_worker_udp_received_total` show whether the "
            "load is even.",
     .example = "hash"},
    {.name = "identity",
     .kind = SCHEMA_TEXT,
     .offset = SERVER(identity),
     .fallback_doc = "none: neither is answered",
     .doc = "The name of this server: answered as NSID (RFC 5001) and for `id.server CH TXT`.",
     .example = "ams1"},
    {.name = "version",
     .kind = SCHEMA_TEXT,
     .offset = SERVER(version),
     .fallback_doc = "none: not answered",
     .doc = "What `version.bind CH TXT` and `version.server CH TXT` answer.",
     .example = "loadstar"},
    {.name = "user",
     .kind = SCHEMA_TEXT,
     .offset = SERVER(user),
     .at = SERVER(user_at),
     .fallback_doc = "unchanged",
     .doc =
         "The user whose rights the server keeps once its sockets are bound. All files have to "
         "be readable for it: they are looked at as this user at the start, too. Of root's rights "
         "listening on ports below 1024 stays, for reloads, and what AF_XDP needs; commands of "
         "checks inherit none, and gain none by setuid programs. Leave it out with the supplied "
         "unit.",
     .example = "loadstar"},
    {.name = "state_dir",
     .kind = SCHEMA_CUSTOM,
     .offset = SERVER(state_dir),
     .read = read_state_dir,
     .type = "a path",
     .fallback_doc = "none: nothing is kept",
     .doc = "A directory that the server may write, as `user`: overrides and the last known health "
            "survive a restart in it. It is made when it is missing. A load that finds that it "
            "cannot be made, written or read is refused; a full disk is a warning. When it is "
            "changed, the rules in force go along, and what the new one held is put aside.",
     .example = "/var/lib/loadstar"},
    {.name = "node",
     .kind = SCHEMA_CUSTOM,
     .offset = SERVER(node),
     .read = read_node,
     .type = "1 to 63 letters, digits, '-', '_' or '.'",
     .fallback_doc = "a random one, kept in `state_dir`",
     .doc =
         "What this server is called among others, in the ids of the orders that it is given. No "
         "two that are to share orders may have the same.",
     .example = "ams1"},
    {.name = "site",
     .kind = SCHEMA_CUSTOM,
     .read = keep_site,
     .type = "the name of a site",
     .fallback_doc = "none",
     .doc = "The site that this server stands in: tiers have this site's endpoints as members, and "
            "orders on it reach prefix sets, unless they name another one.",
     .example = "ams"},
    {.name = "override_reminder",
     .kind = SCHEMA_SECONDS,
     .offset = SERVER(override_reminder_s),
     .min = 0,
     .max = 366 * 24 * 3600,
     .fallback = "7d",
     .doc = "An order (`loadstarctl set` or `weight`) without an end that is older than this is a "
            "warning in `status`; 0: never.",
     .example = "30d"},
    {.name = "zones_gone_max",
     .kind = SCHEMA_SHARE,
     .offset = SERVER(zones_gone_max),
     .fallback = "50%",
     .doc = "A reload that would take away more than this share of the zones that are served is "
            "refused: a volume that is not mounted or a half done checkout looks just so. "
            "`loadstarctl reload --force` does it all the same; SIGHUP never does.",
     .example = "10%"},
    {.name = "tcp",
     .kind = SCHEMA_MAPPING,
     .sub = &tcp_schema,
     .doc = "Bounds of DNS over TCP.",
     .example = "{idle_timeout: 30s}"},
    {.name = "rate_limit",
     .kind = SCHEMA_CUSTOM,
     .sub = &rate_limit_schema,
     .read = rate_limit_read,
     .type = "off, or a mapping",
     .fallback_doc = "on, with the values below",
     .doc = "How much longer than the queries the answers to one client network may be, so that "
            "the server is of no use to who sends queries in the name of a victim.",
     .example = "{bytes_per_second: 256k, burst: 512k, exempt: [192.0.2.0/24]}"},
    {.name = "cookies",
     .kind = SCHEMA_CUSTOM,
     .sub = &cookies_schema,
     .read = cookies_read,
     .type = "off, or a mapping",
     .fallback_doc = "on, with a secret that the process draws when it starts",
     .doc =
         "DNS cookies (RFC 7873, RFC 9018): a client that sends one is known to be where it says, "
         "and never limited.",
     .example = "{secrets: cookies.yaml}"},
    {.name = "xdp",
     .kind = SCHEMA_MAPPING,
     .sub = &xdp_schema,
     .doc = "Queries from network interfaces without the kernel's network stack: AF_XDP.",
     .example = "{interfaces: eth0}"},
    {.name = "panic",
     .kind = SCHEMA_CUSTOM,
     .sub = &panic_schema,
     .read = panic_read,
     .type = "off, or a mapping",
     .fallback_doc = "on",
     .doc = "When the checker suspects itself rather than the world.",
     .example = "{share: 80%, probes: 8, sites: 2}"},
    {.name = "exec_concurrency",
     .kind = SCHEMA_U32,
     .offset = SERVER(exec_concurrency),
     .min = 1,
     .max = 1024,
     .fallback = "32",
     .doc =
         "Commands of `exec` checks that run at a time. The probes of each check and pool have a "
         "share of their own, by what they need when they time out, so that scripts that hang "
         "do not hold up others. Loading warns when it is not enough for that.",
     .example = "64"},
};
const struct schema server_schema = {
    .title = "'server'", .doc = "The DNS server itself.", SCHEMA_KEYS(server_keys)};
