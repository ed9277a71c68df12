/* SPDX-License-Identifier: Apache-2.0
 * Requests of the control protocol: who asks, what is told meanwhile, the answer. */
#include "control/call.h"

#include "base/arena.h"
#include "control/peer_internal.h"

#include <stdlib.h>

const struct actor *control_call_actor(const struct control_call *call)
{
    return &call->peer->actor;
}

struct control_client control_call_client(const struct control_call *call)
{
    return call->peer->client;
}

bool control_call_is_gone(const struct control_call *call)
{
    return call->peer->closing;
}

bool control_call_wants_progress(const struct control_call *call)
{
    return call->request.wants_progress;
}

void control_call_progress(struct control_call *call, const json_t *progress)
{
    struct peer *peer = call->peer;
    if (!call->request.wants_progress)
        return;
    size_t n;
    char *text = protocol_progress(call->request.id, progress, &n);
    outbox_put_text(&peer->progress, &peer->peers->lines, text, n);
}

struct control_stream *control_call_stream(struct control_call *call, void (*ended)(void *arg),
                                           void *arg)
{
    struct peer *peer = call->peer;
    if (peer->closing || peer->stream)
        return NULL;
    peer->stream = xcalloc(1, sizeof *peer->stream);
    peer->stream->ended = ended;
    peer->stream->arg = arg;
    outbox_init(&peer->stream->events, (uv_stream_t *)&peer->handle, OUTBOX_MAX, peer_failed, peer);
    return peer->stream;
}

void control_stream_send(struct control_stream *stream, struct page *event)
{
    outbox_put(&stream->events, event);
}

void control_stream_close(struct control_stream *stream)
{
    peer_close(stream->events.arg);
}

void control_call_reply(struct control_call *call, const struct control_reply *reply)
{
    struct peer *peer = call->peer;
    peer->waiting = false;
    outbox_clear(&peer->progress); /* it is too late for it */
    if (!peer->closing)
        peer_send(peer, call->request.id, reply);
    protocol_free(&call->request);
    if (peer->closing)
        peer_release(peer);
}

void control_call_answer(struct control_call *call, json_t *result)
{
    control_call_reply(call, &(struct control_reply){.result = result});
    json_decref(result);
}

void control_call_fail(struct control_call *call, int code, const char *error)
{
    control_call_reply(call, &(struct control_reply){.code = code, .error = error});
}

void control_call_page(struct control_call *call, struct page *page)
{
    control_call_reply(call, &(struct control_reply){.page = page});
}
