/* SPDX-License-Identifier: Apache-2.0
 * Lines of the guard's protocol (guard.h) as values, both ways. Pure, and neither side trusts the
 * other: what is not a line is refused as a whole.
 *
 * Words are divided by one space each. Within a word `\xHH` stands for any byte; it has to for
 * those that are no visible ASCII, and for the backslash. `\-` is the empty word, `\;` stands
 * between commands. */
#pragma once

#include "base/buf.h"
#include "base/ip.h"
#include "base/slice.h"

#include <net/if.h>

#define GUARD_IFNAME_PREFIX "ls-"
#define GUARD_WORDS_MAX 8192 /* of the commands of a will, with what stands between them */

enum guard_verb {
    GUARD_TUN,
    GUARD_GONE,
    GUARD_CARRIER,
    GUARD_WILL,
    GUARD_BEAT,
    GUARD_BACK,
    GUARD_BYE
};

enum guard_will_kind { GUARD_WILL_NONE, GUARD_WILL_ARGV, GUARD_WILL_VTY };

struct guard_request {
    enum guard_verb verb;
    char ifname[IFNAMSIZ];
    struct ip addresses[256];
    uint32_t n_addresses;
    bool up;
    uint32_t number; /* of a will */
    enum guard_will_kind will;
    struct slice text;                /* vty: its lines, each with its LF; in the line */
    uint32_t n_commands;              /* argv: how many there are in `words` */
    char *words[GUARD_WORDS_MAX + 1]; /* argv: each ends with NULL; vty: the path; in the line */
};

/** Reads a line to the guard; `line` is written to, as words are decoded in place, and has room for
 *  a NUL behind its n bytes. Returns 0 or E_SYNTAX. */
int guard_request_read(struct guard_request *out, char *line, size_t n) ATTR_NONNULL ATTR_MUST_USE;

enum guard_answer_kind {
    GUARD_ANSWER_HELLO,
    GUARD_ANSWER_OK,
    GUARD_ANSWER_ERROR,
    GUARD_ANSWER_LATE
};

struct guard_answer {
    enum guard_answer_kind kind;
    enum guard_verb verb; /* of ok and error: tun, gone, carrier; of ok: beat */
    char ifname[IFNAMSIZ];
    bool up;          /* ok carrier */
    const char *text; /* error: in the line, not escaped */
    int pid;          /* hello */
};

/** As guard_request_read(), for a line from the guard. */
int guard_answer_read(struct guard_answer *out, char *line, size_t n) ATTR_NONNULL ATTR_MUST_USE;

/** Adds a space and the word, escaped. */
void guard_word_add(struct buf *line, struct slice word) ATTR_NONNULL;

/** Adds what stands between two commands. */
void guard_command_end(struct buf *line) ATTR_NONNULL;

/** Whether it is a name that the guard makes interfaces of: `ls-` and up to 12 letters, digits,
 *  `-`, `_` or `.`, as the kernel would fill in a `%d`. */
bool guard_ifname_ok(const char *name, size_t n) ATTR_NONNULL ATTR_PURE;
