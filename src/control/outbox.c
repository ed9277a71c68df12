/* SPDX-License-Identifier: Apache-2.0
 * Lines that nobody waits for. */
#include "control/outbox.h"

#include "base/clock.h"
#include "control/call.h"
#include "control/protocol.h"

static void send_next(struct outbox *o);

void outbox_init(struct outbox *o, uv_stream_t *to, unsigned max, void (*failed)(void *arg),
                 void *arg)
{
    *o = (struct outbox){.to = to, .failed = failed, .arg = arg, .max = max};
    o->write.data = o;
}

static void on_written(uv_write_t *write, int status)
{
    struct outbox *o = write->data;
    page_release(o->now);
    o->now = NULL;
    if (status < 0)
        o->failed(o->arg);
    else
        send_next(o);
}

static struct page *take(struct outbox *o)
{
    struct page *line = o->waiting[o->first];
    o->first = (o->first + 1) % o->max;
    o->n--;
    o->bytes -= line->n;
    return line;
}

static void send_next(struct outbox *o)
{
    if (o->n == 0 || o->now || uv_is_closing((uv_handle_t *)o->to))
        return;
    o->now = take(o);
    uv_buf_t buf = uv_buf_init(o->now->bytes, (unsigned)o->now->n);
    o->since_ms = clock_mono_ms();
    if (uv_write(&o->write, o->to, &buf, 1, on_written) == 0)
        return;
    page_release(o->now);
    o->now = NULL;
    o->failed(o->arg);
}

void outbox_put(struct outbox *o, struct page *line)
{
    while (o->n == o->max || (o->n > 0 && o->bytes + line->n > OUTBOX_BYTES))
        page_release(take(o));
    o->waiting[(o->first + o->n++) % o->max] = page_hold(line);
    o->bytes += line->n;
    send_next(o);
}

void outbox_put_text(struct outbox *o, struct page_budget *budget, char *text, size_t n)
{
    struct page *line = page_new(budget, 0, text, n);
    outbox_put(o, line);
    page_release(line);
}

void outbox_clear(struct outbox *o)
{
    while (o->n)
        page_release(take(o));
}

bool outbox_is_stuck(const struct outbox *o, int64_t now_ms, int64_t patience_ms)
{
    return o->now && now_ms - o->since_ms > patience_ms;
}

struct page *control_event(struct page_budget *budget, const json_t *event)
{
    size_t n;
    char *text = protocol_event(event, &n);
    return page_new(budget, 0, text, n);
}
