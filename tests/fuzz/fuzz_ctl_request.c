/* SPDX-License-Identifier: Apache-2.0
 * Requests of the control protocol: any line is taken or refused with a reason; what is taken is
 * within its bounds; and every line that answers is JSON with the identifier that was given. */
#include "control/protocol.h"
#include "ctl/request.h"
#include "ctl/window.h"
#include "out/events.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

_Static_assert((int)CTL_TEXT_MAX == (int)PROTOCOL_ERROR_MAX, "both write into `error`");

static void check_request(const struct ctl_request *r)
{
    CHECK(request_command_text(r->command) != NULL);
    CHECK(memchr(r->name, '\0', sizeof r->name) && memchr(r->target, '\0', sizeof r->target));
    CHECK(memchr(r->pool, '\0', sizeof r->pool) && memchr(r->type, '\0', sizeof r->type));
    CHECK(memchr(r->reason, '\0', sizeof r->reason));
    CHECK(r->weight >= -1 && r->weight <= WEIGHT_MAX && r->for_ms >= 0);
    CHECK(r->limit <= (r->command == CTL_EVENTS ? EVENTS_KEPT : WINDOW_MAX));
    CHECK(memchr(r->from, 0, sizeof r->from) && (!r->from[0] || window_is_place(r->from)));
    CHECK(r->wait_ms >= CTL_WAIT_DEFAULT);
    bool polls = r->command == CTL_TIERS || r->command == CTL_ANYCAST;
    CHECK(!polls || r->wait_ms <= CTL_POLL_MAX_MS);
    CHECK(!r->wait_ms || polls ||
          (r->command == CTL_SET && r->state == OVERRIDE_DRAIN && !r->dry_run));
    if (r->command == CTL_SET) {
        CHECK(r->of_sets ? r->announce <= ANNOUNCE_DRAIN : r->state <= OVERRIDE_DRAIN);
        CHECK(!r->force || (r->of_sets && r->announce == ANNOUNCE_YES));
        CHECK(request_state_text(r) != NULL);
    }
    CHECK(r->ecs.len <= (r->ecs.addr.family == IP_NONE ? 0 : ip_bits(&r->ecs.addr)));
}

/** A line that answers; takes it over. */
static void check_line(char *line, size_t n, const json_t *id)
{
    CHECK(n > 2 && line[n - 1] == '\n' && !memchr(line, '\n', n - 1) && strlen(line) == n);
    json_t *object = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *echoed = json_object_get(object, "id");
    CHECK(object && !echoed == !id && (!id || json_equal(id, echoed)));
    json_decref(object);
    free(line);
}

static void check_echo(const struct protocol_request *request, const json_t *id)
{
    size_t n;
    json_t *value = json_object();
    char *line = protocol_reply(request->id, &(struct control_reply){.result = value}, &n);
    check_line(line, n, id);
    line = protocol_reply(request->id, &(struct control_reply){.code = -1, .error = "no"}, &n);
    check_line(line, n, id);
    line = protocol_progress(request->id, value, &n);
    check_line(line, n, id);
    json_decref(value);
}

/** What was given as "id", where the line is an object with one; the caller owns it. */
static json_t *given_id(const uint8_t *data, size_t n)
{
    json_t *object = json_loadb((const char *)data, n, JSON_REJECT_DUPLICATES, NULL);
    json_t *id = json_incref(json_object_get(object, "id"));
    json_decref(object);
    return id;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct protocol_request line;
    struct ctl_request r;
    char error[PROTOCOL_ERROR_MAX];
    memset(error, 'x', sizeof error);
    json_t *id = given_id(data, n);
    int code = protocol_read(&line, (const char *)data, n, error);
    CHECK((code == 0) == (line.object != NULL));
    if (line.id)
        CHECK(id && strlen(line.id) <= 6 * LOADSTAR_CONTROL_ID_MAX + 2);
    check_echo(&line, line.id ? id : NULL);
    if (code == 0) {
        CHECK(!id == !line.id);
        CHECK(!json_object_get(line.object, "id") && !json_object_get(line.object, "v"));
        code = request_from_json(&r, line.object, error);
    }
    CHECK(code <= 0);
    if (code == 0)
        check_request(&r);
    else
        CHECK(memchr(error, '\0', sizeof error) && error[0]);
    protocol_free(&line);
    json_decref(id);
    return 0;
}
