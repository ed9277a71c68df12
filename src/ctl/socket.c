/* SPDX-License-Identifier: Apache-2.0
 * The commands of the control socket. */
#include "ctl/socket.h"

static void on_reply(void *arg, const struct control_reply *reply)
{
    control_call_reply(arg, reply);
}

static void on_progress(void *arg, const json_t *progress)
{
    control_call_progress(arg, progress);
}

static bool is_gone(void *arg)
{
    return control_call_is_gone(arg);
}

static void on_request(void *ctx, struct control_call *call, json_t *object)
{
    const struct run_service *service = ctx;
    struct ctl_request request;
    char error[CTL_TEXT_MAX];
    int code = request_from_json(&request, object, error);
    if (code != 0) {
        control_call_fail(call, code, error);
        return;
    }
    request.actor = *control_call_actor(call);
    const struct run_asker asker = {
        .arg = call,
        .reply = on_reply,
        .progress = control_call_wants_progress(call) ? on_progress : NULL,
        .is_gone = is_gone,
    };
    service->request(service->ctx, &request, &asker);
}

struct control_handler socket_handler(const struct run_service *service)
{
    return (struct control_handler){.ctx = (void *)(uintptr_t)service, .request = on_request};
}
