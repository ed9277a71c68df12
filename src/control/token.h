/* SPDX-License-Identifier: Apache-2.0
 * The bearer token that state changes over HTTP need. */
#pragma once

#include "base/diag.h"

#include <openssl/sha.h>

#define TOKEN_NAME_MAX 64 /* with the NUL */

/** Only a digest is kept: comparing digests takes the same time whatever differs, lengths too. */
struct token {
    bool set;
    char name[TOKEN_NAME_MAX]; /* its file's name without directories: who changes something */
    uint8_t digest[SHA256_DIGEST_LENGTH];
};

/** Reads the token of a file: its content without blanks at either end. Returns 0; E_SYSTEM when it
 *  cannot be read, E_INVALID when others may read it or it is empty, with the reason in `diags`;
 * `at` is where the file is named. */
int token_read(struct token *token, const char *path, struct span at,
               struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Whether what must be shown is the same. */
bool token_equal(const struct token *a, const struct token *b) ATTR_NONNULL ATTR_PURE;

enum token_verdict { TOKEN_RIGHT, TOKEN_MISSING, TOKEN_WRONG, TOKEN_OFF };

/** Judges an Authorization header (NULL: there is none): "Bearer TOKEN" (RFC 6750 2.1). */
enum token_verdict token_judge(const struct token *token, const char *authorization);
