/* SPDX-License-Identifier: Apache-2.0
 * Wrong configurations and what must be said about them. The tables that use this are the
 * specification of the error messages. */
#pragma once

#include <stddef.h>

/** A small configuration in which one file is replaced. */
struct message_case {
    const char *file; /* "loadstar.yaml", "zones/example.com.yaml", ... */
    const char *text;
    const char *expected; /* what is printed: lines, in the order of files and positions */
};

/** The same with lines of every case's file that end in CR LF: nothing changes in what is said. */
void check_messages_crlf(const struct message_case *cases, size_t n);

/** Loads each case in a directory of its own and compares what is printed. */
void check_messages(const struct message_case *cases, size_t n);
