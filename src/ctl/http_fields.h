/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: the head of an HTTP response. */
#pragma once

#include "ctl/http_route.h"

#define HTTP_FIELDS_LENGTH 2048

/** Writes the status line and the fields, with the empty line: their texts are ours, and short.
 * `keep`: the connection stays open. */
void http_fields_write(char out[HTTP_FIELDS_LENGTH], const struct http_response *response,
                       bool keep) ATTR_NONNULL;
