/* SPDX-License-Identifier: Apache-2.0
 * Prints the reference of the configuration from the tables that read it:
 *
 *     mkreference md     >contrib/doc/reference.md
 *     mkreference man    >contrib/man/loadstar.yaml.5
 *     mkreference man-l4 >contrib/man/loadstar-l4.yaml.5
 *
 * Texts have code in `backquotes`; each format marks it up its own way. */
#include "config/parts.h"

#include <stdio.h>

struct out {
    FILE *to;
    bool man;
    bool fresh; /* right after a heading, where mdoc(7) wants no paragraph macro */
};

/* A character of text that mdoc(7) would read as something else. */
static void put_char(struct out *out, char c, bool line_start)
{
    if (out->man && line_start && (c == '.' || c == '\''))
        fputs("\\&", out->to);
    if (out->man && c == '\\')
        fputs("\\e", out->to);
    else if (!out->man && (c == '*' || c == '<'))
        fprintf(out->to, "\\%c", c);
    else
        fputc(c, out->to);
}

static void put_text(struct out *out, const char *text)
{
    bool code = false, start = true;
    for (; *text; text++) {
        if (out->man && !code && !start && *text == ' ' && text[-1] == '.') {
            fputc('\n', out->to); /* each sentence on a line, as mdoc(7) asks */
            start = true;
            continue;
        }
        if (*text != '`') {
            if (code && !out->man)
                fputc(*text, out->to);
            else
                put_char(out, *text, start);
            start = *text == '\n';
            continue;
        }
        code = !code;
        fputs(!out->man ? "`" : code ? "\\fB" : "\\fP", out->to);
        start = false;
    }
}

static void paragraph(struct out *out, const char *text)
{
    fputs(out->man && !out->fresh ? ".Pp\n" : "", out->to);
    out->fresh = false;
    put_text(out, text);
    fputs(out->man ? "\n" : "\n\n", out->to);
}

static void code_block(struct out *out, const char *text)
{
    fputs(out->man ? ".Bd -literal -offset indent\n" : "```yaml\n", out->to);
    for (bool start = true; *text; start = *text++ == '\n')
        if (out->man)
            put_char(out, *text, start);
        else
            fputc(*text, out->to);
    fputs(out->man ? ".Ed\n" : "```\n\n", out->to);
}

static void section(struct out *out, const char *title)
{
    if (!out->man)
        fprintf(out->to, "## %s\n\n", title);
    else
        fprintf(out->to, ".Sh %s\n", title);
    out->fresh = true;
}

static void list_begin(struct out *out)
{
    fputs(out->man ? ".Bl -tag -width 4n\n" : "", out->to);
}

static void list_end(struct out *out)
{
    fputs(out->man ? ".El\n" : "", out->to);
}

static void put_default(struct out *out, const struct schema_key *key)
{
    const char *gap = out->man ? "\n" : " ";
    if (key->required)
        fprintf(out->to, "%sRequired.", gap);
    else if (key->fallback)
        fprintf(out->to, out->man ? "%sDefault: \\fB%s\\fP." : "%sDefault: `%s`.", gap,
                key->fallback);
    else if (key->fallback_doc) {
        fprintf(out->to, "%sDefault: ", gap);
        put_text(out, key->fallback_doc);
        fputs(".", out->to);
    }
}

static void put_words(struct out *out, const struct schema_key *key)
{
    if (out->man)
        fputs(".Bl -tag -width weighted -compact\n", out->to);
    for (uint32_t i = 0; i < key->n_words; i++) {
        const struct schema_word *word = &key->words[i];
        if (!word->doc)
            continue;
        fprintf(out->to, out->man ? ".It Cm %s\n" : "- `%s`: ", word->text);
        put_text(out, word->doc);
        fputs("\n", out->to);
    }
    fputs(out->man ? ".El\n" : "\n", out->to);
}

static void put_schema(struct out *out, struct arena *arena, const struct schema *schema,
                       const char *path);

static void put_key(struct out *out, struct arena *arena, const struct schema_key *key,
                    const char *path)
{
    const char *full = *path ? arena_printf(arena, "%s.%s", path, key->name) : key->name;
    fprintf(out->to, out->man ? ".It Cm %s\n" : "### `%s`\n\n", full);
    put_text(out, key->doc);
    fputs(out->man ? "\n" : "\n\n", out->to);
    fputs(out->man ? ".Pp\n" : "", out->to);
    fputs("Value: ", out->to);
    put_text(out, schema_expected(arena, key));
    fputs(".", out->to);
    put_default(out, key);
    fputs(out->man ? "\n" : "\n\n", out->to);
    if (key->n_words)
        put_words(out, key);
    if (key->example)
        code_block(out, arena_printf(arena, "%s: %s\n", key->name, key->example));
    if (key->sub)
        put_schema(out, arena, key->sub,
                   key->entry ? arena_printf(arena, "%s.%s", full, key->entry) : full);
}

