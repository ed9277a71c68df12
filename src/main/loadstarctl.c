/* SPDX-License-Identifier: Apache-2.0
 * loadstarctl: the operator's hand. Turns arguments into one request, and the reply into text. */
#include "config.h"

#include "base/clock.h"
#include "base/escape.h"
#include "control/client.h"
#include "control/json.h"
#include "ctl/render.h"

#include <loadstar/control.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

#define TIMEOUT_S 30
#define STOP_TIMEOUT_MS 30000
#define RELOAD_TIMEOUT_S 3600 /* big zones take their time; ^C gives up waiting, not the reload */

struct option {
    const char *name, *key; /* --NAME VALUE sets this member of the request */
    bool flag;              /* --NAME alone sets it to true */
};

struct command {
    const char *name, *usage, *what;
    const char *positional[2]; /* members of the request, in order; the first `required` must be */
    unsigned required;
    const struct option *options;
    const char *help;
};

static const struct option explain_options[] = {
    {"client", "client", false}, {"ecs", "ecs", false}, {0}};
static const struct option set_options[] = {
    {"for", "for", false}, {"reason", "reason", false}, {0}};
static const struct option events_options[] = {
    {"after", "after", false}, {"limit", "limit", false}, {0}};
static const struct option reload_options[] = {{"force", "force", true}, {0}};
static const struct option no_options[] = {{0}};

#define TARGETS                                                                           \
    "TARGET is POOL/SITE/ADDRESS or POOL/SITE/NAME for an endpoint, POOL/SITE, or SITE\n" \
    "for all that is there; * matches any text within a part: 'www/*', '*/ams'.\n"

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
     "  loadstarctl --json status | jq .problems\n"},
    {"pools",
     "pools",
     "pools: state, policy, sites",
     {0},
     0,
     no_options,
     "Lists the pools. A pool is degraded while one of its sites is down, and down when none\n"
     "of its endpoints serves.\n"},
    {"endpoints",
     "endpoints [POOL]",
     "endpoints: state, weight, last probe, why",
     {"pool"},
     0,
     no_options,
     "Lists the endpoints of one pool or of all. A state or weight with \"!\" is one that an\n"
     "operator has set.\n"
     "\n"
     "  loadstarctl endpoints www\n"},
    {"sites",
     "sites",
     "sites: state over all pools",
     {0},
     0,
     no_options,
     "Lists the sites. A site is up while it is up in every pool that has it.\n"},
    {"checks",
     "checks",
     "probes: state, latency, results",
     {0},
     0,
     no_options,
     "Lists the probes: one for each (check, address, port), whatever number of pools use it.\n"},
    {"events",
     "events [--after ID] [--limit N]",
     "the newest changes of state",
     {0},
     0,
     events_options,
     "Lists the newest events, oldest first: what changed, why, and what it did to the\n"
     "answers. --after lists those that follow an event.\n"},
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
     "  loadstarctl explain www.example.com --ecs 203.0.113.0/24\n"},
    {"geo",
     "geo ADDRESS",
     "what is known of an address",
     {"address"},
     1,
     no_options,
     "Shows what the databases and networks say of an address, and what each steering makes\n"
     "of it.\n"
     "\n"
     "  loadstarctl geo 81.2.69.160\n"},
    {"set",
     "set TARGET up|down|drain|auto [--for DURATION] [--reason TEXT]",
     "override the state of endpoints",
     {"target", "state"},
     2,
     set_options,
     TARGETS
     "up and down override the probes; drain sends no new clients there; auto ends it.\n"
     "Overrides survive restarts and apply to endpoints that reloads add. With --for (90s,\n"
     "30m, 2h, 1d) they end by themselves.\n"
     "\n"
     "  loadstarctl set www/ams/192.0.2.11 drain --for 30m --reason 'kernel update'\n"
     "  loadstarctl set ams drain\n"
     "  loadstarctl set 'www/*' auto\n"},
    {"weight",
     "weight TARGET N|auto",
     "change the weight of endpoints",
     {"target", "weight"},
     2,
     no_options,
     TARGETS "Weight 0 serves nobody; auto goes back to the configured weight.\n"
             "\n"
             "  loadstarctl weight www/ams/web7 5\n"
             "  loadstarctl weight www/ams/web7 auto\n"},
    {"reload",
     "reload [--force]",
     "load the configuration anew, and wait",
     {0},
     0,
     reload_options,
     "Loads all files anew and waits for the outcome. When anything is wrong, all errors are\n"
     "listed, and what ran before goes on serving. So it does when more of the zones would be\n"
     "gone than server.zones_gone_max allows, or when the files would not fit into memory:\n"
     "--force reloads in these two cases all the same.\n"},
    {"stop",
     "stop",
     "stop loadstard, and wait",
     {0},
     0,
     no_options,
     "Lets loadstard finish what it is answering, and waits until it has ended.\n"},
};

