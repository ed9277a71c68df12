/* SPDX-License-Identifier: Apache-2.0
 * Stores of certificate authorities. */
#include "health/authorities.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/give_way.h"
#include "base/hash.h"
#include "base/units.h"

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TICK_MS 20
#define OWN_MAX 8 /* a file with more is a public bundle, where some have always expired */
#define FILE_MAX (16u << 20)

static bool add(X509_STORE *store, const struct pem_certificates *c)
{
    for (int i = 0; i < sk_X509_num(c->certificates); i++)
        if (X509_STORE_add_cert(store, sk_X509_value(c->certificates, i)) != 1)
            return false;
    for (int i = 0; i < sk_X509_CRL_num(c->crls); i++)
        if (X509_STORE_add_crl(store, sk_X509_CRL_value(c->crls, i)) != 1)
            return false;
    return true;
}

X509_STORE *authorities_make(const struct pem_certificates *certificates)
{
    X509_STORE *store = X509_STORE_new();
    if (store && add(store, certificates))
        return store;
    X509_STORE_free(store);
    return NULL;
}

/* ---- the system's ---- */

typedef void visit_fn(void *arg, const char *path);

static const char *system_file(void)
{
    const char *set = getenv(X509_get_default_cert_file_env());
    return set ? set : X509_get_default_cert_file();
}

static const char *system_directories(void)
{
    const char *set = getenv(X509_get_default_cert_dir_env());
    return set ? set : X509_get_default_cert_dir();
}

/* HASH.NUMBER, as c_rehash names certificates. */
static bool is_certificate_name(const char *name)
{
    size_t n = strspn(name, "0123456789abcdef");
    return n == 8 && name[8] == '.' && name[9] &&
           strspn(name + 9, "0123456789") == strlen(name + 9);
}

static void visit_directory(const char *path, visit_fn *visit, void *arg)
{
    char file[4096];
    DIR *dir = opendir(path);
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        int n = snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (is_certificate_name(entry->d_name) && n < (int)sizeof file)
            visit(arg, file);
        give_way_pause();
    }
    if (dir)
        closedir(dir);
}

static void visit_system(visit_fn *visit, void *arg)
{
    char *list = xstrdup(system_directories()), *rest = NULL;
    visit(arg, system_file());
    for (char *path = strtok_r(list, ":", &rest); path; path = strtok_r(NULL, ":", &rest))
        visit_directory(path, visit, arg);
    free(list);
}

static void add_file(void *arg, const char *path)
{
    struct pem_certificates certificates;
    struct arena *arena = arena_new();
    struct slice content;
    char problem[REASON_MAX];
    if (file_read(&content, arena, path, FILE_MAX) == 0 &&
        pem_read_certificates(&certificates, content, problem) == 0) {
        (void)add(arg, &certificates);
        pem_certificates_free(&certificates);
    }
    arena_free(arena);
}

X509_STORE *authorities_of_system(void)
{
    X509_STORE *store = X509_STORE_new();
    if (!store)
        return NULL;
    visit_system(add_file, store);
    ERR_clear_error();
    if (sk_X509_OBJECT_num(X509_STORE_get0_objects(store)) > 0)
        return store;
    X509_STORE_free(store);
    return NULL;
}

const char *authorities_place(void)
{
    return system_directories();
}

/* ---- whether they have changed ---- */

/* 0 when it is not there. */
static uint64_t stamp(const char *path, bool *settled)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return 0;
    const int64_t v[] = {
        (int64_t)st.st_dev, (int64_t)st.st_ino, (int64_t)st.st_size, st.st_mtim.tv_sec,
        st.st_mtim.tv_nsec, st.st_ctim.tv_sec,  st.st_ctim.tv_nsec,
    };
    int64_t changed_ms = st.st_ctim.tv_sec * 1000 + st.st_ctim.tv_nsec / 1000000;
    *settled &= changed_ms < clock_wall_ms() - TICK_MS;
    return hash_bytes(0, (const uint8_t *)v, sizeof v) | 1;
}

uint64_t authorities_file_stamp(const char *path)
{
    bool settled = true;
    uint64_t s = stamp(path, &settled);
    return settled ? s : 0;
}

struct stamps {
    uint64_t sum;
    bool settled;
};

/* In whatever order a directory lists them. */
static void add_stamp(void *arg, const char *path)
{
    struct stamps *s = arg;
    s->sum += stamp(path, &s->settled);
}

uint64_t authorities_system_stamp(void)
{
    struct stamps s = {.settled = true};
    visit_system(add_stamp, &s);
    return s.settled ? s.sum : 0;
}

/* ---- dates ---- */

static void say_days(char out[32], const ASN1_TIME *from, const ASN1_TIME *to)
{
    int days = 0, seconds = 0;
    ASN1_TIME_diff(&days, &seconds, from, to);
    if (days)
        snprintf(out, 32, "%d day%s", days, days == 1 ? "" : "s");
    else
        snprintf(out, 32, "less than a day");
}

static const char *name_of(char out[128], const X509 *certificate)
{
    X509_NAME_oneline(X509_get_subject_name(certificate), out, 128);
    return out;
}

static bool has_expired(const X509 *certificate)
{
    return X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0;
}

void authorities_warn(struct diags *diags, const struct named_file *file, X509_STORE *store)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    const X509 *first = NULL;
    unsigned n = 0, n_expired = 0;
    char name[128], age[32];
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        const X509 *x509 = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (!x509)
            continue;
        n++;
        if (!has_expired(x509))
            continue;
        n_expired++;
        first = first ? first : x509;
    }
    if (n_expired == 0 || (n_expired < n && n > OWN_MAX))
        return;
    say_days(age, X509_get0_notAfter(first), NULL);
    diag_warning(diags, file->span,
                 "'%s': %u of %u certificate%s of authorities %s expired: %s, %s ago", file->path,
                 n_expired, n, units_plural(n), n_expired == 1 ? "has" : "have",
                 name_of(name, first), age);
}

void certificate_warn(struct diags *diags, const struct named_file *file, const X509 *certificate)
{
    char age[32];
    if (has_expired(certificate)) {
        say_days(age, X509_get0_notAfter(certificate), NULL);
        diag_warning(diags, file->span, "'%s': the certificate expired %s ago", file->path, age);
    } else if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
        say_days(age, NULL, X509_get0_notBefore(certificate));
        diag_warning(diags, file->span, "'%s': the certificate becomes valid only in %s",
                     file->path, age);
    }
}