static void put_schema(struct out *out, struct arena *arena, const struct schema *schema,
                       const char *path)
{
    for (uint32_t i = 0; i < schema->n_keys; i++)
        put_key(out, arena, &schema->keys[i], path);
}

static void chapter(struct out *out, const char *title, const struct schema *schema,
                    const char *path)
{
    struct arena *arena = arena_new();
    section(out, title);
    paragraph(out, schema->doc);
    list_begin(out);
    put_schema(out, arena, schema, path);
    list_end(out);
    arena_free(arena);
}

/* What begins a page: of a manual with its name and one line on it, of the reference its title. */
static void put_head(struct out *out, const char *name, const char *upper, const char *what)
{
    if (out->man)
        fprintf(out->to,
                ".\\\" SPDX-License-Identifier: Apache-2.0\n.\\\" Printed by mkreference from the "
                "tables in src/config: do not edit.\n.Dd November 26, 2026\n.Dt %s 5\n.Os\n"
                ".Sh NAME\n.Nm %s\n.Nd %s\n.Sh DESCRIPTION\n",
                upper, name, what);
    else
        fputs(
            "<!-- SPDX-License-Identifier: Apache-2.0\n     Printed by mkreference from the tables "
            "in src/config: do not edit. -->\n# Configuration reference\n\n",
            out->to);
    out->fresh = true;
}

static void put_intro(struct out *out)
{
    paragraph(out,
              "The server reads `loadstar.yaml` and the files that it names: sites, checks, maps "
              "and pools (here called `pools.yaml`), local balancers (`tiers.yaml`), networks "
              "(`networks.yaml`), and zones.");
    paragraph(out,
              "`loadstard --check -c loadstar.yaml` does exactly what a start or a reload does, "
              "and prints every error of every file as `FILE:LINE:COLUMN: what is wrong, what "
              "was expected`. A reload with an error changes nothing.");
}

static void put_intro_l4(struct out *out)
{
    paragraph(out, "The forwarder reads `l4.yaml`, and files of pools when that names some.");
    paragraph(out,
              "`loadstar-l4 --check -c l4.yaml` does exactly what a start or a reload does, and "
              "prints every error of every file as `FILE:LINE:COLUMN: what is wrong, what was "
              "expected`. A reload with an error changes nothing.");
}

static void put_values(struct out *out)
{
    section(out, out->man ? "VALUES" : "Values");
    paragraph(out,
              "The files are YAML. Which type a value has is decided by its key, not by its looks: "
              "the country NO needs no quotes, and quotes never change a meaning. An IPv6 address "
              "needs quotes where YAML would take its colons for a mapping. Anchors and aliases "
              "work; tags, merge keys and several documents in a file do not. A key that is not "
              "known, or given twice, is an error.");
    paragraph(out,
              "Durations are whole numbers with a unit: `250ms`, `5s`, `10m`, `1h`, `2d`, `1w`. "
              "A bare number is seconds.");
    paragraph(out, "Sizes are bytes; `k`, `M` and `G` are powers of 1024: `64k`, `8M`.");
    paragraph(out, "Shares are `50%` or `0.5`.");
    paragraph(out, "Paths are relative to the file that they stand in.");
    paragraph(out, "Where a list is expected, one item may stand alone: `pools: pools.yaml`.");
    paragraph(out, "A dot in the names of keys below means one mapping inside another; a word in "
                   "capitals stands for a name of your choice.");
}

