/* SPDX-License-Identifier: Apache-2.0
 * The client's end of the control socket. */
#include "control/client.h"

#include "base/buf.h"
#include "control/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void explain_connect(const char *path, int code, char error[CLIENT_ERROR_MAX])
{
    const char *why = strerror(code), *hint = "";
    if (code == ENOENT) {
        why = "no such file";
        hint = "; is loadstard running? (-s SOCKET or $LOADSTAR_SOCKET name another socket)";
    } else if (code == ECONNREFUSED) {
        why = "nobody listens";
        hint = "; loadstard is not running, the file is left over from one that was";
    } else if (code == EACCES) {
        why = "permission denied";
        hint = "; the socket is open to loadstard's user and group (and root)";
    }
    snprintf(error, CLIENT_ERROR_MAX, "cannot connect to %s: %s%s", path, why, hint);
}

static int connect_to(const char *path, unsigned timeout_s, char error[CLIENT_ERROR_MAX])
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct timeval timeout = {.tv_sec = timeout_s};
    if (strlen(path) >= sizeof addr.sun_path) {
        explain_connect(path, ENAMETOOLONG, error);
        return -1;
    }
    strcpy(addr.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&addr, sizeof addr) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) == 0)
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

/** Reads up to the newline. Returns 0; -1 with errno, which is 0 when the peer closed. */
static int receive_line(int fd, struct buf *line)
{
    char chunk[16384];
    while (line->n == 0 || line->p[line->n - 1] != '\n') {
        errno = 0;
        ssize_t n = recv(fd, chunk, sizeof chunk, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        buf_add(line, chunk, (size_t)n);
    }
    return 0;
}

static json_t *exchange(int fd, const char *text, char error[CLIENT_ERROR_MAX])
{
    struct buf line = {0};
    json_t *reply = NULL;
    json_error_t bad;
    if (send_all(fd, text, strlen(text)) != 0)
        snprintf(error, CLIENT_ERROR_MAX, "cannot send the request: %s", strerror(errno));
    else if (receive_line(fd, &line) != 0)
        snprintf(error, CLIENT_ERROR_MAX, "no answer from loadstard: %s",
                 errno == EAGAIN ? "it took too long"
                 : errno         ? strerror(errno)
                                 : "it closed the connection");
    else if (!(reply = json_loadb(line.p, line.n, 0, &bad)))
        snprintf(error, CLIENT_ERROR_MAX, "loadstard's answer is no JSON: %s", bad.text);
    buf_free(&line);
    return reply;
}

json_t *client_ask(const char *path, const json_t *request, unsigned timeout_s,
                   char error[CLIENT_ERROR_MAX])
{
    int fd = connect_to(path, timeout_s, error);
    if (fd < 0)
        return NULL;
    char *compact = json_dumps(request, JSON_COMPACT);
    struct buf text = {0};
    buf_printf(&text, "%s\n", compact);
    json_t *reply = exchange(fd, text.p, error);
    buf_free(&text);
    free(compact);
    close(fd);
    return reply;
}
