/* SPDX-License-Identifier: Apache-2.0
 * What went wrong with TLS, in an operator's words. */
#include "health/tls_reason.h"

#include "base/clock.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_MAX = 3 }; /* listed of a certificate */

/* Whole days, hours or minutes, the largest unit that is not zero. */
static void say_age(char *out, size_t max, const ASN1_TIME *from, const ASN1_TIME *to)
{
    int days = 0, seconds = 0;
    ASN1_TIME_diff(&days, &seconds, from, to);
    int n = days ? days : seconds >= 3600 ? seconds / 3600 : seconds / 60;
    const char *unit = days ? "day" : seconds >= 3600 ? "hour" : "minute";
    snprintf(out, max, "%d %s%s", n, unit, n == 1 ? "" : "s");
}

static void say_dates(struct tls_peer *peer, const char *whose, const X509 *cert, bool expired)
{
    char age[32];
    if (expired)
        say_age(age, sizeof age, X509_get0_notAfter(cert), NULL);
    else
        say_age(age, sizeof age, NULL, X509_get0_notBefore(cert));
    snprintf(peer->problem, sizeof peer->problem,
             expired ? "%s expired %s ago" : "%s becomes valid only in %s", whose, age);
}

static void add_name(char *out, size_t max, unsigned n, const char *name, int len)
{
    size_t used = strlen(out);
    if (n < NAMES_MAX)
        snprintf(out + used, max - used, "%s%.*s", n ? ", " : "", len > 60 ? 60 : len, name);
    else if (n == NAMES_MAX)
        snprintf(out + used, max - used, ", ...");
}

static void add_address(char *out, size_t max, unsigned n, const ASN1_OCTET_STRING *bytes)
{
    char text[IP_TEXT_MAX];
    struct ip ip = {.family = ASN1_STRING_length(bytes) == 4 ? IP_V4 : IP_V6};
    if (ASN1_STRING_length(bytes) != 4 && ASN1_STRING_length(bytes) != 16)
        return;
    memcpy(ip.b, ASN1_STRING_get0_data(bytes), (size_t)ASN1_STRING_length(bytes));
    ip_text(text, &ip);
    add_name(out, max, n, text, (int)strlen(text));
}

/* The first names a certificate is for: its alternative names, else its common name. */
static void list_names(char *out, size_t max, const X509 *cert)
{
    unsigned n = 0;
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    out[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS)
            add_name(out, max, n++, (const char *)ASN1_STRING_get0_data(name->d.dNSName),
                     ASN1_STRING_length(name->d.dNSName));
        else if (name->type == GEN_IPADD)
            add_address(out, max, n++, name->d.iPAddress);
    }
    GENERAL_NAMES_free(names);
    if (n == 0 &&
        X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, out, (int)max) <= 0)
        snprintf(out, max, "nobody");
}

void tls_explain_certificate(struct tls_peer *peer, int code, X509 *cert, int depth)
{
    const char *whose = depth == 0 ? "certificate" : "an issuer's certificate";
    char names[88];
    switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        say_dates(peer, whose, cert, true);
        return;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        say_dates(peer, whose, cert, false);
        return;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        list_names(names, sizeof names, cert);
        snprintf(peer->problem, sizeof peer->problem, "certificate is for %s, expected %.70s",
                 names, peer->expected);
        return;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        snprintf(peer->problem, sizeof peer->problem,
                 "certificate signed by an unknown authority (by itself)");
        return;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        snprintf(peer->problem, sizeof peer->problem, "certificate signed by an unknown authority");
        return;
    default:
        snprintf(peer->problem, sizeof peer->problem, "%s is not valid: %s", whose,
                 X509_verify_cert_error_string(code));
    }
}

void tls_explain_error(char *out, size_t max, const struct tls_peer *peer)
{
    unsigned long e = ERR_peek_last_error();
    int reason = ERR_GET_REASON(e);
    const char *text = ERR_reason_error_string(e);
    if (*peer->problem)
        snprintf(out, max, "%s", peer->problem);
    else if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST)
        snprintf(out, max, "the server does not speak TLS on this port");
    else if (reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED)
        snprintf(out, max, "the server requires a client certificate");
    else if (reason > SSL_AD_REASON_OFFSET)
        snprintf(out, max, "the server refused TLS: %s", text ? text : "unknown alert");
    else
        snprintf(out, max, "TLS failed: %s", text ? text : "unknown error");
    ERR_clear_error();
}