struct arguments {
    const char *socket;
    bool json, help, version;
    const struct command *command;
    json_t *request;
    unsigned n_positional;
};

/* Help */

static void print_usage(FILE *out)
{
    fputs("usage: loadstarctl [-s SOCKET] [--json] COMMAND [ARGUMENT...]\n\ncommands:\n", out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].what);
    fputs("\noptions:\n"
          "  -s, --socket SOCKET  loadstard's control socket (default $LOADSTAR_SOCKET, else\n"
          "                       " LOADSTAR_CONTROL_SOCKET ")\n"
          "  --json               print one JSON document\n"
          "  --help               this, or of a command: loadstarctl COMMAND --help\n"
          "  --version\n\n"
          "exit: 0 done, 1 refused or failed, 2 wrong usage\n",
          out);
}

static void print_help(const struct command *command)
{
    if (!command) {
        print_usage(stdout);
        return;
    }
    printf("usage: loadstarctl [-s SOCKET] [--json] %s\n\n%s", command->usage, command->help);
}

/* The text may quote what was typed. */
static void print_error(const char *text)
{
    struct buf line = {0};
    escape_add(&line, slice_str(text));
    fprintf(stderr, "loadstarctl: %s\n", line.p);
    buf_free(&line);
}

ATTR_PRINTF(2, 3)
static int wrong_usage(const struct arguments *args, const char *fmt, ...)
{
    struct buf text = {0};
    va_list list;
    va_start(list, fmt);
    buf_vprintf(&text, fmt, list);
    va_end(list);
    print_error(text.p);
    buf_free(&text);
    if (args->command)
        fprintf(stderr, "usage: loadstarctl [-s SOCKET] [--json] %s\n", args->command->usage);
    else
        fputs("loadstarctl --help lists the commands\n", stderr);
    return EXIT_USAGE;
}

/* Arguments */

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    return NULL;
}

/** A member of the request. Weights and counts are numbers there, unless they are no numbers. */
static void set_member(json_t *request, const char *key, const char *text)
{
    char *end;
    long long number = strtoll(text, &end, 10);
    bool numeric =
        strcmp(key, "weight") == 0 || strcmp(key, "after") == 0 || strcmp(key, "limit") == 0;
    if (numeric && *text && !*end)
        json_set_int(request, key, number);
    else
        json_set_text(request, key, text);
}

static int take_positional(struct arguments *args, const char *text)
{
    if (!args->command) {
        args->command = find_command(text);
        if (!args->command)
            return wrong_usage(args, "there is no command \"%s\"", text);
        json_set_text(args->request, "command", text);
        return EXIT_DONE;
    }
    if (args->n_positional == 2 || !args->command->positional[args->n_positional])
        return wrong_usage(args, "\"%s\" is too much", text);
    set_member(args->request, args->command->positional[args->n_positional++], text);
    return EXIT_DONE;
}

/** One of the command's options: `--name value` or `--name=value`. Returns an exit code. */
static int take_option(struct arguments *args, const char *name, const char *next, bool *used_next)
{
    size_t n = strcspn(name, "=");
    const char *value = name[n] ? name + n + 1 : next;
    const struct option *o = args->command ? args->command->options : no_options;
    for (; o->name; o++)
        if (strlen(o->name) == n && memcmp(o->name, name, n) == 0)
            break;
    if (!o->name)
        return wrong_usage(args, "there is no option --%.*s%s%s", (int)n, name,
                           args->command ? " of " : "", args->command ? args->command->name : "");
    if (o->flag && name[n])
        return wrong_usage(args, "--%s takes no value", o->name);
    if (o->flag) {
        json_set_bool(args->request, o->key, true);
        return EXIT_DONE;
    }
    if (!value)
        return wrong_usage(args, "--%s needs a value", o->name);
    *used_next = !name[n];
    set_member(args->request, o->key, value);
    return EXIT_DONE;
}

/** Options that every command has. Returns whether it was one. */
static bool take_common(struct arguments *args, const char *arg, const char *next, bool *used_next)
{
    if (strcmp(arg, "--json") == 0)
        args->json = true;
    else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
        args->help = true;
    else if (strcmp(arg, "--version") == 0)
        args->version = true;
    else if ((strcmp(arg, "-s") == 0 || strcmp(arg, "--socket") == 0) && next)
        args->socket = next, *used_next = true;
    else if (strncmp(arg, "--socket=", 9) == 0)
        args->socket = arg + 9;
    else
        return false;
    return true;
}

