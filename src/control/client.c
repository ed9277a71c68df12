/* SPDX-License-Identifier: Apache-2.0
 * The client's end of the control socket. */
#include "control/client.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct client {
    int fd;
    struct buf in; /* what came; the first `used` bytes are lines that were taken */
    size_t used;
};

/** Whose socket it is, as far as its path says. */
static const char *daemon_at(const char *path)
{
    return strstr(path, "l4") ? "loadstar-l4" : "loadstard";
}

static bool is_other_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISSOCK(st.st_mode);
}

static void explain_connect(const char *path, int code, char error[CLIENT_ERROR_MAX])
{
    /* The daemon's name stands between the two. */
    const char *why = strerror(code), *before = NULL, *after = "";
    if (code == ENOENT) {
        why = "no such file";
        before = "is ";
        after = " running? (-s SOCKET or $LOADSTAR_SOCKET name another socket)";
    } else if (code == ECONNREFUSED && is_other_file(path)) {
        why = "it is no socket";
        before = "-s takes what is `control` in the configuration of ";
    } else if (code == ECONNREFUSED) {
        why = "nobody listens";
        before = "";
        after = " is not running, the file is left over from one that was";
    } else if (code == EAGAIN) {
        why = "it took too long";
        before = "";
        after = " takes no connections";
    } else if (code == EACCES) {
        why = "permission denied";
        before = "the socket is open to the user and the group of ";
        after = " (and root)";
    }
    if (before)
        snprintf(error, CLIENT_ERROR_MAX, "cannot connect to %s: %s; %s%s%s", path, why, before,
                 daemon_at(path), after);
    else
        snprintf(error, CLIENT_ERROR_MAX, "cannot connect to %s: %s", path, why);
}

static int connect_to(const char *path, unsigned timeout_ms, char error[CLIENT_ERROR_MAX])
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct timeval timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    if (strlen(path) >= sizeof addr.sun_path) {
        explain_connect(path, ENAMETOOLONG, error);
        return -1;
    }
    strcpy(addr.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) == 0 &&
        connect(fd, (const struct sockaddr *)&addr, sizeof addr) == 0)
        return fd;
    explain_connect(path, errno, error);
    if (fd >= 0)
        close(fd);
    return -1;
}

static int send_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return -1;
        p += sent;
        n -= (size_t)sent;
    }
    return 0;
}

/** Reads a line into `line`, up to its line feed: it holds until the next one is read. Returns 0;
 * -1 with errno, which is 0 when the peer closed. */
static int receive_line(struct client *client, struct slice *line)
{
    char chunk[16384];
    struct buf *in = &client->in;
    const char *end;
    memmove(in->p, in->p + client->used, in->n - client->used);
    in->n -= client->used;
    client->used = 0;
    for (size_t at = 0; !(end = memchr(in->p + at, '\n', in->n - at));) {
        at = in->n;
        errno = 0;
        ssize_t n = recv(client->fd, chunk, sizeof chunk, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        buf_add(in, chunk, (size_t)n);
    }
    client->used = (size_t)(end - in->p) + 1;
    *line = slice_of(in->p, client->used - 1);
    return 0;
}

static json_t *receive(struct client *client, char error[CLIENT_ERROR_MAX])
{
    struct slice line;
    json_error_t bad;
    if (receive_line(client, &line) != 0) {
        snprintf(error, CLIENT_ERROR_MAX, "no answer: %s",
                 errno == EAGAIN ? "it took too long"
                 : errno         ? strerror(errno)
                                 : "it closed the connection");
        return NULL;
    }
    json_t *reply = json_loadb((const char *)line.p, line.n, 0, &bad);
    if (!reply)
        snprintf(error, CLIENT_ERROR_MAX, "the answer is no JSON: %s", bad.text);
    return reply;
}

struct client *client_open(const char *path, unsigned timeout_ms, char error[CLIENT_ERROR_MAX])
{
    int fd = connect_to(path, timeout_ms, error);
    if (fd < 0)
        return NULL;
    struct client *client = xcalloc(1, sizeof *client);
    client->fd = fd;
    buf_puts(&client->in, "");
    return client;
}

json_t *client_ask(struct client *client, const json_t *request, client_progress_fn *progress,
                   void *arg, char error[CLIENT_ERROR_MAX])
{
    char *compact = json_dumps(request, JSON_COMPACT);
    struct buf text = {0};
    buf_printf(&text, "%s\n", compact);
    int rc = send_all(client->fd, text.p, text.n);
    buf_free(&text);
    free(compact);
    if (rc != 0) {
        snprintf(error, CLIENT_ERROR_MAX, "cannot send the request: %s", strerror(errno));
        return NULL;
    }
    for (;;) {
        json_t *line = receive(client, error);
        const json_t *step = json_object_get(line, "progress");
        if (!step)
            return line;
        if (progress)
            progress(arg, step);
        json_decref(line);
    }
}

void client_close(struct client *client)
{
    close(client->fd);
    buf_free(&client->in);
    free(client);
}
