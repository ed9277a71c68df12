/* SPDX-License-Identifier: Apache-2.0
 * TLS files as they come: every kind of wrong file in every place that names one, with its position
 * and what is said; and what is shared, taken over and read again. */
#include "health/credentials.h"

#include "certs.h"

#include "config/config.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A configuration in a directory, and what loading it gave. */
struct place {
    char dir[64];
    struct diags diags;
    struct model *model;
    struct credentials *credentials;
};

static const char *path_of(const struct place *p, const char *name)
{
    static char path[4][160];
    static unsigned turn;
    char *out = path[turn++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", p->dir, name);
    return out;
}

static void write_bytes(const struct place *p, const char *name, const void *bytes, size_t n)
{
    FILE *file = fopen(path_of(p, name), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    fclose(file);
}

static void write_text(const struct place *p, const char *name, const char *text)
{
    write_bytes(p, name, text, strlen(text));
}

static size_t read_bytes(const struct place *p, const char *name, char *out, size_t max)
{
    FILE *file = fopen(path_of(p, name), "r");
    assert_non_null(file);
    size_t n = fread(out, 1, max - 1, file);
    fclose(file);
    out[n] = '\0';
    return n;
}

static void write_config(const struct place *p, const char *user, const char *checks)
{
    char text[8192];
    snprintf(text, sizeof text,
             "server: {listen: [\"127.0.0.1:5399\"]%s%s}\npools: pools.yaml\nzones: zones/\n",
             user ? ", user: " : "", user ? user : "");
    write_text(p, "loadstar.yaml", text);
    snprintf(text, sizeof text,
             "sites: {ams: {location: [52, 4]}}\npools: {www: {checks: [c], sites: {ams: "
             "[192.0.2.1]}}}\nchecks:\n%s",
             checks);
    write_text(p, "pools.yaml", text);
}

/* Loads what is written, with what was loaded before. Returns whether it could be. */
static bool reload(struct place *p)
{
    struct model *model = NULL;
    struct credentials *credentials = NULL;
    diags_free(&p->diags);
    diags_init(&p->diags);
    bool ok = config_load(&model, path_of(p, "loadstar.yaml"), &p->diags) == 0;
    if (ok && credentials_load(&credentials, model, p->credentials, &p->diags) != 0) {
        model_free(model);
        ok = false;
    }
    if (!ok)
        return false;
    credentials_free(p->credentials);
    if (p->model)
        model_free(p->model);
    p->model = model;
    p->credentials = credentials;
    return true;
}

static void forget(struct place *p)
{
    credentials_free(p->credentials);
    if (p->model)
        model_free(p->model);
    p->credentials = NULL;
    p->model = NULL;
}

static void place_open(struct place *p)
{
    memset(p, 0, sizeof *p);
    strcpy(p->dir, "/tmp/credentials-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    assert_int_equal(chmod(p->dir, 0755), 0);
    assert_int_equal(mkdir(path_of(p, "zones"), 0755), 0);
    write_text(p, "zones/example.com.yaml",
               "zone: example.com\nsoa: {mname: ns1, rname: hostmaster, minimum: 60s}\n"
               "records: {\"@\": {NS: [ns1]}, ns1: {A: 192.0.2.53}}\n");
    diags_init(&p->diags);
}

static void place_close(struct place *p)
{
    char command[128];
    forget(p);
    diags_free(&p->diags);
    snprintf(command, sizeof command, "rm -rf %s", p->dir);
    assert_int_equal(system(command), 0);
}

/* ---- the files ---- */

static void write_encrypted(const struct place *p, const char *name, EVP_PKEY *key, bool pkcs8)
{
    BIO *file = BIO_new_file(path_of(p, name), "w");
    assert_non_null(file);
    unsigned char secret[] = "secret";
    if (pkcs8)
        PEM_write_bio_PKCS8PrivateKey(file, key, EVP_aes_256_cbc(), (char *)secret, 6, NULL, NULL);
    else
        PEM_write_bio_PrivateKey_traditional(file, key, EVP_aes_256_cbc(), secret, 6, NULL, NULL);
    BIO_free(file);
}

static void write_der(const struct place *p, const char *name, X509 *x509)
{
    FILE *file = fopen(path_of(p, name), "w");
    assert_non_null(file);
    i2d_X509_fp(file, x509);
    fclose(file);
}

static void write_request(const struct place *p, const char *name, EVP_PKEY *key)
{
    FILE *file = fopen(path_of(p, name), "w");
    X509_REQ *request = X509_REQ_new();
    assert_non_null(file);
    X509_REQ_set_pubkey(request, key);
    X509_REQ_sign(request, key, EVP_sha256());
    PEM_write_X509_REQ(file, request);
    X509_REQ_free(request);
    fclose(file);
}

static void write_public(const struct place *p, const char *name, EVP_PKEY *key)
{
    FILE *file = fopen(path_of(p, name), "w");
    assert_non_null(file);
    PEM_write_PUBKEY(file, key);
    fclose(file);
}

/* A copy of `from` with the first `n` bytes only, or (n 0) with a byte in its middle damaged. */
static void write_broken(const struct place *p, const char *name, const char *from, size_t n)
{
    char bytes[8192];
    size_t size = read_bytes(p, from, bytes, sizeof bytes);
    if (n == 0)
        bytes[size / 2] = '!';
    write_bytes(p, name, bytes, n ? n : size);
}

static void write_joined(const struct place *p, const char *name, const char *a, const char *b)
{
    char bytes[8192];
    size_t n = read_bytes(p, a, bytes, sizeof bytes);
    n += read_bytes(p, b, bytes + n, sizeof bytes - n);
    write_bytes(p, name, bytes, n);
}

static void write_files(struct place *p)
{
    struct certificate ca =
        certificate_make(&(struct certificate_wish){"Test CA", NULL, -10, 10, NULL, 1});
    struct certificate own =
        certificate_make(&(struct certificate_wish){"checker", NULL, -1, 1, &ca, 0});
    struct certificate old =
        certificate_make(&(struct certificate_wish){"old CA", NULL, -20, -3, NULL, 1});
    struct certificate expired =
        certificate_make(&(struct certificate_wish){"checker", NULL, -9, -3, &ca, 0});
    certificate_write(&ca, path_of(p, "ca.pem"), path_of(p, "ca.key"));
    certificate_write(&own, path_of(p, "own.pem"), path_of(p, "own.key"));
    certificate_write(&old, path_of(p, "old.pem"), NULL);
    certificate_write(&expired, path_of(p, "expired.pem"), path_of(p, "expired.key"));
    write_text(p, "empty", "");
    write_text(p, "garbage", "this is not what you are looking for\n");
    write_text(p, "half label", "-----BEGIN CERTIFI");
    write_text(p, "ssh.key",
               "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"
               "-----END OPENSSH PRIVATE KEY-----\n");
    write_broken(p, "cut.pem", "ca.pem", 200);
    write_broken(p, "cut.key", "own.key", 100);
    write_broken(p, "damaged.pem", "ca.pem", 0);
    write_broken(p, "damaged.key", "own.key", 0);
    write_encrypted(p, "secret.key", own.key, true);
    write_encrypted(p, "traditional.key", own.key, false);
    write_der(p, "ca.der", ca.x509);
    write_request(p, "request.pem", own.key);
    write_public(p, "public.pem", own.key);
    write_joined(p, "both.pem", "own.pem", "own.key");
    write_joined(p, "two.pem", "own.pem", "cut.pem");
    write_joined(p, "chain.pem", "own.pem", "ca.pem");
    assert_int_equal(mkdir(path_of(p, "directory"), 0755), 0);
    assert_int_equal(mkfifo(path_of(p, "fifo"), 0644), 0);
    certificate_free(&ca);
    certificate_free(&own);
    certificate_free(&old);
    certificate_free(&expired);
}

/* ---- each kind in each place ---- */

enum { CA, CERT, KEY, N_PLACES };

/* What is said of a file as ca_file or cert_file, and as key_file; NULL: it will do. */
static const struct {
    const char *file, *as_certificates, *as_key;
} kinds[] = {
    {"own.pem", NULL, "it is a certificate, expected a private key"},
    {"chain.pem", NULL, "it is a certificate, expected a private key"},
    {"both.pem", NULL, NULL},
    {"own.key", "it is a private key, expected certificates (PEM)", NULL},
    {"empty", "it is empty, expected certificates", "it is empty, expected a private key"},
    {"garbage", "it holds no PEM block, expected certificates", "it holds no PEM block, expected"},
    {"half label", "the block that begins in line 1 is cut off (", "it holds no PEM block"},
    {"ssh.key", "it is a key of OpenSSH, expected certificates", "it is a key of OpenSSH"},
    {"cut.pem", "the certificate that begins in line 1 is cut off (bad end line)",
     "it is a certificate, expected a private key"},
    {"two.pem", "is cut off (bad end line)", "it is a certificate, expected"},
    {"cut.key", "is cut off (bad end line)", "the private key that begins in line 1 is cut off ("},
    {"damaged.pem", "the certificate that begins in line 1 is damaged (", "it is a certificate"},
    {"damaged.key", "is damaged (", "the private key that begins in line 1 is damaged ("},
    {"secret.key", "it is a private key, expected certificates",
     "it is encrypted with a passphrase, expected a private key (PEM, without passphrase)"},
    {"traditional.key", "it is a private key, expected certificates",
     "it is encrypted with a passphrase"},
    {"ca.der", "it is in DER or PKCS#12 format, expected certificates", "it is in DER or PKCS#12"},
    {"request.pem", "it is a certificate request, expected", "it is a certificate request"},
    {"public.pem", "it is a public key, expected certificates", "it is a public key, expected"},
    {"ca.key", "it is a private key, expected", "it is not the key of the certificate in"},
    {"directory", "it is a directory, expected a file", "it is a directory, expected a file"},
    {"fifo", "it is not a regular file", "it is not a regular file"},
    {"/dev/null", "it is not a regular file", "it is not a regular file"},
    {"nowhere", "No such file or directory", "No such file or directory"},
};

static void check_kind(struct place *p, size_t i, int where)
{
    static const char *const keys[] = {"ca_file", "cert_file", "key_file"};
    const char *files[] = {"ca.pem", "own.pem", "own.key"};
    char checks[512], line[64];
    const char *expected = where == KEY ? kinds[i].as_key : kinds[i].as_certificates;
    files[where] = kinds[i].file;
    snprintf(checks, sizeof checks,
             "  c:\n    type: https\n    tls:\n      ca_file: %s\n      cert_file: %s\n"
             "      key_file: %s\n",
             files[0], files[1], files[2]);
    write_config(p, NULL, checks);
    bool ok = reload(p);
    if (ok != !expected)
        fail_msg("%s as %s: %s", kinds[i].file, keys[where], ok ? "taken" : p->diags.v[0].text);
    if (ok)
        return;
    snprintf(line, sizeof line, "%s: %s", keys[where], kinds[i].file);
    if (p->diags.n_errors != 1 || !strstr(p->diags.v[0].text, expected))
        fail_msg("%s as %s: %u errors, \"%s\", expected \"%s\"", kinds[i].file, keys[where],
                 p->diags.n_errors, p->diags.v[0].text, expected);
    assert_non_null(strstr(p->diags.v[0].span.file, "/pools.yaml"));
    assert_int_equal(p->diags.v[0].span.line, 7 + where);
    assert_int_equal(p->diags.v[0].span.column, 7 + strlen(keys[where]) + 2);
}

static void test_kinds(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    write_files(&p);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        for (int where = 0; where < N_PLACES; where++)
            check_kind(&p, i, where);
    place_close(&p);
}

static void test_expired_is_a_warning(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    write_files(&p);
    write_config(&p, NULL,
                 "  c: {type: https, tls: {ca_file: old.pem, cert_file: expired.pem, "
                 "key_file: expired.key}}\n");
    for (int i = 0; i < 2; i++) { /* also when nothing is read again */
        assert_true(reload(&p));
        assert_int_equal(p.diags.n_warnings, 2);
        assert_non_null(strstr(p.diags.v[0].text,
                               "1 of 1 certificate of authorities has expired: /CN=old CA, "));
        assert_non_null(strstr(p.diags.v[1].text, "expired.pem': the certificate expired "));
        assert_int_equal(p.diags.v[1].span.line, 4);
        usleep(40000);
    }
    place_close(&p);
}

/* One mistake gives one error, however many checks make it. */
static void test_one_file_is_one_error(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    write_files(&p);
    write_config(
        &p, NULL,
        "  c: {type: https, tls: {ca_file: garbage}}\n"
        "  d: {type: https, tls: {ca_file: garbage}}\n"
        "  e: {type: https, tls: {ca_file: ca.pem, cert_file: garbage, key_file: empty}}\n"
        "  f: {type: https, tls: {ca_file: empty, cert_file: own.pem, key_file: empty}}\n");
    assert_false(reload(&p));
    assert_int_equal(p.diags.n_errors, 2);
    place_close(&p);
}

/* ---- what is shared and taken over ---- */

static void expect_work(const struct place *p, uint32_t contexts, uint32_t stores, uint32_t parsed,
                        uint32_t made)
{
    struct credentials_summary s = credentials_summary(p->credentials);
    assert_int_equal(s.n_contexts, contexts);
    assert_int_equal(s.n_stores, stores);
    assert_int_equal(s.n_stores_parsed, parsed);
    assert_int_equal(s.n_contexts_made, made);
}

static const char sharing[] =
    "  c: {type: https, tls: {ca_file: ca.pem}}\n"
    "  d: {type: https, path: /d, tls: {ca_file: ca.pem, verify: false}}\n"
    "  e: {type: https, tls: {ca_file: ca.pem, cert_file: own.pem, key_file: own.key}}\n"
    "  f: {type: https, tls: {ca_file: ./ca.pem}}\n"
    "  g: {type: https, tls: {verify: false}}\n"
    "  h: {type: tcp}\n";

static void test_sharing(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    write_files(&p);
    write_config(&p, NULL, sharing);
    usleep(40000); /* past the tick in which the files may change once more */
    assert_true(reload(&p));
    expect_work(&p, 4, 2, 2, 4);
    assert_ptr_equal(credentials_of(p.credentials, 0), credentials_of(p.credentials, 1));
    assert_ptr_not_equal(credentials_of(p.credentials, 0), credentials_of(p.credentials, 2));
    assert_null(credentials_of(p.credentials, 5));
    const struct tls_context *before = credentials_of(p.credentials, 2);
    assert_true(reload(&p));
    expect_work(&p, 4, 2, 0, 0);
    assert_ptr_equal(credentials_of(p.credentials, 2), before);
    /* The same bytes in a new file are another file. */
    write_joined(&p, "new.pem", "ca.pem", "empty");
    assert_int_equal(rename(path_of(&p, "new.pem"), path_of(&p, "ca.pem")), 0);
    usleep(40000);
    assert_true(reload(&p));
    expect_work(&p, 4, 2, 2, 3);
    write_joined(&p, "own.key", "own.key", "empty");
    usleep(40000);
    assert_true(reload(&p));
    expect_work(&p, 4, 2, 0, 1);
    /* One that was written just now may be written once more in the same tick. */
    write_joined(&p, "own.key", "own.key", "empty");
    assert_true(reload(&p));
    assert_true(reload(&p));
    assert_true(credentials_summary(p.credentials).n_contexts_made <= 1);
    place_close(&p);
}

/* What was in force stays usable beside what is refused. */
static void test_refused_leaves_what_was(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    write_files(&p);
    write_config(&p, NULL, sharing);
    assert_true(reload(&p));
    write_text(&p, "ca.pem", "garbage");
    const struct tls_context *before = credentials_of(p.credentials, 0);
    assert_false(reload(&p));
    assert_ptr_equal(credentials_of(p.credentials, 0), before);
    place_close(&p);
}

/* Nobody but root may read it: root does not judge by what root may. */
static void test_as_server_user_sees_it(void **state)
{
    (void)state;
    struct place p;
    if (geteuid() != 0 || !getpwnam("nobody")) {
        print_message("skipped: needs root, and a user nobody\n");
        skip();
    }
    place_open(&p);
    write_files(&p);
    assert_int_equal(chmod(path_of(&p, "own.key"), 0600), 0);
    write_config(&p, "nobody",
                 "  c: {type: https, tls: {ca_file: ca.pem, cert_file: own.pem, key_file: "
                 "own.key}}\n");
    assert_false(reload(&p));
    assert_int_equal(p.diags.n_errors, 1);
    assert_non_null(strstr(p.diags.v[0].text, "own.key': user nobody (server.user), who reads it "
                                              "at each reload, may not: Permission denied"));
    const struct passwd *nobody = getpwnam("nobody");
    assert_int_equal(chown(path_of(&p, "own.key"), 0, nobody->pw_gid), 0);
    assert_int_equal(chmod(path_of(&p, "own.key"), 0640), 0);
    assert_true(reload(&p));
    /* We are root again. */
    assert_int_equal(chmod(path_of(&p, "own.key"), 0600), 0);
    int fd = open(path_of(&p, "own.key"), O_RDONLY);
    assert_true(fd >= 0);
    close(fd);
    place_close(&p);
}

static void test_system_authorities(void **state)
{
    (void)state;
    struct place p;
    char hashed[64];
    place_open(&p);
    write_files(&p);
    write_config(&p, NULL, "  c: {type: https}\n");
    assert_int_equal(mkdir(path_of(&p, "certs"), 0755), 0);
    setenv("SSL_CERT_DIR", path_of(&p, "certs"), 1);
    setenv("SSL_CERT_FILE", path_of(&p, "nowhere"), 1);
    assert_false(reload(&p));
    assert_int_equal(p.diags.n_errors, 1);
    assert_non_null(strstr(p.diags.v[0].text, "name a 'ca_file'"));
    assert_int_equal(p.diags.v[0].span.line, 4);
    write_joined(&p, "certs/0badcafe.0", "ca.pem", "empty");
    write_text(&p, "certs/0badcafe.1", "garbage"); /* passed over */
    usleep(40000);
    assert_true(reload(&p));
    expect_work(&p, 1, 1, 1, 1);
    assert_true(reload(&p));
    expect_work(&p, 1, 1, 0, 0);
    snprintf(hashed, sizeof hashed, "certs/0badcafe.2");
    write_joined(&p, hashed, "old.pem", "empty");
    usleep(40000);
    assert_true(reload(&p));
    expect_work(&p, 1, 1, 1, 1);
    unsetenv("SSL_CERT_DIR");
    setenv("SSL_CERT_FILE", path_of(&p, "ca.pem"), 1);
    assert_true(reload(&p));
    unsetenv("SSL_CERT_FILE");
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_expired_is_a_warning),
        cmocka_unit_test(test_one_file_is_one_error),
        cmocka_unit_test(test_sharing),
        cmocka_unit_test(test_refused_leaves_what_was),
        cmocka_unit_test(test_as_server_user_sees_it),
        cmocka_unit_test(test_system_authorities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
