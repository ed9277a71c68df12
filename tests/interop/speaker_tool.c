/* SPDX-License-Identifier: Apache-2.0
 * One driver of a speaker, without the daemon: `speaker_tool TYPE KEY=VALUE..` opens it, lines on
 * the standard input say what to do, and what comes of each is a line of JSON.
 *
 *   keys   socket file node state as timeout_ms next_hop_v4 next_hop_v6 command (words, by blanks)
 *          via (process fifo) to from
 *   set NAME PREFIX.. [hold=none|tun] [next_hop_v4=A] [next_hop_v6=A] [large=A:B:C,..]
 *   forget NAME
 *   announce NAME [prepend=N] [med=N] [communities=H:L,..]       with 65535:0 for a drain
 *   withdraw NAME
 *   stage announce|withdraw NAME ..                              told by what comes next
 *   apply | look | will
 *
 *   {"event": "applied", "ms": 1.2}
 *   {"event": "failed", "ms": 1.2, "error": "denied", "text": ".."}
 *   {"event": "observed", "ms": .., "version": "..", "note": "..", "restarted": false,
 *    "routes": [{"prefix": "..", "set": "NAME" or null, "real": "present", "differs": false}]}
 *   {"event": "will", "socket": .., "text": .., "argv": .., "then": [..]}, or without: none
 *   {"event": "nudge"}                                           at any time */
#include "anycast/speaker.h"
#include "base/clock.h"
#include "base/digits.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETS_MAX = 64, PREFIXES_MAX = 256, WORDS_MAX = 300 };

/* A set that was forgotten keeps its place until the next change has been told. */
struct tool_set {
    char name[32], ifname[40];
    struct prefix_set config;
    struct anycast_spec spec;
    struct ip_prefix prefixes[PREFIXES_MAX];
    struct large_community large[16];
};

static struct tool {
    struct drive *drive;
    const struct speaker_type_ops *ops;
    struct speaker config;
    struct speaker_driver *driver;
    struct speaker_host host;
    struct tool_set *sets[SETS_MAX];
    struct announcement v[SETS_MAX];
    struct announcements wanted;
    int64_t began_us;
    uv_sem_t done;
    char *line;
} tool = {.host = {.node = "test1"},
          .config = {.name = "local", .timeout_ms = 5000, .interval_ms = 10000}};

static _Noreturn void bad(const char *what, const char *word)
{
    fprintf(stderr, "speaker_tool: %s: %s\n", what, word);
    exit(2);
}

/* ---- words ---- */

static uint64_t number(const char *word)
{
    uint64_t n = 0;
    if (!decimal_parse(slice_str(word), UINT32_MAX, &n))
        bad("not a number", word);
    return n;
}

static struct ip address(const char *word)
{
    struct ip ip;
    if (ip_parse(&ip, word) != 0)
        bad("not an address", word);
    return ip;
}

