/* SPDX-License-Identifier: Apache-2.0
 * The outside of a geo database: file, metadata, search tree; see mmdb.h. */
#include "geo/mmdb.h"

#include "base/file.h"
#include "base/trie.h"
#include "geo/mistaken.h"
#include "geo/mmdb_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define METADATA_MAX (128u * 1024) /* by the format's specification */
#define SEPARATOR 16u              /* zero bytes between tree and data */

static const char marker[] = "\xab\xcd\xefMaxMind.com";
#define MARKER_LEN (sizeof marker - 1)

static int refuse(struct diags *diags, const char *name, const char *text)
{
    diag_error(diags, (struct span){.file = name}, "%s", text);
    return E_SYNTAX;
}

/* --- what is checked before the library may open the file --- */

/* Offset of the last marker, or the file's size if there is none. */
static uint32_t find_marker(struct slice file)
{
    uint32_t first = file.n > METADATA_MAX ? file.n - METADATA_MAX : 0;
    for (uint32_t at = file.n; at >= first + MARKER_LEN; at--)
        if (memcmp(file.p + at - MARKER_LEN, marker, MARKER_LEN) == 0)
            return at - (uint32_t)MARKER_LEN;
    return file.n;
}

/* A number of the metadata. Decoding uses no other members of an MMDB_s than these two; the library
 * reads the metadata in the same way. */
static int metadata_number(uint32_t *out, struct slice metadata, const char *key)
{
    MMDB_s section = {.data_section = metadata.p, .data_section_size = metadata.n};
    MMDB_entry_s start = {&section, 0};
    MMDB_entry_data_s data;
    struct mmdb_scalar value;
    if (MMDB_get_value(&start, &data, key, NULL) != MMDB_SUCCESS || !data.has_data ||
        !mmdb_to_scalar(&value, &data) || value.is_text ||
        !(value.number >= 0 && value.number <= UINT32_MAX))
        return E_NOTFOUND;
    *out = (uint32_t)value.number;
    return 0;
}

struct metadata {
    uint32_t node_count, record_size, ip_version, format;
};

static int read_metadata(struct metadata *out, struct slice metadata, const char *name,
                         struct diags *diags)
{
    const struct {
        const char *key;
        uint32_t *value;
    } numbers[] = {
        {"node_count", &out->node_count},
        {"record_size", &out->record_size},
        {"ip_version", &out->ip_version},
        {"binary_format_major_version", &out->format},
    };
    for (unsigned i = 0; i < ARRAY_LEN(numbers); i++) {
        if (metadata_number(numbers[i].value, metadata, numbers[i].key) == 0)
            continue;
        diag_error(diags, (struct span){.file = name},
                   "broken MaxMind DB: its metadata has no number `%s`", numbers[i].key);
        return E_SYNTAX;
    }
    if (out->format != 2)
        return refuse(diags, name, "MaxMind DB of a format other than 2, which is the one known");
    if (out->record_size != 24 && out->record_size != 28 && out->record_size != 32)
        return refuse(diags, name, "broken MaxMind DB: record_size is not 24, 28 or 32");
    if (out->ip_version != 4 && out->ip_version != 6)
        return refuse(diags, name, "broken MaxMind DB: ip_version is not 4 or 6");
    if (out->node_count == 0)
        return refuse(diags, name, "MaxMind DB without any network: its search tree is empty");
    return 0;
}

/* Where the data section begins and ends. libmaxminddb 1.7.1 works out the size of the tree in 32
 * bits, and reads outside of the file when that wraps. */
