/* SPDX-License-Identifier: Apache-2.0
 * The outcome of a request, whoever carried it out and whatever it goes out on. */
#pragma once

#include "control/page.h"

#include <jansson.h>

/** All members are borrowed by whom it is handed to. */
struct control_reply {
    int code;          /* 0, or E_* */
    struct page *page; /* when 0: the document as one line, or */
    json_t *result;    /* as it is */
    const char *error; /* otherwise: one sentence */
    json_t *errors;    /* and all of them with positions, where there are more; or NULL */
    bool busy;         /* refused for now: ask again in a while */
};
