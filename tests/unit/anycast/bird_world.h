/* SPDX-License-Identifier: Apache-2.0
 * A BIRD that does what it is told, and files in memory. Takes the place of drive/files.h and
 * anycast/bird_talk.h, so it is included once in a program. What happens is noted in `world.trace`:
 * `r` and `w` of FILE, `R` and `W` of FILE.good, and each command that changes something. */
#pragma once

#include "anycast/bird_driver.h"
#include "driver_ends.h"

#include <errno.h>

enum { ROOM = 16384, PROTOCOLS = 64 };

static struct world {
    char file[2][ROOM]; /* FILE, FILE.good */
    bool there[2];      /* they exist */
    int read_error[2], write_error[2];
    char loaded[ROOM]; /* what BIRD has taken */
    char disabled[PROTOCOLS][BIRD_NAME_MAX];
    uint32_t n_disabled;
    char more_rows[256];  /* of `show protocols`, each with its LF */
    char attributes[512]; /* lines of each route */
    int refuse;           /* the code that `configure` answers; 0: it takes it */
    bool not_included;    /* `configure` takes it, and does not read FILE */
    enum speaker_error dead;
    const char *says; /* in the place of every answer */
    struct buf trace;
    unsigned n_talks;

    /* What is on its way. */
    followed_read_fn *read;
    followed_done_fn *done;
    int which, error;
    void *ctx;
    struct bird_talk *talk;
} world;

struct bird_talk {
    struct bird_talk_events events;
};
struct followed_file {
    int any;
};

/* ---- files ---- */

struct followed_file *followed_open(struct drive *drive, const char *path)
{
    static struct followed_file file;
    (void)drive, (void)path;
    return &file;
}
void followed_close(struct followed_file *file)
{
    (void)file;
}

static void trace(const char *word)
{
    buf_printf(&world.trace, "%s%s", world.trace.n ? " " : "", word);
}

static int which_of(const char *suffix)
{
    return *suffix != '\0';
}

void followed_read(struct followed_file *file, const char *suffix, followed_read_fn *done,
                   void *ctx)
{
    (void)file;
    assert_true(!world.read && !world.done && !world.talk);
    world.read = done;
    world.ctx = ctx;
    world.which = which_of(suffix);
    world.error = world.read_error[world.which] ? world.read_error[world.which]
                  : world.there[world.which]    ? 0
                                                : ENOENT;
}

void followed_write(struct followed_file *file, const char *suffix, struct slice content,
                    followed_done_fn *done, void *ctx)
{
    (void)file;
    assert_true(!world.read && !world.done && !world.talk);
    assert_true(content.n < ROOM);
    world.done = done;
    world.ctx = ctx;
    world.which = which_of(suffix);
    world.error = world.write_error[world.which];
    trace(world.which ? "W" : "w");
    if (world.error)
        return;
    world.there[world.which] = true;
    memcpy(world.file[world.which], content.p, content.n);
    world.file[world.which][content.n] = '\0';
}

/* ---- BIRD ---- */

struct bird_talk *bird_talk_start(struct drive *drive, const struct speaker *config,
                                  const struct bird_talk_events *events)
{
    (void)drive, (void)config;
    assert_true(!world.read && !world.done && !world.talk);
    world.n_talks++;
    world.talk = calloc(1, sizeof *world.talk);
    world.talk->events = *events;
    return world.talk;
}
void bird_talk_cancel(struct bird_talk *talk)
{
    free(talk);
    world.talk = NULL;
}

static void say(int code, bool last, const char *text)
{
    const struct bird_line line = {code, last, text};
    world.talk->events.line(world.talk->events.ctx, &line);
}

static void say_lines(int code, const char *text)
{
    char lines[512], *save = NULL;
    snprintf(lines, sizeof lines, "%s", text);
    for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        say(code, false, line);
}

static int find_disabled(const char *name)
{
    for (uint32_t i = 0; i < world.n_disabled; i++)
        if (strcmp(world.disabled[i], name) == 0)
            return (int)i;
    return -1;
}

