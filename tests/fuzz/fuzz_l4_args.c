/* SPDX-License-Identifier: Apache-2.0
 * Arguments of loadstar-l4's commands: any object is taken or refused with a reason, and what is
 * taken is within its bounds. */
#include "l4/command_args.h"
#include "model/model.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char text[COMMAND_TEXT_MAX] = "", error[COMMAND_ERROR_MAX] = "";
    uint64_t number = 5;
    bool flag = false;
    int64_t duration = 1000, weight = 1;
    const struct command_arg args[] = {
        {.key = "text", .kind = ARG_TEXT, .to = text, .is_required = true},
        {.key = "number", .kind = ARG_NUMBER, .to = &number, .max = 10000},
        {.key = "flag", .kind = ARG_FLAG, .to = &flag},
        {.key = "for", .kind = ARG_DURATION, .to = &duration},
        {.key = "weight", .kind = ARG_WEIGHT, .to = &weight},
        {0},
    };
    json_t *object = json_loadb((const char *)data, n, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(object) || !json_is_string(json_object_get(object, "command"))) {
        json_decref(object);
        return 0;
    }
    int code = command_args_read(object, args, error);
    CHECK(memchr(text, '\0', sizeof text) && memchr(error, '\0', sizeof error));
    CHECK(number <= 10000 && duration >= 1000 && duration <= INT64_C(366) * 24 * 3600 * 1000);
    CHECK(weight >= COMMAND_WEIGHT_AUTO && weight <= WEIGHT_MAX);
    CHECK(code == 0 ? text[0] != '\0' : error[0] != '\0');
    json_decref(object);
    return 0;
}
