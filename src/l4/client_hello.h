/* SPDX-License-Identifier: Apache-2.0
 * The server name (SNI, RFC 6066 3) of a TLS ClientHello (RFC 8446 4.1.2, 5.1), for routing
 * without terminating. Pure, bounded; the hello may be spread over several records. With ECH the
 * outer name is what is seen. */
#pragma once

#include "base/slice.h"

#define CLIENT_HELLO_MAX 16384 /* bytes of records that are waited for */
#define CLIENT_HELLO_NAME_MAX 256

enum client_hello { CLIENT_HELLO_MORE, CLIENT_HELLO_DONE, CLIENT_HELLO_BAD };

/** Reads from the beginning of what the client has sent. DONE: `name` has the host name in lower
 *  case, without a dot at the end, NUL-terminated, *n bytes of it; "" when the hello has none. BAD:
 *  *why (constant) says why it is no ClientHello, and the TLS alert to send is *alert (RFC 8446 6).
 */
enum client_hello client_hello_read(char name[CLIENT_HELLO_NAME_MAX], uint32_t *n,
                                    struct slice bytes, const char **why, uint8_t *alert);