static void say_protocols(void)
{
    static const char head[] = "protocol static '";
    char row[128], name[BIRD_NAME_MAX];
    for (const char *at = world.loaded; (at = strstr(at, head)); at += sizeof head) {
        const char *from = at + sizeof head - 1;
        snprintf(name, sizeof name, "%.*s", (int)(strchr(from, '\'') - from), from);
        snprintf(row, sizeof row, "%s Static     master4    %-6s 17:02:20.535  ", name,
                 find_disabled(name) >= 0 ? "down" : "up");
        say(BIRD_PROTOCOL_ROW, false, row);
    }
    say_lines(BIRD_PROTOCOL_ROW, world.more_rows);
    say(0, true, "");
}

/* `show route P where proto = "X" all` */
static void say_route(const char *command)
{
    char prefix[IP_PREFIX_TEXT_MAX], name[BIRD_NAME_MAX], head[96], route[192];
    assert_int_equal(
        sscanf(command, "show route %49s where proto = \"%47[^\"]\" all", prefix, name), 2);
    snprintf(head, sizeof head, "protocol static '%s' {", name);
    snprintf(route, sizeof route, "  route %s ", prefix);
    const char *at = strstr(world.loaded, head), *end = at ? strstr(at, "\n}") : NULL;
    const char *found = at ? strstr(at, route) : NULL;
    if (!found || found > end || find_disabled(name) >= 0) {
        say(BIRD_NOT_FOUND, true, "Network not found");
        return;
    }
    say(BIRD_ROUTE, false, "Table master4:");
    snprintf(route, sizeof route, "%s  unreachable [%s 17:04:13.836] * (200)", prefix, name);
    say(BIRD_ROUTE, false, route);
    say_lines(BIRD_ATTRIBUTES, world.attributes);
    say(0, true, "");
}

static void configure(void)
{
    trace("configure");
    if (world.refuse) {
        say(world.refuse, true, "/etc/bird/loadstar.conf:4:20 syntax error");
        return;
    }
    if (!world.not_included)
        snprintf(world.loaded, sizeof world.loaded, "%s", world.file[0]);
    say(BIRD_RECONFIGURED, true, "Reconfigured");
}

static void switch_protocol(const char *command, bool on)
{
    char name[BIRD_NAME_MAX];
    assert_int_equal(sscanf(strchr(command, '"'), "\"%47[^\"]\"", name), 1);
    trace(on ? "enable" : "disable");
    trace(name);
    int at = find_disabled(name);
    if (!on && at < 0)
        snprintf(world.disabled[world.n_disabled++], BIRD_NAME_MAX, "%s", name);
    else if (on && at >= 0)
        memcpy(world.disabled[at], world.disabled[--world.n_disabled], BIRD_NAME_MAX);
    say(on ? 11 : 9, true, "done");
}

static void answer(const char *command)
{
    if (world.says) {
        say(atoi(world.says), true, world.says + 5);
    } else if (strcmp(command, "show status") == 0) {
        say(1000, false, "BIRD 2.0.12");
        say(13, true, "Daemon is up and running");
    } else if (strncmp(command, "show protocols", 14) == 0) {
        say_protocols();
    } else if (strncmp(command, "show route protocol", 19) == 0) {
        say(BIRD_ROUTE, false, "198.51.100.9/32      unreachable [loadstar_old_4 17:04] * (200)");
        say(0, true, "");
    } else if (strncmp(command, "show route ", 11) == 0) {
        say_route(command);
    } else if (strcmp(command, "configure") == 0) {
        configure();
    } else {
        switch_protocol(command, strncmp(command, "enable", 6) == 0);
    }
}

static void run_talk(void)
{
    struct bird_talk *talk = world.talk;
    struct buf command = {0};
    while (!world.dead && talk->events.ask(talk->events.ctx, &command)) {
        char line[256];
        assert_true(command.n < sizeof line && !memchr(command.p, '\n', command.n));
        snprintf(line, sizeof line, "%s", command.p);
        command.n = 0;
        answer(line);
    }
    buf_free(&command);
    struct bird_talk_events events = talk->events;
    world.talk = NULL;
    free(talk);
    events.end(events.ctx, world.dead, world.dead ? "BIRD is not running" : "");
}

/** One thing that is on its way comes; false: there is none. */
static bool world_turn(void)
{
    followed_read_fn *read = world.read;
    followed_done_fn *done = world.done;
    const char *text = world.error ? "" : world.file[world.which];
    world.read = NULL;
    world.done = NULL;
    if (read)
        read(world.ctx, world.error, slice_str(text));
    else if (done)
        done(world.ctx, world.error);
    else if (world.talk)
        run_talk();
    else
        return false;
    return true;
}