static int find_data(uint32_t *begin, uint32_t *end, struct slice file, const char *name,
                     struct diags *diags)
{
    *end = find_marker(file);
    char wrong_kind[MISTAKEN_MAX];
    if (*end == file.n || mistaken_is_archive(file))
        return refuse(diags, name, mistaken_text(wrong_kind, file));
    uint32_t at = *end + (uint32_t)MARKER_LEN;
    struct slice section = slice_of(file.p + at, file.n - at);
    uint64_t items = MMDB_ITEMS_MAX;
    const char *wrong = mmdb_guard(section, 0, &items);
    if (wrong) {
        diag_error(diags, (struct span){.file = name},
                   "broken MaxMind DB: its metadata cannot be read: %s", wrong);
        return E_SYNTAX;
    }
    struct metadata meta;
    int code = read_metadata(&meta, section, name, diags);
    if (code != 0)
        return code;
    uint64_t tree_size = (uint64_t)meta.node_count * (meta.record_size / 4);
    if (tree_size + SEPARATOR > *end) {
        diag_error(diags, (struct span){.file = name},
                   "truncated MaxMind DB: a tree of %u nodes needs %llu bytes, there are %u",
                   meta.node_count, (unsigned long long)tree_size + SEPARATOR, *end);
        return E_SYNTAX;
    }
    *begin = (uint32_t)tree_size + SEPARATOR;
    return 0;
}

/* --- opening --- */

