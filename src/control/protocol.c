/* SPDX-License-Identifier: Apache-2.0
 * What the control protocol itself says in a line. */
#include "control/protocol.h"

#include "base/buf.h"
#include "base/diag.h"
#include "base/escape.h"
#include "control/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int refuse(char error[PROTOCOL_ERROR_MAX], int code, const char *text)
{
    snprintf(error, PROTOCOL_ERROR_MAX, "%s", text);
    return code;
}

static int read_id(struct protocol_request *r, const json_t *id, char *error)
{
    if (!id)
        return 0;
    if (!json_is_string(id) && !json_is_number(id))
        return refuse(error, E_SYNTAX, "id: expected a string or a number");
    if (json_string_length(id) > LOADSTAR_CONTROL_ID_MAX) {
        snprintf(error, PROTOCOL_ERROR_MAX, "id: is too long, expected at most %d bytes",
                 LOADSTAR_CONTROL_ID_MAX);
        return E_RANGE;
    }
    struct buf text = {0};
    char *raw = json_dumps(id, JSON_COMPACT | JSON_ENCODE_ANY); /* doubles come back the same */
    escape_json(&text, slice_str(raw));
    free(raw);
    r->id = text.p;
    return 0;
}

static int read_version(const json_t *v, char *error)
{
    if (!v || (json_is_integer(v) && json_integer_value(v) == LOADSTAR_CONTROL_VERSION))
        return 0;
    char *given = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    snprintf(error, PROTOCOL_ERROR_MAX,
             "v: this program speaks version %d of the control protocol, not %.40s",
             LOADSTAR_CONTROL_VERSION, given ? given : "?");
    free(given);
    return E_INVALID;
}

static int read_progress(struct protocol_request *r, const json_t *progress, char *error)
{
    if (progress && !json_is_boolean(progress))
        return refuse(error, E_SYNTAX, "progress: expected true or false");
    r->wants_progress = json_is_true(progress);
    return 0;
}

/** The identifier first: a refusal carries it, too. */
static int read_members(struct protocol_request *r, json_t *object, char *error)
{
    int code = read_id(r, json_object_get(object, "id"), error);
    if (code == 0)
        code = read_version(json_object_get(object, "v"), error);
    if (code == 0)
        code = read_progress(r, json_object_get(object, "progress"), error);
    json_object_del(object, "id");
    json_object_del(object, "v");
    json_object_del(object, "progress");
    return code;
}

/** What reading a line would take: of a value 1, of an object or a list 8, some 30 bytes each. Two
 *  bytes of a line can be 230 of memory, so it is looked at before. */
static size_t weight_of(const char *line, size_t n)
{
    size_t weight = 0;
    bool in_text = false;
    for (size_t i = 0; i < n; i++) {
        if (in_text && line[i] == '\\')
            i++;
        else if (line[i] == '"')
            in_text = !in_text;
        else if (!in_text && (line[i] == '{' || line[i] == '['))
            weight += 8;
        else if (!in_text && line[i] == ',')
            weight++;
    }
    return weight;
}

int protocol_read(struct protocol_request *r, const char *line, size_t n,
                  char error[PROTOCOL_ERROR_MAX])
{
    json_error_t bad;
    *r = (struct protocol_request){0};
    if (weight_of(line, n) > PROTOCOL_WEIGHT_MAX)
        return refuse(error, E_RANGE, "the request has too many values");
    json_t *object = json_loadb(line, n, JSON_REJECT_DUPLICATES, &bad);
    int code = E_SYNTAX;
    if (!object)
        snprintf(error, PROTOCOL_ERROR_MAX, "no JSON, at byte %d: %s", bad.position, bad.text);
    else if (!json_is_object(object))
        refuse(error, code, "expected a JSON object, {\"command\": ...}");
    else
        code = read_members(r, object, error);
    if (code == 0)
        r->object = object;
    else
        json_decref(object);
    return code;
}

void protocol_free(struct protocol_request *r)
{
    json_decref(r->object);
    free(r->id);
    *r = (struct protocol_request){0};
}

/* Lines out */

static void begin(struct buf *line, const char *id)
{
    buf_puts(line, "{");
    if (id)
        buf_printf(line, "\"id\":%s,", id);
}

static void add_json(struct buf *line, const json_t *value)
{
    size_t n;
    char *text = json_print(value, JSON_COMPACT | JSON_ENCODE_ANY, &n);
    buf_add(line, text, n);
    free(text);
}

/** What kind of refusal it is, for programs. */
static const char *code_word(const struct control_reply *reply)
{
    if (reply->busy)
        return "busy";
    switch (reply->code) {
    case E_NOTFOUND:
        return "not_found";
    case E_SYSTEM:
        return "failed";
    case E_EXISTS:
        return "held";
    default:
        return "invalid";
    }
}

char *protocol_reply(const char *id, const struct control_reply *reply, size_t *n)
{
    struct buf line = {0};
    begin(&line, id);
    buf_printf(&line, "\"ok\":%s,", reply->code == 0 ? "true" : "false");
    if (reply->code == 0) {
        buf_puts(&line, "\"result\":");
        if (!reply->page)
            add_json(&line, reply->result);
    } else {
        json_t *error = json_text(reply->error);
        buf_puts(&line, "\"error\":");
        add_json(&line, error);
        json_decref(error);
        buf_printf(&line, ",\"code\":\"%s\"", code_word(reply));
        if (reply->errors) {
            buf_puts(&line, ",\"errors\":");
            add_json(&line, reply->errors);
        }
    }
    if (reply->code != 0 || !reply->page)
        buf_puts(&line, protocol_end());
    *n = line.n;
    return line.p;
}

const char *protocol_end(void)
{
    return "}\n";
}

char *protocol_progress(const char *id, const json_t *progress, size_t *n)
{
    struct buf line = {0};
    begin(&line, id);
    buf_puts(&line, "\"progress\":");
    add_json(&line, progress);
    buf_puts(&line, protocol_end());
    *n = line.n;
    return line.p;
}

char *protocol_event(const json_t *event, size_t *n)
{
    struct buf line = {0};
    add_json(&line, event);
    buf_puts(&line, "\n");
    *n = line.n;
    return line.p;
}
