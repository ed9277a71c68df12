/* SPDX-License-Identifier: Apache-2.0
 * Inside src/control: taking over the path of a Unix socket, and giving it up. */
#pragma once

#include "base/diag.h"

/** A socket that listens, and its place. */
struct listen_socket {
    int fd;
    int directory; /* descriptor */
    int file;      /* descriptor of the socket's file: no other one gets its number */
    char *name;    /* in the directory */
};

/** Binds a Unix stream socket to `path` with mode 0660. A stale file of a daemon that is gone is
 *  replaced; a live one is refused. Root gives it to `user` and its group when that is given, and a
 *  directory that had to be made, too.
 *
 *  Root changes nothing through a path that others can change: where they can, it acts with the
 *  rights of `user` (or of the directory's owner), so that they get it to do nothing that they
 * could not do themselves.
 *
 *  Returns 0; or E_EXISTS, E_INVALID, E_RANGE or E_SYSTEM with the reason in `diags`. */
int listen_unix(struct listen_socket *out, const char *path, const char *user, struct diags *diags)
    __attribute__((nonnull(1, 2, 4))) ATTR_MUST_USE;

/** Takes over `fd`, a socket that another process has bound to `path` and listens on, with its
 * file: from then on it is as one of ours. Returns 0; or E_SYSTEM (errno), and `fd` is the
 * caller's. */
int listen_unix_adopt(struct listen_socket *out, const char *path,
                      int fd) ATTR_NONNULL ATTR_MUST_USE;

/** Frees what *socket holds but its `fd`; the file stays, as another process has it now. */
void listen_unix_leave(struct listen_socket *socket) ATTR_NONNULL;

/** Removes the file, if it is still ours, and frees what *socket holds but its `fd`. Returns false
 *  when the file is there and cannot be removed. */
bool listen_unix_remove(struct listen_socket *socket) ATTR_NONNULL;