/* The value of KEY=VALUE; NULL: another word. */
static char *value_of(char *word, const char *key)
{
    size_t n = strlen(key);
    return strncmp(word, key, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

static uint32_t split(char *text, const char *by, char **words, uint32_t max)
{
    char *save = NULL;
    uint32_t n = 0;
    for (char *word = strtok_r(text, by, &save); word; word = strtok_r(NULL, by, &save)) {
        if (n == max)
            bad("too many words", word);
        words[n++] = word;
    }
    return n;
}

/* ---- what it says ---- */

static void say(json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    puts(text);
    fflush(stdout);
    free(text);
    json_decref(object);
}

static void end(json_t *object)
{
    double ms = (double)(clock_mono_us() - tool.began_us) / 1e3;
    json_object_set_new(object, "ms", json_real(ms));
    say(object);
    uv_sem_post(&tool.done);
}

static json_t *event(const char *word)
{
    return json_pack("{s:s}", "event", word);
}

static void on_applied(void *ctx)
{
    (void)ctx;
    end(event("applied"));
}

static void on_failed(void *ctx, enum speaker_error error, const char *text)
{
    (void)ctx;
    json_t *o = event("failed");
    json_object_set_new(o, "error", json_string(speaker_error_text(error)));
    json_object_set_new(o, "text", json_string(text));
    end(o);
}

static void on_nudge(void *ctx)
{
    (void)ctx;
    say(event("nudge"));
}

static json_t *route_said(const struct seen_route *route)
{
    char text[IP_PREFIX_TEXT_MAX];
    json_t *r = json_pack("{s:s, s:s, s:b}", "prefix", ip_prefix_text(text, &route->prefix), "real",
                          announcer_real_text(route->real), "differs", route->differs);
    json_object_set_new(r, "set",
                        route->set == MODEL_NONE ? json_null()
                                                 : json_string(tool.v[route->set].spec->name));
    return r;
}

static void on_observed(void *ctx, struct speaker_seen *seen)
{
    (void)ctx;
    json_t *o = event("observed"), *routes = json_array();
    json_object_set_new(o, "version", json_string(seen->version));
    json_object_set_new(o, "note", json_string(seen->note));
    json_object_set_new(o, "restarted", json_boolean(seen->restarted));
    for (size_t i = 0; i < seen->routes.n; i++)
        json_array_append_new(routes, route_said(&seen->routes.v[i]));
    json_object_set_new(o, "routes", routes);
    end(o);
}

static json_t *words_said(const char *const *argv)
{
    json_t *words = json_array();
    for (; *argv; argv++)
        json_array_append_new(words, json_string(*argv));
    return words;
}

static void say_will(void)
{
    struct last_will will = {0};
    json_t *o = event("will");
    if (tool.ops->will)
        tool.ops->will(tool.driver, &tool.wanted, &will);
    if (will.socket) {
        json_object_set_new(o, "socket", json_string(will.socket));
        json_object_set_new(o, "text", json_stringn((const char *)will.text.p, will.text.n));
    }
    if (will.argv)
        json_object_set_new(o, "argv", words_said(will.argv));
    if (will.then) {
        json_t *then = json_array();
        for (const char *const *const *argv = will.then; *argv; argv++)
            json_array_append_new(then, words_said(*argv));
        json_object_set_new(o, "then", then);
    }
    end(o);
}

/* ---- what it is told ---- */

static uint32_t find(const char *name)
{
    uint32_t i = 0;
    while (i < tool.wanted.n && strcmp(tool.v[i].spec->name, name) != 0)
        i++;
    return i;
}

static void take_large(struct tool_set *set, char *value)
{
    char *items[16], *parts[3];
    set->config.n_large_communities = split(value, ",", items, 16);
    for (uint32_t i = 0; i < set->config.n_large_communities; i++) {
        if (split(items[i], ":", parts, 3) != 3)
            bad("not a large community", items[i]);
        for (unsigned k = 0; k < 3; k++)
            set->large[i].v[k] = (uint32_t)number(parts[k]);
    }
    set->config.large_communities = set->large;
}

static void take_set_word(struct tool_set *set, char *word)
{
    char *value;
    struct prefix_set *config = &set->config;
    if ((value = value_of(word, "hold"))) {
        config->hold = strcmp(value, "none") == 0 ? ANYCAST_HOLD_NONE : ANYCAST_HOLD_TUN;
    } else if ((value = value_of(word, "next_hop_v4"))) {
        config->next_hop_v4 = address(value);
        config->next_hop_self = false;
    } else if ((value = value_of(word, "next_hop_v6"))) {
        config->next_hop_v6 = address(value);
        config->next_hop_self = false;
    } else if ((value = value_of(word, "large"))) {
        take_large(set, value);
    } else if (config->n_prefixes == PREFIXES_MAX ||
               ip_prefix_parse(&set->prefixes[config->n_prefixes++], word) != 0) {
        bad("not a prefix", word);
    }
}

static void do_set(char **words, uint32_t n)
{
    struct tool_set *set = calloc(1, sizeof *set);
    uint32_t i = find(words[0]);
    if (i == SETS_MAX)
        bad("too many sets", words[0]);
    snprintf(set->name, sizeof set->name, "%s", words[0]);
    snprintf(set->ifname, sizeof set->ifname, "ls-%s", words[0]);
    set->config = (struct prefix_set){.name = set->name,
                                      .prefixes = set->prefixes,
                                      .next_hop_self = true,
                                      .hold = ANYCAST_HOLD_TUN};
    for (uint32_t w = 1; w < n; w++)
        take_set_word(set, words[w]);
    set->spec =
        (struct anycast_spec){.config = &set->config,
                              .name = set->name,
                              .site = "",
                              .ifname = set->config.hold == ANYCAST_HOLD_TUN ? set->ifname : NULL};
    if (i == tool.wanted.n)
        tool.wanted.n++;
    else
        free(tool.sets[i]);
    tool.sets[i] = set;
    tool.v[i] = (struct announcement){.spec = &set->spec};
}

static void do_forget(const char *name)
{
    uint32_t i = find(name);
    if (i == tool.wanted.n)
        bad("no such set", name);
    free(tool.sets[i]);
    tool.wanted.n--;
    memmove(&tool.sets[i], &tool.sets[i + 1], (tool.wanted.n - i) * sizeof *tool.sets);
    memmove(&tool.v[i], &tool.v[i + 1], (tool.wanted.n - i) * sizeof *tool.v);
}

static void take_communities(struct route_attributes *out, char *value)
{
    char *items[SPEAKER_COMMUNITIES_MAX], *parts[2];
    out->n_communities = split(value, ",", items, SPEAKER_COMMUNITIES_MAX);
    for (uint32_t i = 0; i < out->n_communities; i++) {
        if (split(items[i], ":", parts, 2) != 2)
            bad("not a community", items[i]);
        out->communities[i] =
            (struct community){(uint16_t)number(parts[0]), (uint16_t)number(parts[1])};
    }
}

static void do_change(char **words, uint32_t n)
{
    char *value;
    uint32_t i = n > 1 ? find(words[1]) : tool.wanted.n;
    if (i == tool.wanted.n)
        bad("no such set", n > 1 ? words[1] : "");
    struct announcement *a = &tool.v[i];
    a->announced = strcmp(words[0], "announce") == 0;
    a->attributes = (struct route_attributes){.large = a->spec->config->large_communities,
                                              .n_large = a->spec->config->n_large_communities};
    for (uint32_t w = 2; w < n; w++) {
        if ((value = value_of(words[w], "prepend"))) {
            a->attributes.prepend = (uint8_t)number(value);
        } else if ((value = value_of(words[w], "med"))) {
            a->attributes.med = (uint32_t)number(value);
            a->attributes.has_med = true;
        } else if ((value = value_of(words[w], "communities"))) {
            take_communities(&a->attributes, value);
        } else {
            bad("not an attribute", words[w]);
        }
    }
}

static void apply(void)
{
    tool.wanted.version++;
    tool.ops->apply(tool.driver, &tool.wanted);
}

static void do_words(char **words, uint32_t n)
{
    if (strcmp(words[0], "look") == 0) {
        tool.ops->observe(tool.driver, &tool.wanted);
    } else if (strcmp(words[0], "apply") == 0) {
        apply();
    } else if (strcmp(words[0], "will") == 0) {
        say_will();
    } else if (strcmp(words[0], "announce") == 0 || strcmp(words[0], "withdraw") == 0) {
        do_change(words, n);
        apply();
    } else if (strcmp(words[0], "set") == 0 && n > 1) {
        do_set(words + 1, n - 1);
        uv_sem_post(&tool.done);
    } else if (strcmp(words[0], "forget") == 0 && n > 1) {
        do_forget(words[1]);
        uv_sem_post(&tool.done);
    } else if (strcmp(words[0], "stage") == 0 && n > 1) {
        do_change(words + 1, n - 1);
        uv_sem_post(&tool.done);
    } else {
        bad("not a command", words[0]);
    }
}

static void do_line(void *arg)
{
    char *words[WORDS_MAX];
    uint32_t n = split(tool.line, " \n", words, WORDS_MAX);
    (void)arg;
    tool.began_us = clock_mono_us();
    if (n == 0)
        uv_sem_post(&tool.done);
    else
        do_words(words, n);
}

/* ---- the speaker ---- */

static void take_key(char *word)
{
    static char *command[32];
    struct speaker *config = &tool.config;
    char *value;
    if ((value = value_of(word, "socket")))
        config->socket = value;
    else if ((value = value_of(word, "file")))
        config->file = value;
    else if ((value = value_of(word, "node")))
        tool.host.node = value;
    else if ((value = value_of(word, "state")))
        tool.host.state_dir = value;
    else if ((value = value_of(word, "as")))
        config->as = (uint32_t)number(value);
    else if ((value = value_of(word, "timeout_ms")))
        config->timeout_ms = (uint32_t)number(value);
    else if ((value = value_of(word, "next_hop_v4")))
        config->next_hop_v4 = address(value);
    else if ((value = value_of(word, "next_hop_v6")))
        config->next_hop_v6 = address(value);
    else if ((value = value_of(word, "via")))
        config->exabgp.via = strcmp(value, "fifo") == 0 ? EXABGP_FIFO : EXABGP_PROCESS;
    else if ((value = value_of(word, "to")))
        config->exabgp.to = value;
    else if ((value = value_of(word, "from")))
        config->exabgp.from = value;
    else if ((value = value_of(word, "command")) && split(value, " ", command, 31) > 0)
        config->command = (const char *const *)command;
    else
        bad("not a key", word);
}

static void do_open(void *arg)
{
    (void)arg;
    tool.driver = tool.ops->open(&tool.host);
}

static void do_close(void *arg)
{
    (void)arg;
    tool.ops->close(tool.driver);
}

int main(int argc, char **argv)
{
    size_t room = 0;
    for (int i = SPEAKER_BIRD; argc > 1 && i <= SPEAKER_EXEC; i++)
        if (strcmp(argv[1], speaker_type_word((enum speaker_type)i)) == 0)
            tool.ops = speaker_ops((enum speaker_type)i);
    if (!tool.ops)
        bad("not a type", argc > 1 ? argv[1] : "");
    tool.config.type = tool.ops->type;
    for (int i = 2; i < argc; i++)
        take_key(argv[i]);
    tool.wanted.v = tool.v;
    tool.host.config = &tool.config;
    tool.host.applied = on_applied;
    tool.host.observed = on_observed;
    tool.host.failed = on_failed;
    tool.host.nudge = on_nudge;
    uv_sem_init(&tool.done, 0);
    if (drive_start(&tool.drive, "speaker") != 0)
        bad("no thread", "");
    tool.host.drive = tool.drive;
    drive_post(tool.drive, do_open, NULL);
    while (getline(&tool.line, &room, stdin) > 0) {
        drive_post(tool.drive, do_line, NULL);
        uv_sem_wait(&tool.done);
    }
    drive_post(tool.drive, do_close, NULL);
    drive_stop(tool.drive);
    for (uint32_t i = 0; i < tool.wanted.n; i++)
        free(tool.sets[i]);
    free(tool.line);
    uv_sem_destroy(&tool.done);
    return 0;
}
