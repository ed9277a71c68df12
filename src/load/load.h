/* SPDX-License-Identifier: Apache-2.0
 * From the files of a configuration to a generation that can be put in force. */
#pragma once

#include "compile/compile.h"

/** Whose judgement a load is. All three refuse the same things of the same files and host, but for
 *  what load_options says. */
enum load_purpose {
    LOAD_START,  /* nothing is served yet */
    LOAD_RELOAD, /* `before` is in force and goes on when this is refused */
    LOAD_CHECK,  /* --check: a reload's judgement, without putting anything in force */
};

struct load_options {
    const struct generation *before; /* in force; NULL: none */
    enum load_purpose purpose;
    /** What is checked of the host besides: with the model, on the loading thread. NULL: nothing.
     *  Returns 0, or a code with the reasons in `diags`. */
    int (*check_host)(const struct model *model, const struct load_options *options,
                      struct diags *diags);
    /** Told what begins, in a few words, on the loading thread. NULL: nobody wants to know. */
    void (*step)(void *arg, const char *step);
    void *step_arg;
    bool force; /* a reload: also what is refused only for its size or for what would vanish */
};

/** Reads, validates, compiles. What has not changed since options->before is taken from there: its
 *  zones are neither read nor compiled. Returns 0 with *out filled, or a negative code with all
 *  errors in `diags`. On a thread of its own during a reload: touches nothing that is in force. */
int generation_load(struct generation **out, const char *path, const struct load_options *options,
                    struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
