/* SPDX-License-Identifier: Apache-2.0
 * The bearer token that state changes over HTTP need. */
#include "control/token.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_MAX 4096

static void digest(uint8_t out[SHA256_DIGEST_LENGTH], const char *text, size_t n)
{
    SHA256((const unsigned char *)text, n, out);
}

/** The descriptor is checked, not the path: nobody can swap the file in between. */
static int read_private(int fd, char *text, size_t max, const char **why)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return E_SYSTEM;
    if (!S_ISREG(st.st_mode)) {
        *why = "is no regular file";
        return E_INVALID;
    }
    if (st.st_mode & 0007) {
        *why = "is open to everybody on this machine: expected no permissions for others "
               "(chmod o= FILE)";
        return E_INVALID;
    }
    ssize_t n = read(fd, text, max - 1);
    if (n < 0)
        return E_SYSTEM;
    text[n] = '\0';
    return 0;
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

int token_read(struct token *token, const char *path, struct span at, struct diags *diags)
{
    char text[TOKEN_MAX], reason[128];
    const char *why = NULL, *start = text;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int code = fd < 0 ? E_SYSTEM : read_private(fd, text, sizeof text, &why);
    if (code == E_SYSTEM) {
        snprintf(reason, sizeof reason, "cannot be read: %s", strerror(errno));
        why = reason;
    }
    if (fd >= 0)
        close(fd);
    if (code == 0) {
        size_t n = strlen(text);
        while (n && isspace((unsigned char)text[n - 1]))
            n--;
        while (n && isspace((unsigned char)*start))
            start++, n--;
        token->set = n > 0;
        snprintf(token->name, sizeof token->name, "%s", file_name(path));
        digest(token->digest, start, n);
        OPENSSL_cleanse(text, sizeof text);
        if (n)
            return 0;
        why = "is empty: expected a token, any text of one line";
        code = E_INVALID;
    }
    diag_error(diags, at, "the HTTP token file '%s' %s", path, why);
    return code;
}

enum token_verdict token_judge(const struct token *token, const char *authorization)
{
    uint8_t given[SHA256_DIGEST_LENGTH];
    if (!token->set)
        return TOKEN_OFF;
    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
        return TOKEN_MISSING;
    authorization += 7;
    authorization += strspn(authorization, " ");
    digest(given, authorization, strlen(authorization));
    return CRYPTO_memcmp(given, token->digest, sizeof given) == 0 ? TOKEN_RIGHT : TOKEN_WRONG;
}

bool token_equal(const struct token *a, const struct token *b)
{
    return a->set == b->set && (!a->set || memcmp(a->digest, b->digest, sizeof a->digest) == 0);
}
