/* SPDX-License-Identifier: Apache-2.0
 * The dashboard, and the policy that names its script and style by their hashes. */
#include "ctl/dashboard.h"

#include "base/arena.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>

/* Made from dashboard.html by the build: a string literal a line. */
static const char html[] =
#include "src/ctl/dashboard_html.inc"
    ;

const char *dashboard_html(void)
{
    return html;
}

/** 'sha256-...' of what stands between <tag> and </tag> (CSP level 2, 4.2.5). */
static void hash_element(char out[64], const char *tag)
{
    char open[16], close[16];
    unsigned char digest[SHA256_DIGEST_LENGTH];
    snprintf(open, sizeof open, "<%s>", tag);
    snprintf(close, sizeof close, "</%s>", tag);
    const char *start = strstr(html, open), *end = start ? strstr(start, close) : NULL;
    out[0] = '\0';
    if (!end)
        return;
    start += strlen(open);
    SHA256((const unsigned char *)start, (size_t)(end - start), digest);
    strcpy(out, "'sha256-");
    EVP_EncodeBlock((unsigned char *)out + strlen(out), digest, sizeof digest);
    strcat(out, "'");
}

const char *dashboard_policy(void)
{
    static char policy[320];
    char script[64], style[64];
    if (!policy[0]) {
        hash_element(script, "script");
        hash_element(style, "style");
        snprintf(policy, sizeof policy,
                 "default-src 'none'; script-src %s; style-src %s; connect-src 'self'; "
                 "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                 script, style);
    }
    return policy;
}
