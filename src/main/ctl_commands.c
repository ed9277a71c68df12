/* SPDX-License-Identifier: Apache-2.0
 * The commands of loadstarctl. */
#include "main/ctl_commands.h"

#include "base/attr.h"
#include "config/suggest.h"

#include <loadstar/control.h>

#include <string.h>

#define VALUE(name)              \
    {                            \
        name, name, OPTION_VALUE \
    }
#define FLAG(name)              \
    {                           \
        name, name, OPTION_FLAG \
    }
#define ORDER_FLAGS                                                                       \
    VALUE("for"), VALUE("reason"), {"dry-run", "dry_run", OPTION_FLAG}, FLAG("volatile"), \
        FLAG("verbose")

static const struct option explain_options[] = {VALUE("client"), VALUE("ecs"), {0}};
static const struct option weight_options[] = {ORDER_FLAGS, {0}};
static const struct option set_options[] = {
    ORDER_FLAGS, {"wait", "wait", OPTION_OPTIONAL}, FLAG("force"), {0}};
static const struct option events_options[] = {VALUE("after"), VALUE("limit"), {0}};
static const struct option reload_options[] = {FLAG("force"), {0}};
static const struct option stop_options[] = {
    FLAG("now"), {"keep-announced", "keep_announced", OPTION_FLAG}, {0}};
static const struct option no_options[] = {{0}};
static const struct option list_options[] = {VALUE("limit"), VALUE("after"), {0}};
static const struct option tiers_options[] = {FLAG("diff"), VALUE("limit"), VALUE("after"), {0}};
static const struct option ipvs_options[] = {{"weights", "weights", OPTION_OWN_FLAG}, {0}};
static const struct option healthy_options[] = {
    {"unknown", "unknown", OPTION_OWN}, {"verbose", "verbose", OPTION_OWN_FLAG}, {0}};

#define PAGES                                                                                \
    "The list is fetched page by page. --limit shows so many and what --after takes to go\n" \
    "on behind them.\n"
#define TARGETS                                                                                \
    "TARGET is POOL/SITE/ADDRESS or POOL/SITE/NAME for an endpoint, POOL/SITE, or SITE\n"      \
    "for all that is there; * matches any text within a part: 'www/*', '*/ams'. An endpoint\n" \
    "with a name goes by its address all the same.\n"
#define ORDER_OPTIONS                                                                             \
    "--for (90s, 30m, 2h, 1d) ends it by itself; --reason says why. --dry-run only tells what\n"  \
    "it would do, --verbose names every endpoint and pool. --volatile keeps it in memory only,\n" \
    "which works while the state directory cannot be written.\n"

#define L4_SOCKET                                                                                 \
    "It is asked at " LOADSTAR_L4_CONTROL_SOCKET " unless -s or $LOADSTAR_SOCKET names another\n" \
    "socket. status, rtt, set, weight, reload and stop are for both, by their sockets.\n"