static void put_zone_files(struct out *out)
{
    section(out, out->man ? "ZONE FILES" : "Zone files");
    paragraph(
        out, "A zone may also be a master file as RFC 1035 5 has it, called `NAME.zone`. All types "
             "that have a name can be used, and unknown ones by RFC 3597 (`TYPE65280 \\# 2 abcd`). "
             "The directives are `$ORIGIN`, `$TTL`, `$INCLUDE PATH [ORIGIN]` and "
             "`$GENERATE START-STOP[/STEP] OWNER [TTL] TYPE DATA`, in which `$` or "
             "`${OFFSET,WIDTH,BASE}` is the number (BASE is d, o, x, X, n or N).");
    paragraph(out,
              "The zone's name is that of the file without `.zone`. `$ORIGIN` before the first "
              "record changes it; after that, or in a file of another name, a SOA that comes first "
              "gives it.");
    paragraph(out,
              "A record without a TTL has that of `$TTL`, else that of the record before it; a "
              "SOA that comes first, its own MINIMUM. Units may be used: `1h30m`.");
    paragraph(out,
              "The type POOL makes a name dynamic. Its TTL is that of the pool, which may "
              "follow the checks, and no `$TTL` changes it; one on its line is fixed and "
              "takes its place. Behind the pool, `ttl=TTL` or `ttl=MIN-MAX` does the same, with "
              "bounds for one that follows the checks, and `answers=N` overrides the pool's "
              "`answers`. With a site, only that site answers, whoever asks:");
    code_block(out, "www     IN POOL www answers=2 ttl=5s-60s\n"
                    "www-ams IN POOL www/ams\n");
}

static void put_tail(struct out *out)
{
    if (out->man)
        fputs(".Sh FILES\nA complete example with comments is in\n.Pa "
              "contrib/doc/loadstar.example.yaml\n"
              "of the source.\n.Sh SEE ALSO\n.Xr loadstar-l4.yaml 5 ,\n.Xr loadstarctl 8 ,\n"
              ".Xr loadstard 8\n",
              out->to);
    else
        fputs("## See also\n\n[loadstar.example.yaml](loadstar.example.yaml) is a complete example "
              "with comments.\n",
              out->to);
}

static void put_tail_l4(struct out *out)
{
    section(out, "FILES");
    fputs("Complete examples with comments are in\n.Pa contrib/example/l4\nof the source.\n",
          out->to);
    section(out, "EXAMPLES");
    paragraph(out, "Below `loadstard`, whose tier of type `l4` says who the members are:");
    code_block(out, "services:\n"
                    "  web: {listen: [\"192.0.2.80:443\"], members: {pool: web-backends}}\n");
    paragraph(out, "Alone, with pools and checks of its own:");
    code_block(out, "pools: pools.yaml\n"
                    "services:\n"
                    "  web: {listen: [\"192.0.2.80:443\"], members: {pool: web, site: ams}}\n"
                    "  dns:\n"
                    "    listen: [\"192.0.2.53:53\"]\n"
                    "    protocol: udp\n"
                    "    members: [10.0.0.53, {address: 10.0.1.53, weight: 2}]\n");
    fputs(".Sh SEE ALSO\n.Xr loadstar.yaml 5 ,\n.Xr loadstar-l4 8 ,\n.Xr loadstarctl 8 ,\n"
          ".Xr loadstard 8\n",
          out->to);
}

static void put_server(struct out *out)
{
    bool man = out->man;
    put_head(out, "loadstar.yaml", "LOADSTAR.YAML", "configuration of the Loadstar DNS server");
    put_intro(out);
    put_values(out);
    chapter(out, man ? "LOADSTAR.YAML" : "loadstar.yaml", &loadstar_schema, "");
    chapter(out, man ? "COOKIE SECRETS" : "The secrets of cookies", &cookie_secrets_schema, "");
    chapter(out, man ? "POOLS.YAML" : "pools.yaml", &pools_schema, "");
    chapter(out, man ? "TIERS.YAML" : "tiers.yaml", &tiers_schema, "");
    chapter(out, man ? "ANYCAST.YAML" : "anycast.yaml", &anycast_schema, "");
    chapter(out, man ? "NETWORKS.YAML" : "networks.yaml", &networks_schema, "NETWORK");
    chapter(out, man ? "ZONES AS YAML" : "Zones as YAML", &zone_schema, "");
    put_zone_files(out);
    if (!man)
        chapter(out, "l4.yaml", &l4_schema, "");
    put_tail(out);
}

static void put_forwarder(struct out *out)
{
    put_head(out, "loadstar-l4.yaml", "LOADSTAR-L4.YAML",
             "configuration of the Loadstar TCP and UDP forwarder");
    put_intro_l4(out);
    put_values(out);
    chapter(out, "L4.YAML", &l4_schema, "");
    put_tail_l4(out);
}

int main(int argc, char **argv)
{
    const char *form = argc == 2 ? argv[1] : "";
    bool l4 = strcmp(form, "man-l4") == 0, man = l4 || strcmp(form, "man") == 0;
    if (!man && strcmp(form, "md") != 0) {
        fprintf(stderr, "usage: mkreference md|man|man-l4\n");
        return 2;
    }
    struct out out = {stdout, man, false};
    if (l4)
        put_forwarder(&out);
    else
        put_server(&out);
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
