/* SPDX-License-Identifier: Apache-2.0
 * The way over ExaBGP's FIFOs, which it reads and writes with `exabgp.api.cli` when they are there
 * at its start. Nothing of it blocks: the one is opened without a reader's being waited for, the
 * other for both ways, so that it never ends. A command is written whole or not at all (PIPE_BUF),
 * and one at a time, as ExaBGP reads 1 kB at once and then sleeps up to a second on what is left
 * (4.2.21, application/control.py). */
#include "anycast/exabgp_link.h"

#include "base/escape.h"
#include "drive/line_split.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_MAX = 16 << 10 };

struct reader {
    uv_pipe_t pipe;
    struct exabgp_link *link; /* NULL: it is over */
    struct line_split split;
    char text[EXABGP_LINE_MAX + 2], buffer[READ_MAX];
};

struct exabgp_link {
    struct exabgp_link_host host;
    int to;                /* -1: not open */
    struct reader *reader; /* NULL: not open */
    bool was_up;
};

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void shut(struct exabgp_link *link)
{
    bool was_open = link->to >= 0 && link->reader;
    if (link->to >= 0)
        close(link->to);
    link->to = -1;
    if (link->reader) {
        link->reader->link = NULL;
        uv_close((uv_handle_t *)&link->reader->pipe, on_closed);
        link->reader = NULL;
    }
    if (was_open)
        link->host.up(link->host.ctx, false, false);
}

/* ---- reading ---- */

static bool on_line(void *ctx, char *line, size_t n)
{
    struct reader *reader = ctx;
    (void)n;
    reader->link->host.line(reader->link->host.ctx, line);
    return reader->link != NULL;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct reader *reader = handle->data;
    (void)suggested;
    *buf = uv_buf_init(reader->buffer, READ_MAX);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct reader *reader = stream->data;
    if (!reader->link || n == 0)
        return;
    if (n < 0)
        shut(reader->link);
    else
        (void)line_split_feed(&reader->split, buf->base, (size_t)n, on_line, reader);
}

/* ---- opening ---- */

/* Returns the descriptor, or -1 with errno; EPROTOTYPE: it is no FIFO. */
static int open_fifo(const char *path, int flags)
{
    struct stat st;
    int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
        return fd;
    close(fd);
    errno = EPROTOTYPE;
    return -1;
}

/* What is left in it was for somebody else. */
static void drain(int fd)
{
    char bytes[4096];
    unsigned n = 0;
    while (read(fd, bytes, sizeof bytes) > 0 && n < 64)
        n++;
}

static int open_reader(struct exabgp_link *link)
{
    int fd = open_fifo(link->host.config->exabgp.from, O_RDWR);
    if (fd < 0)
        return errno;
    drain(fd);
    struct reader *reader = xcalloc(1, sizeof *reader);
    uv_pipe_init(drive_loop(link->host.drive), &reader->pipe, 0);
    reader->pipe.data = reader;
    reader->link = link;
    reader->split.text = reader->text;
    reader->split.max = EXABGP_LINE_MAX;
    reader->split.skips = true; /* what it says at length is of others' routes */
    link->reader = reader;
    int rc = uv_pipe_open(&reader->pipe, fd);
    if (rc != 0)
        close(fd);
    else
        rc = uv_read_start((uv_stream_t *)&reader->pipe, on_alloc, on_read);
    return -rc;
}

static const char *remedy(int error)
{
    switch (error) {
    case ENXIO:
        return ": ExaBGP does not read it: it is not running, or was started before the FIFOs were "
               "made, or without exabgp.api.cli=true";
    case ENOENT:
        return ": it has to be made with mkfifo before ExaBGP starts";
    case EACCES:
    case EPERM:
        return ": the user of loadstard needs to read and write it";
    case EPROTOTYPE:
        return ": it is no FIFO";
    default:
        return "";
    }
}

static enum speaker_error not_open(const char *path, int error, char text[EXABGP_TEXT_MAX])
{
    char name[128];
    bool denied = error == EACCES || error == EPERM;
    escape_text(name, sizeof name, slice_str(path));
    snprintf(text, EXABGP_TEXT_MAX, "cannot open %s: %s%s", name,
             error == EPROTOTYPE ? "wrong type" : strerror(error), remedy(error));
    return denied ? SPEAKER_ERROR_DENIED : SPEAKER_ERROR_UNREACHABLE;
}

static enum speaker_error fifo_check(struct exabgp_link *link, char text[EXABGP_TEXT_MAX])
{
    const struct speaker *config = link->host.config;
    if (link->to >= 0 && link->reader)
        return SPEAKER_ERROR_NONE;
    shut(link);
    link->to = open_fifo(config->exabgp.to, O_WRONLY);
    if (link->to < 0)
        return not_open(config->exabgp.to, errno, text);
    int error = open_reader(link);
    if (error) {
        close(link->to);
        link->to = -1;
        shut(link);
        return not_open(config->exabgp.from, error, text);
    }
    bool renewed = link->was_up;
    link->was_up = true;
    link->host.up(link->host.ctx, true, renewed);
    return SPEAKER_ERROR_NONE;
}

static bool fifo_send(struct exabgp_link *link, struct slice line)
{
    char text[PIPE_BUF];
    if (link->to < 0 || line.n >= sizeof text)
        return false;
    memcpy(text, line.p, line.n);
    text[line.n] = '\n';
    ssize_t n = write(link->to, text, line.n + 1);
    if (n < 0 && errno != EAGAIN)
        shut(link); /* nobody reads it any more */
    return n == (ssize_t)line.n + 1;
}

static struct exabgp_link *fifo_open(const struct exabgp_link_host *host)
{
    struct exabgp_link *link = xcalloc(1, sizeof *link);
    link->host = *host;
    link->to = -1;
    return link;
}

static void ignore_up(void *ctx, bool up, bool renewed)
{
    (void)ctx;
    (void)up;
    (void)renewed;
}

static void fifo_close(struct exabgp_link *link)
{
    link->host.up = ignore_up;
    shut(link);
    free(link);
}

const struct exabgp_link_ops exabgp_fifo_link = {
    .open = fifo_open,
    .check = fifo_check,
    .send = fifo_send,
    .window = 1,
    .close = fifo_close,
};