static int parse_arguments(struct arguments *args, int argc, char **argv)
{
    bool only_positional = false;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
        bool used_next = false;
        int code = EXIT_DONE;
        if (only_positional || arg[0] != '-')
            code = take_positional(args, arg);
        else if (strcmp(arg, "--") == 0)
            only_positional = true;
        else if (take_common(args, arg, next, &used_next))
            ;
        else if (strcmp(arg, "-s") == 0 || strcmp(arg, "--socket") == 0)
            code = wrong_usage(args, "%s needs the path of a socket", arg);
        else if (arg[1] == '-')
            code = take_option(args, arg + 2, next, &used_next);
        else
            code = wrong_usage(args, "there is no option %s", arg);
        if (code != EXIT_DONE)
            return code;
        i += used_next;
    }
    return EXIT_DONE;
}

/** What the daemon would refuse as malformed is wrong usage here. */
static int check_request(const struct arguments *args, struct ctl_request *request)
{
    char error[CTL_TEXT_MAX];
    if (!args->command)
        return wrong_usage(args, "a command is missing");
    if (args->n_positional < args->command->required)
        return wrong_usage(args, "%s: an argument is missing", args->command->name);
    if (request_from_json(request, args->request, error) != 0)
        return wrong_usage(args, "%s", error);
    return EXIT_DONE;
}

/* The reply */

static void print_json(const json_t *document)
{
    size_t n;
    char *text = json_print(document, JSON_INDENT(2), &n);
    fwrite(text, 1, n, stdout);
    fputs("\n", stdout);
    free(text);
}

static int print_failure(const struct arguments *args, json_t *reply)
{
    const json_t *line;
    size_t i;
    json_object_del(reply, "ok");
    if (args->json)
        print_json(reply);
    json_t *shown = json_escaped(reply);
    json_array_foreach(json_object_get(shown, "errors"), i, line)
        fprintf(stderr, "%s\n", json_text_of(line, "?"));
    fprintf(stderr, "loadstarctl: %s\n", json_get_text(shown, "error", "refused"));
    json_decref(shown);
    return EXIT_REFUSED;
}

static int print_reply(const struct arguments *args, enum ctl_command command, json_t *reply)
{
    json_t *result = json_object_get(reply, "result");
    const char *no_color = getenv("NO_COLOR");
    bool color = isatty(STDOUT_FILENO) && !(no_color && *no_color);
    struct buf text = {0};
    if (!json_is_true(json_object_get(reply, "ok")) || !result)
        return print_failure(args, reply);
    if (args->json) {
        print_json(result);
    } else {
        json_t *shown = json_escaped(result);
        render_result(&text, command, shown, color);
        json_decref(shown);
        fwrite(text.p, 1, text.n, stdout);
        buf_free(&text);
    }
    if (fflush(stdout) == 0)
        return EXIT_DONE;
    perror("loadstarctl: standard output");
    return EXIT_REFUSED;
}

/** Waits until the daemon has ended, so that its ports are free for the next one. */
static int wait_for_end(const json_t *reply)
{
    const json_t *result = json_object_get(reply, "result");
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)json_get_int(result, "pid", 0), 0);
    struct pollfd end = {.fd = fd, .events = POLLIN};
    if (fd < 0)
        return EXIT_DONE; /* it has ended, or is in a place that we do not see */
    int64_t until_ms = clock_mono_ms() + STOP_TIMEOUT_MS, left_ms = STOP_TIMEOUT_MS;
    int n;
    do { /* a signal that is handled, or a stop and continue, is not the end */
        n = poll(&end, 1, (int)left_ms);
        left_ms = until_ms - clock_mono_ms();
    } while (n < 0 && errno == EINTR && left_ms > 0);
    close(fd);
    if (n > 0)
        return EXIT_DONE;
    fprintf(stderr, "loadstarctl: loadstard has not ended after %d s\n", STOP_TIMEOUT_MS / 1000);
    return EXIT_REFUSED;
}

static int run(struct arguments *args)
{
    struct ctl_request request;
    char error[CLIENT_ERROR_MAX];
    int code = check_request(args, &request);
    if (code != EXIT_DONE)
        return code;
    const char *from_env = getenv("LOADSTAR_SOCKET");
    const char *socket = args->socket            ? args->socket
                         : from_env && *from_env ? from_env
                                                 : LOADSTAR_CONTROL_SOCKET;
    json_t *reply = client_ask(socket, args->request,
                               request.command == CTL_RELOAD ? RELOAD_TIMEOUT_S : TIMEOUT_S, error);
    if (!reply) {
        print_error(error);
        return EXIT_REFUSED;
    }
    code = print_reply(args, request.command, reply);
    if (code == EXIT_DONE && request.command == CTL_STOP)
        code = wait_for_end(reply);
    json_decref(reply);
    return code;
}

int main(int argc, char **argv)
{
    struct arguments args = {.request = json_object()};
    int code = parse_arguments(&args, argc, argv);
    if (code == EXIT_DONE && args.help)
        print_help(args.command);
    else if (code == EXIT_DONE && args.version)
        puts("loadstarctl " PACKAGE_VERSION);
    else if (code == EXIT_DONE)
        code = run(&args);
    json_decref(args.request);
    return code;
}
