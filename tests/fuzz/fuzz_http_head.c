/* SPDX-License-Identifier: Apache-2.0
 * HTTP requests: whatever the bytes, and in whatever pieces they come, a head has one end; what is
 * taken has no NUL and no doubt in it; a query is arguments or refused. */
#include "tests/fuzz/fuzz.h"

#include "base/arena.h"
#include "control/http_head.h"
#include "ctl/http_host.h"

#include <string.h>

static void check_taken(struct http_head *head)
{
    const struct ip loopback = {{127, 0, 0, 1}, IP_V4};
    const struct str_list none = {0};
    CHECK(head->path[0] == '/' || head->path[0] == '\0');
    CHECK(head->method[0]);
    CHECK(head->minor == 0 || head->host);
    CHECK(head->if_match.n <= HTTP_LISTED_MAX && head->if_none_match.n <= HTTP_LISTED_MAX);
    if (http_host_is_ours(head->host, &loopback, &loopback, &none))
        CHECK(strpbrk(head->host, "/@ \t") == NULL);
    if (head->query) {
        json_t *object = json_object();
        (void)!http_query_read(object, head->query);
        json_decref(object);
    }
}

/* The first byte says how the rest is cut. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1 || n > HTTP_HEAD_MAX)
        return 0;
    size_t piece = data[0] + (size_t)1;
    char *bytes = xmalloc(n);
    memcpy(bytes, data + 1, n - 1);
    n--;
    struct http_scan whole = {0}, scan = {0};
    int at_once = http_head_find(&whole, bytes, n), found = 0;
    for (size_t have = 0; found == 0; have += piece) {
        found = http_head_find(&scan, bytes, have < n ? have : n);
        if (have >= n)
            break;
    }
    CHECK(found == at_once);
    if (found > 0) {
        struct http_head head;
        const char *error = NULL;
        int status = http_head_read(&head, bytes, (size_t)found, &error);
        CHECK(status == 0 || (status >= 400 && status < 600 && error));
        if (status == 0)
            check_taken(&head);
    }
    free(bytes);
    return 0;
}
