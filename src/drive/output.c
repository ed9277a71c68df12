/* SPDX-License-Identifier: Apache-2.0
 * The output of a command. */
#include "drive/output.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* A command that writes faster than we read would keep libuv reading, 32 times a turn. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct output *o = (struct output *)handle;
    (void)suggested;
    *buf = uv_buf_init(o->buffer, o->had_turn ? 0 : OUTPUT_READ_MAX);
    o->had_turn = false;
}

/* False when it is too much. */
static bool take(struct output *o, const char *p, size_t n)
{
    first_line_feed(&o->line, p, n);
    if (o->max == 0)
        return true;
    bool fits = n <= o->max - o->kept.n;
    buf_add(&o->kept, p, fits ? n : o->max - o->kept.n);
    return fits;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct output *o = (struct output *)stream;
    o->had_turn = n == OUTPUT_READ_MAX;
    if (n > 0 && !take(o, buf->base, (size_t)n))
        o->overflow(o);
    else if (n < 0 && n != UV_ENOBUFS) /* the latter of on_alloc() */
        uv_read_stop(stream);
}

int output_open(struct output *o, uv_loop_t *loop, char *buffer, int *theirs)
{
    int fds[2];
    *theirs = -1;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return -errno;
    *theirs = fds[1];
    o->buffer = buffer;
    uv_pipe_init(loop, &o->pipe, 0);
    o->open = true;
    int rc = uv_pipe_open(&o->pipe, fds[0]);
    if (rc)
        close(fds[0]);
    return rc ? rc : uv_read_start((uv_stream_t *)&o->pipe, on_alloc, on_read);
}

bool output_drain(struct output *o)
{
    char bytes[4096];
    uv_os_fd_t fd;
    size_t left = o->max > OUTPUT_READ_MAX ? o->max : OUTPUT_READ_MAX;
    if (!o->open || uv_fileno((uv_handle_t *)&o->pipe, &fd))
        return true;
    for (ssize_t n; (o->max > 0 || !o->line.complete) && left > 0 &&
                    (n = read(fd, bytes, sizeof bytes)) > 0;) {
        if (!take(o, bytes, (size_t)n))
            return false;
        left -= (size_t)n < left ? (size_t)n : left;
    }
    return true;
}
