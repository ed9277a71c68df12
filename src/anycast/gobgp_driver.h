/* SPDX-License-Identifier: Apache-2.0
 * What the parts of GoBGP's driver share: gobgp_command.c runs gobgp, gobgp_look.c reads back,
 * gobgp_apply.c tells, and gobgp.c keeps the record and the rest. All of it are commands of gobgp,
 * one after the other: each takes 10 ms of a processor, and several at once are no sooner done. */
#pragma once

#include "anycast/gobgp_record.h"
#include "anycast/gobgp_table.h"
#include "anycast/gobgp_words.h"
#include "drive/command.h"
#include "drive/files.h"

#define GOBGP_OUTPUT_MAX (16u << 20)
#define GOBGP_TEXT_MAX 256

/* What is still to be asked or told. */
struct gobgp_step {
    enum { GOBGP_ASK_COUNT, GOBGP_ASK_TABLE, GOBGP_ASK_PREFIX, GOBGP_DEL, GOBGP_ADD } kind;
    uint8_t family;
    struct ip_prefix prefix;
    uint32_t set; /* GOBGP_ADD */
};

struct speaker_driver {
    struct speaker_host host;
    struct followed_file *file; /* the record; NULL: there is no state directory */
    bool file_read;             /* it was, or there is none: not before is it written */
    ip_prefixes told;           /* that gobgpd may have of us, and those that are configured */
    ip_prefixes recorded;       /* what the file has */
    void (*recorded_then)(struct speaker_driver *d);
    const struct announcements *wanted;
    struct command *command; /* NULL: none runs */
    void (*then)(struct speaker_driver *d, const struct command_result *result);
    VEC(struct gobgp_step) steps;
    size_t n_done;
    struct gobgp_table table; /* gobgpd's own routes, as they were read last, and told since */
    struct gobgp_table fresh; /* being read */
    bool is_known;            /* `table` is what it has, as far as can be known */
    bool had_routes;          /* of ours, by the latest look or change */
    uint32_t as;              /* 0: not known yet */
    struct speaker_seen seen;
    char record_note[GOBGP_TEXT_MAX];
    enum speaker_error error; /* the first of those of a change */
    char error_text[GOBGP_TEXT_MAX];
    VEC(struct gobgp_argv) last; /* of the will */
    VEC(const char *const *) last_then;
};

/** Runs gobgp, with these words after its own; the argv is freed. */
void gobgp_run(struct speaker_driver *d, struct gobgp_argv *argv, size_t max_output,
               void (*then)(struct speaker_driver *d,
                            const struct command_result *result)) ATTR_NONNULL;
/** What became of a command that did not go well, with what to do about it. */
enum speaker_error gobgp_judge(char text[GOBGP_TEXT_MAX], const struct speaker_driver *d,
                               const struct command_result *result) ATTR_NONNULL;

/** Has `told` written, if the file says anything else; then goes on. */
void gobgp_record(struct speaker_driver *d, void (*then)(struct speaker_driver *d)) ATTR_NONNULL;
/** All that is configured may come to be with gobgpd. */
void gobgp_expect_wanted(struct speaker_driver *d) ATTR_NONNULL;

/** What no set has any more, and gobgpd neither, is nobody's, or others' from now on. */
void gobgp_forget_gone(struct speaker_driver *d) ATTR_NONNULL;

void gobgp_look(struct speaker_driver *d) ATTR_NONNULL;
void gobgp_apply(struct speaker_driver *d, const struct announcements *wanted) ATTR_NONNULL;