static const struct command commands[] = {
    {"status",
     "status",
     "what runs, and what is wrong now",
     {0},
     0,
     no_options,
     "Shows the generation that serves, the hash of its files beside the hash of those on\n"
     "disk, counts, query rates, overrides in force, and what is wrong now.\n"
     "\n"
     "  loadstarctl status\n"
     "  loadstarctl --json status | jq .problems\n",
     NULL},
    {"pools",
     "pools [--limit N] [--after NEXT]",
     "pools: state, policy, sites",
     {0},
     0,
     list_options,
     "Lists the pools. A pool is degraded while one of its sites is down, and down when none\n"
     "of its endpoints serves.\n" PAGES,
     "pools"},
    {"endpoints",
     "endpoints [POOL] [--limit N] [--after NEXT]",
     "endpoints: state, weight, last probe, why",
     {"pool"},
     0,
     list_options,
     "Lists the endpoints of one pool or of all. A state or weight with \"!\" is one that an\n"
     "operator has set.\n"
     "\n"
     "  loadstarctl endpoints www\n" PAGES,
     "endpoints"},
    {"sites",
     "sites [--limit N] [--after NEXT]",
     "sites: state over all pools",
     {0},
     0,
     list_options,
     "Lists the sites. A site is up while it is up in every pool that has it.\n" PAGES,
     "sites"},
    {"checks",
     "checks [--limit N] [--after NEXT]",
     "probes: state, latency, results",
     {0},
     0,
     list_options,
     "Lists the probes: one for each (check, address, port), whatever number of pools use "
     "it.\n" PAGES,
     "checks"},
    {"events",
     "events [--after ID] [--limit N]",
     "the newest changes of state",
     {0},
     0,
     events_options,
     "Lists the newest events, oldest first: what changed, why, and what it did to the\n"
     "answers. --after lists those that follow an event.\n",
     NULL},
    {"explain",
     "explain NAME|anycast:NAME|PREFIX [TYPE] [--client ADDRESS | --ecs PREFIX]",
     "why a client gets the answer it gets; why a prefix is announced",
     {"name", "type"},
     1,
     explain_options,
     "Shows the whole decision for one query, by the code that answers. --client is the\n"
     "resolver's address; --ecs adds a client subnet to the query.\n"
     "Of anycast:NAME, of a prefix or of an address in one: why that prefix set is announced or\n"
     "not, with all its orders, what it hangs on, and what the speaker really has.\n"
     "\n"
     "  loadstarctl explain www.example.com\n"
     "  loadstarctl explain www.example.com AAAA --client 192.0.2.7\n"
     "  loadstarctl explain www.example.com --ecs 203.0.113.0/24\n"
     "  loadstarctl explain anycast:dns\n"
     "  loadstarctl explain 192.0.2.53/32\n",
     NULL},
    {"geo",
     "geo ADDRESS",
     "what is known of an address",
     {"address"},
     1,
     no_options,
     "Shows what the databases and networks say of an address, and what each steering makes\n"
     "of it.\n"
     "\n"
     "  loadstarctl geo 81.2.69.160\n",
     NULL},
    {"orders",
     "orders",
     "orders in force, layer by layer",
     {0},
     0,
     no_options,
     "Lists the orders of `set` and `weight`, the newest first: of those that match an\n"
     "endpoint, the newest decides. DECIDES says of how many endpoints it does, NOTE why not\n"
     "of the others.\n"
     "\n"
     "  loadstarctl orders\n"
     "  loadstarctl set @17 auto\n",
     NULL},
    {"tiers",
     "tiers [NAME] [--diff] [--limit N] [--after NEXT]",
     "local balancers: state, members, sessions",
     {"name"},
     0,
     tiers_options,
     "Lists the tiers: the balancers on this machine that follow the pools. Of one tier its\n"
     "members are listed as well: what was wanted, applied and seen of each. --diff looks at\n"
     "them anew, changes nothing, and prints what would be changed.\n"
     "exit with --diff: 0 nothing to do, 3 changes, 1 a tier cannot be read or must not be\n"
     "written\n"
     "\n"
     "  loadstarctl tiers edge-ha\n"
     "  loadstarctl tiers --diff\n" PAGES,
     "tiers"},
    {"anycast",
     "anycast [NAME] [--limit N] [--after NEXT]",
     "prefix sets: state, what speakers have, why",
     {"name"},
     0,
     list_options,
     "Lists the prefix sets that are announced while this node can serve them, and the BGP\n"
     "speakers that do it: the state (down, holding, announced, degraded, draining), since when,\n"
     "whether the speaker really has the routes, and why. Of one set what it hangs on and each\n"
     "of its prefixes are listed as well; loadstarctl explain anycast:NAME tells all of it.\n"
     "\n"
     "  loadstarctl anycast\n"
     "  loadstarctl anycast dns\n"
     "  loadstarctl set anycast:dns drain --reason 'router swap' --wait\n" PAGES,
     "sets"},
    {"ipvs",
     "ipvs [--weights]",
     "virtual services of the kernel, as ipvsadm has them",
     {0},
     0,
     ipvs_options,
     "Prints what `ipvsadm -Ln --stats` would: all services of IPVS, whoever made them, with\n"
     "their counters. --weights: what `ipvsadm -Ln` would, with weights and connections.\n",
     NULL},
    {"rtt",
     "rtt [--limit N] [--after NEXT]",
     "round-trip times of clients by network",
     {0},
     0,
     list_options,
     "Lists the networks of clients (/24, /48) that tiers of type l4 told of in the last hour, "
     "with\n"
     "their round-trip times as the kernel measured them: smoothed, and the least of the last\n"
     "minutes. With -s, what one loadstar-l4 has measured.\n"
     "\n"
     "  loadstarctl rtt\n"
     "  loadstarctl -s " LOADSTAR_L4_CONTROL_SOCKET " rtt\n" PAGES,
     "networks"},
    {"healthy",
     "healthy POOL[/SITE]|anycast:NAME [--unknown up|down] [--verbose]",
     "whether a pool is up, or a prefix set announced, as an exit code",
     {"target"},
     1,
     healthy_options,
     "For scripts, and keepalived's vrrp_script: whether a pool, or its part in one site, is up\n"
     "by min_up. Where that hangs on endpoints of which nothing sure is known, or loadstard\n"
     "does not answer within a second, it cannot be told; --unknown says what is meant then.\n"
     "Says nothing but on a terminal, or with --verbose or --json. A prefix set is healthy while\n"
     "it is announced, degraded or not, and its speaker has it.\n"
     "exit: 0 healthy, 1 not, 2 wrong usage or no such pool or set, 3 cannot tell\n"
     "\n"
     "  loadstarctl healthy www/ams\n"
     "  loadstarctl healthy www --unknown up\n",
     NULL},
    {"exabgp",
     "exabgp SPEAKER",
     "ExaBGP's way to loadstard, run by ExaBGP",
     {"speaker"},
     1,
     no_options,
     "For the `process` of ExaBGP's configuration, with `encoder text`: relays what loadstard\n"
     "tells a speaker with `via: process`, and withdraws all of it as soon as loadstard has\n"
     "ended, or has not been heard of for 2 s. SPEAKER is its name, or the path of its socket\n"
     "where that is not beside the control socket. Its user has to be one who may connect to it.\n"
     "\n"
     "  process loadstar { run /usr/bin/loadstarctl exabgp edge; encoder text; }\n",
     NULL},
    {"set",
     "set TARGET up|down|announce|withdraw|drain|auto [--for DURATION] [--reason TEXT] [--dry-run] "
     "[--volatile] [--verbose] [--wait[=DURATION]] [--force]",
     "override the state of endpoints, and of prefix sets",
     {"target", "state"},
     2,
     set_options,
     TARGETS
     "up and down override the probes; drain sends no new clients there. Orders survive\n"
     "restarts, apply to endpoints that reloads add, and lie in layers: the newest decides,\n"
     "and when it ends, the one beneath does again. One of the same target replaces the one\n"
     "before, unless it has an end and that one has none. auto takes away the orders for TARGET\n"
     "and for what is within it; where a wider one still decides, auto is laid over it. An id\n"
     "(@17, of `loadstarctl orders`) in place of TARGET takes away that order.\n"
     "Of prefix sets (anycast:NAME): announce holds against pools and checks, and with --force\n"
     "even while nothing answers at their addresses; withdraw takes them back at once, drain as\n"
     "shutdown: is configured. drain or down for a whole SITE drains or withdraws its prefix sets\n"
     "as well, unless an order on the set itself says otherwise.\n" ORDER_OPTIONS
     "--wait, of a drain, waits until old answers have run out, no tier has sessions left and\n"
     "prefix sets are withdrawn; without DURATION as long as drain.timeout of the tiers and\n"
     "drain_time of the sets let it take. ^C stops the waiting, not the drain.\n"
     "exit with --wait: 0 nothing is left, 1 time is over or the drain was taken back\n"
     "\n"
     "  loadstarctl set www/ams/192.0.2.11 drain --for 30m --reason 'kernel update'\n"
     "  loadstarctl set ams drain --dry-run\n"
     "  loadstarctl set ams drain --wait=15m && reboot\n"
     "  loadstarctl set anycast:dns withdraw --for 2h --reason 'upstream works'\n"
     "  loadstarctl set 'www/*' auto\n",
     NULL},
    {"weight",
     "weight TARGET N|auto [--for DURATION] [--reason TEXT] [--dry-run] [--volatile] [--verbose]",
     "change the weight of endpoints",
     {"target", "weight"},
     2,
     weight_options,
     TARGETS "Weight 0 serves nobody; auto goes back to the configured weight. Layers are as with\n"
             "`set`, and weights have layers of their own.\n" ORDER_OPTIONS "\n"
             "  loadstarctl weight www/ams/web7 5\n"
             "  loadstarctl weight www/ams/web7 auto\n",
     NULL},
    {"services",
     "services",
     "of loadstar-l4: what it forwards, to how many members",
     {0},
     0,
     no_options,
     "Lists the services of loadstar-l4: where they listen, how they balance, how many flows are\n"
     "open, what became of connections, and where their members come from.\n" L4_SOCKET,
     NULL},
    {"members",
     "members [SERVICE]",
     "of loadstar-l4: members, their flows and latencies",
     {"service"},
     0,
     no_options,
     "Lists the members of a service, or of all: state, weight, open flows, connects that were\n"
     "refused or too slow, and how long connects (CONNECT) and round trips (RTT) take, median and\n"
     "99th percentile.\n" L4_SOCKET "\n"
     "  loadstarctl members web\n",
     NULL},
    {"flows",
     "flows [--limit N] [--after NEXT]",
     "of loadstar-l4: open connections",
     {0},
     0,
     list_options,
     "Lists the connections, and flows of datagrams, that are open.\n" L4_SOCKET PAGES,
     "flows"},
    {"replace",
     "replace",
     "of loadstar-l4: start the program that is on disk now in its place",
     {0},
     0,
     no_options,
     "Starts the program anew, from the file and with the arguments that it was started with, and\n"
     "hands sockets, members and counts on to the new process. No connection is refused or cut:\n"
     "those that are open stay with the old process, which ends with them, or when drain.timeout\n"
     "is over. When the new one cannot start within 10 s the old one goes on, and it says "
     "why.\n" L4_SOCKET,
     NULL},
    {"reload",
     "reload [--force]",
     "load the configuration anew, and wait",
     {0},
     0,
     reload_options,
     "Loads all files anew and waits for the outcome. When anything is wrong, all errors are\n"
     "listed, and what ran before goes on serving. So it does when more of the zones would be\n"
     "gone than server.zones_gone_max allows, or when the files would not fit into memory:\n"
     "--force reloads in these two cases all the same.\n",
     NULL},
    {"stop",
     "stop [--now | --keep-announced]",
     "stop loadstard, and wait",
     {0},
     0,
     stop_options,
     "Lets loadstard drain the prefixes that it announces (shutdown and drain_time of each set)\n"
     "while it goes on answering, then finish what it is answering, and waits until it has ended.\n"
     "--now withdraws them at once, also those that are draining already. --keep-announced leaves\n"
     "them announced for a quick restart: only for sets with hold: none, as a TUN goes with\n"
     "loadstard.\n",
     NULL},
};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    return NULL;
}

static const char *name_of_command(const void *words, uint32_t i)
{
    return ((const struct command *)words)[i].name;
}

const char *command_nearest(const char *name)
{
    return suggest_nearest(name, name_of_command, commands, ARRAY_LEN(commands));
}

static const char *name_of_option(const void *words, uint32_t i)
{
    return ((const struct option *)words)[i].name;
}

const char *option_nearest(const struct command *command, const char *name)
{
    uint32_t n = 0;
    while (command->options[n].name)
        n++;
    return suggest_nearest(name, name_of_option, command->options, n);
}

void commands_print(FILE *out)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].what);
}

void command_print(FILE *out, const struct command *command)
{
    fprintf(out, "usage: loadstarctl [-s SOCKET] [--json] %s\n\n%s", command->usage, command->help);
}