/* A file in memory that nobody can change any more, or -1 with errno. */
static int sealed_copy(struct slice file)
{
    int fd = memfd_create("geo database", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -1;
    const uint8_t *p = file.p;
    size_t left = file.n;
    while (left > 0) {
        ssize_t put = write(fd, p, left);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            break;
        p += put;
        left -= (size_t)put;
    }
    if (left == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int refuse_opened(int status, const char *path, const char *name, struct diags *diags)
{
    struct span span = {.file = name};
    if (status == MMDB_FILE_OPEN_ERROR || status == MMDB_IO_ERROR ||
        status == MMDB_OUT_OF_MEMORY_ERROR) {
        diag_error(diags, span, "cannot open the copy in memory, %s: %s (libmaxminddb: %s)", path,
                   strerror(errno), MMDB_strerror(status));
        return E_SYSTEM;
    }
    diag_error(diags, span,
               "broken MaxMind DB: libmaxminddb: %s. Expected is metadata with "
               "binary_format_major_version, binary_format_minor_version, record_size and "
               "ip_version (uint16), node_count (uint32), build_epoch (uint64, not 0), "
               "database_type, description and languages",
               MMDB_strerror(status));
    return E_SYNTAX;
}

int mmdb_open_memory(struct mmdb *mmdb, struct slice file, const char *name, struct diags *diags)
{
    *mmdb = (struct mmdb){0};
    uint32_t begin, end;
    int code = find_data(&begin, &end, file, name, diags);
    if (code != 0)
        return code;
    int fd = sealed_copy(file);
    if (fd < 0) {
        diag_error(diags, (struct span){.file = name},
                   "cannot copy the geo database of %u bytes into memory: %s", file.n,
                   strerror(errno));
        return E_SYSTEM;
    }
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int status = MMDB_open(path, MMDB_MODE_MMAP, &mmdb->db);
    if (status != MMDB_SUCCESS)
        code = refuse_opened(status, path, name, diags);
    close(fd); /* the mapping keeps it */
    if (code != 0)
        return code;

    mmdb->data = slice_of(mmdb->db.file_content + begin, end - begin);
    mmdb->family = mmdb->db.metadata.ip_version == 4 ? IP_V4 : IP_V6;
    mmdb->items_left = 8 * (uint64_t)file.n;
    return 0;
}

int mmdb_open(struct mmdb *mmdb, const char *path, struct diags *diags)
{
    struct arena *arena = arena_new();
    struct slice file;
    int code = file_read(&file, arena, path, UINT32_MAX - METADATA_MAX);
    if (code == 0)
        code = mmdb_open_memory(mmdb, file, path, diags);
    else if (code == E_SYSTEM && errno == EISDIR)
        diag_error(diags, (struct span){.file = path},
                   "is a directory, expected the file of a database");
    else if (code == E_SYSTEM && errno == EINVAL)
        diag_error(diags, (struct span){.file = path}, "is a device or pipe, expected a file");
    else
        diag_error(diags, (struct span){.file = path}, "cannot read the geo database: %s",
                   code == E_SYSTEM ? strerror(errno) : "it is larger than 4 GB");
    arena_free(arena);
    return code;
}

void mmdb_close(struct mmdb *mmdb)
{
    MMDB_close(&mmdb->db);
}

/* --- the search tree --- */

struct walker {
    struct mmdb *mmdb;
    mmdb_leaf_fn *visit;
    void *ctx;
    uint64_t nodes_left;
    struct ip_prefix at; /* in the tree's family */
};

static int broken(struct mmdb *mmdb, const char *what)
{
    snprintf(mmdb->wrong, sizeof mmdb->wrong, "%s", what);
    return E_SYNTAX;
}

/* IPv4 clients are those below ::/96, and all of them where a leaf covers it. */
static int visit_leaf(struct walker *w, uint32_t offset)
{
    static const uint8_t zero[12];
    struct ip_prefix v4 = {.addr.family = IP_V4};
    if (w->at.addr.family == IP_V6 && memcmp(w->at.addr.b, zero, 12) == 0) {
        if (w->at.len > 96) {
            v4.len = (uint8_t)(w->at.len - 96);
            memcpy(v4.addr.b, w->at.addr.b + 12, 4);
        }
        int code = w->visit(w->ctx, &v4, offset);
        if (code != 0 || w->at.len >= 96)
            return code;
    }
    return w->visit(w->ctx, &w->at, offset);
}

/* A window onto IPv4, in an IPv6 tree. */
static bool is_alias(const struct ip_prefix *at)
{
    struct ip_prefix folded;
    return at->addr.family == IP_V6 && (at->len == 96 || at->len == 32 || at->len == 16) &&
           !trie_fold(&folded, at);
}

static int walk_node(struct walker *w, uint32_t node);

static int walk_record(struct walker *w, unsigned type, uint64_t record, uint32_t offset)
{
    if (type == MMDB_RECORD_TYPE_EMPTY || is_alias(&w->at))
        return 0;
    if (type == MMDB_RECORD_TYPE_SEARCH_NODE)
        return walk_node(w, (uint32_t)record);
    /* The library takes the separator and the metadata for data. */
    if (type == MMDB_RECORD_TYPE_DATA && offset < w->mmdb->data.n)
        return visit_leaf(w, offset);
    return broken(w->mmdb, record == 0 ? "its search tree runs in circles"
                                       : "its search tree points outside the data section");
}

/* Recursion is bounded by the length of an address. */
static int walk_node(struct walker *w, uint32_t node)
{
    MMDB_search_node_s side;
    if (w->at.len == ip_bits(&w->at.addr))
        return broken(w->mmdb, "its search tree is deeper than an address is long");
    if (w->nodes_left-- == 0)
        return broken(w->mmdb, "its search tree runs in circles");
    int status = MMDB_read_node(&w->mmdb->db, node, &side);
    if (status != MMDB_SUCCESS)
        return broken(w->mmdb, MMDB_strerror(status));

    uint8_t *byte = &w->at.addr.b[w->at.len / 8], bit = (uint8_t)(0x80 >> w->at.len % 8);
    w->at.len++;
    int code =
        walk_record(w, side.left_record_type, side.left_record, side.left_record_entry.offset);
    if (code == 0) {
        *byte |= bit;
        code = walk_record(w, side.right_record_type, side.right_record,
                           side.right_record_entry.offset);
        *byte &= (uint8_t)~bit;
    }
    w->at.len--;
    return code;
}

int mmdb_walk(struct mmdb *mmdb, mmdb_leaf_fn *visit, void *ctx)
{
    /* Each node is met once in a tree; some writers share equal subtrees. */
    uint64_t most = 8 * (uint64_t)mmdb->db.metadata.node_count + 4096;
    struct walker w = {mmdb, visit, ctx, .nodes_left = most};
    w.at.addr.family = (uint8_t)mmdb->family;
    return walk_node(&w, 0);
}
