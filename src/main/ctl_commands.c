/* SPDX-License-Identifier: Apache-2.0
 * The commands of loadstarctl. */
#include "main/ctl_commands.h"

#include "base/attr.h"
#include "config/suggest.h"

#include <loadstar/control.h>

#include <string.h>

static const struct option explain_options[] = {
    {"client", "client", false}, {"ecs", "ecs", false}, {0}};
static const struct option set_options[] = {
    {"for", "for", false},          {"reason", "reason", false},  {"dry-run", "dry_run", true},
    {"volatile", "volatile", true}, {"verbose", "verbose", true}, {0}};
static const struct option events_options[] = {
    {"after", "after", false}, {"limit", "limit", false}, {0}};
static const struct option reload_options[] = {{"force", "force", true}, {0}};
static const struct option no_options[] = {{0}};
static const struct option list_options[] = {
    {"limit", "limit", false}, {"after", "after", false}, {0}};

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
     "explain NAME [TYPE] [--client ADDRESS | --ecs PREFIX]",
     "why a client gets the answer it gets",
     {"name", "type"},
     1,
     explain_options,
     "Shows the whole decision for one query, by the code that answers. --client is the\n"
     "resolver's address; --ecs adds a client subnet to the query.\n"
     "\n"
     "  loadstarctl explain www.example.com\n"
     "  loadstarctl explain www.example.com AAAA --client 192.0.2.7\n"
     "  loadstarctl explain www.example.com --ecs 203.0.113.0/24\n",
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
    {"set",
     "set TARGET up|down|drain|auto [--for DURATION] [--reason TEXT] [--dry-run] [--volatile] "
     "[--verbose]",
     "override the state of endpoints",
     {"target", "state"},
     2,
     set_options,
     TARGETS
     "up and down override the probes; drain sends no new clients there. Orders survive\n"
     "restarts, apply to endpoints that reloads add, and lie in layers: the newest decides,\n"
     "and when it ends, the one beneath does again. One of the same target replaces the one\n"
     "before, unless it has an end and that one has none. auto takes away the orders for TARGET\n"
     "and for what is within it; where a wider one still decides, auto is laid over it. An id\n"
     "(@17, of `loadstarctl orders`) in place of TARGET takes away that order.\n" ORDER_OPTIONS "\n"
     "  loadstarctl set www/ams/192.0.2.11 drain --for 30m --reason 'kernel update'\n"
     "  loadstarctl set ams drain --dry-run\n"
     "  loadstarctl set 'www/*' auto\n",
     NULL},
    {"weight",
     "weight TARGET N|auto [--for DURATION] [--reason TEXT] [--dry-run] [--volatile] [--verbose]",
     "change the weight of endpoints",
     {"target", "weight"},
     2,
     set_options,
     TARGETS "Weight 0 serves nobody; auto goes back to the configured weight. Layers are as with\n"
             "`set`, and weights have layers of their own.\n" ORDER_OPTIONS "\n"
             "  loadstarctl weight www/ams/web7 5\n"
             "  loadstarctl weight www/ams/web7 auto\n",
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
     "stop",
     "stop loadstard, and wait",
     {0},
     0,
     no_options,
     "Lets loadstard finish what it is answering, and waits until it has ended.\n",
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
