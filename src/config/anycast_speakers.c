/* SPDX-License-Identifier: Apache-2.0
 * BGP speakers: how each is reached. */
#include "config/anycast_draft.h"

#include <string.h>
#include <sys/un.h>

#define FRR_SOCKET "/run/frr/bgpd.vty"

static const struct schema_word speaker_types[] = {SPEAKER_TYPES(SCHEMA_WORD_OF)};
static const struct schema_word via_words[] = {
    {"process", EXABGP_PROCESS,
     "ExaBGP runs `loadstarctl exabgp SPEAKER`, which withdraws all when loadstard is gone"},
    {"fifo", EXABGP_FIFO, "by the FIFOs that ExaBGP makes"},
};

static const struct schema_key speaker_keys[] = {
    {.name = "type",
     .kind = SCHEMA_WORD,
     .required = true,
     .offset = SPEAKER_DRAFT(speaker.type),
     SCHEMA_WORDS(speaker_types),
     .doc = "What speaker it is.",
     .example = "bird"},
    {.name = "socket",
     .kind = SCHEMA_PATH,
     .offset = SPEAKER_DRAFT(speaker.socket),
     .at = SPEAKER_DRAFT(speaker.socket_at),
     .fallback_doc = "`frr` without `vtysh`: `" FRR_SOCKET "`; `exabgp` as a process: "
                     "exabgp-NAME.sock beside the socket of `control`; required for `bird`",
     .doc = "For `bird`: its control socket. For `frr`: the vty socket of bgpd. For `exabgp` with "
            "`via: process`: where `loadstarctl exabgp` connects.",
     .example = "/run/bird/bird.ctl"},
    {.name = "file",
     .kind = SCHEMA_PATH,
     .offset = SPEAKER_DRAFT(speaker.file),
     .at = SPEAKER_DRAFT(speaker.file_at),
     .fallback_doc = "none; required for `bird`",
     .doc = "For `bird`: a file that its configuration includes. Only Loadstar writes it.",
     .example = "/etc/bird/loadstar.conf"},
    {.name = "via",
     .kind = SCHEMA_WORD,
     .offset = SPEAKER_DRAFT(speaker.exabgp.via),
     SCHEMA_WORDS(via_words),
     .fallback = "process",
     .doc = "For `exabgp`: how its API is reached.",
     .example = "fifo"},
    {.name = "to",
     .kind = SCHEMA_PATH,
     .offset = SPEAKER_DRAFT(speaker.exabgp.to),
     .at = SPEAKER_DRAFT(speaker.exabgp.to_at),
     .fallback_doc = "none; required with `via: fifo`",
     .doc = "For `exabgp` with `via: fifo`: the FIFO that takes commands.",
     .example = "/run/exabgp/exabgp.in"},
    {.name = "from",
     .kind = SCHEMA_PATH,
     .offset = SPEAKER_DRAFT(speaker.exabgp.from),
     .at = SPEAKER_DRAFT(speaker.exabgp.from_at),
     .fallback_doc = "none; required with `via: fifo`",
     .doc = "For `exabgp` with `via: fifo`: the FIFO that its answers come from.",
     .example = "/run/exabgp/exabgp.out"},
    {.name = "vtysh",
     .kind = SCHEMA_STRINGS,
     .offset = SPEAKER_DRAFT(vtysh),
     .at = SPEAKER_DRAFT(speaker.command_at),
     .fallback_doc = "none: only by `socket`",
     .doc = "For `frr`: the vtysh command and its arguments, instead of `socket`, or beside it for "
            "when that cannot be reached.",
     .example = "[vtysh]"},
    {.name = "command",
     .kind = SCHEMA_STRINGS,
     .offset = SPEAKER_DRAFT(command),
     .at = SPEAKER_DRAFT(speaker.command_at),
     .fallback_doc = "`gobgp`: [gobgp]; required for `exec`",
     .doc = "For `gobgp`: its command line client and its arguments. For `exec`: the program that "
            "gets what is to be announced as JSON on its standard input. Run without a shell.",
     .example = "[gobgp, --target, \"unix:///run/gobgp.sock\"]"},
    {.name = "as",
     .kind = SCHEMA_CUSTOM,
     .offset = SPEAKER_DRAFT(speaker.as),
     .read = as_number_read,
     .type = "a whole number from 1 to 4294967294",
     .fallback_doc = "that of the speaker, for `frr` and `gobgp`, which tell it; else none",
     .doc = "The AS of this site, which `prepend` puts before paths: required for that by `bird` "
            "and `exabgp`. For `frr` and `gobgp`: refused by them when theirs is another.",
     .example = "65001"},
    {.name = "next_hop",
     .kind = SCHEMA_CUSTOM,
     .read = speaker_next_hop_read,
     .type = "an address, or a list of an IPv4 and an IPv6 address",
     .fallback_doc = "the speaker's own address",
     .doc = "What `next_hop: self` of a set stands for. GoBGP needs it for IPv6.",
     .example = "[198.51.100.53, \"2001:db8:1::53\"]"},
    {.name = "interval",
     .kind = SCHEMA_MS,
     .offset = SPEAKER_DRAFT(speaker.interval_ms),
     .min = 100,
     .max = 3600 * 1000,
     .fallback = "10s",
     .doc = "How often what it has is read back, beside every change.",
     .example = "30s"},
    {.name = "timeout",
     .kind = SCHEMA_MS,
     .offset = SPEAKER_DRAFT(speaker.timeout_ms),
     .min = 100,
     .max = 5 * 60 * 1000,
     .fallback = "5s",
     .doc = "A command or an answer that takes longer has failed.",
     .example = "10s"},
};
const struct schema speaker_schema = {.title = "speaker",
                                      .doc = "A BGP speaker that announces for this node.",
                                      SCHEMA_KEYS(speaker_keys)};

/* ---- which keys belong to which type ---- */

#define BIRD (1u << SPEAKER_BIRD)
#define EXABGP (1u << SPEAKER_EXABGP)
#define FRR (1u << SPEAKER_FRR)
#define GOBGP (1u << SPEAKER_GOBGP)
#define EXEC (1u << SPEAKER_EXEC)

static const struct key_use {
    const char *key;
    unsigned types, required; /* bits 1 << enum speaker_type */
    const char *with;         /* where else it belongs */
    const char *expected;
} uses[] = {
    {"socket", BIRD | EXABGP | FRR, BIRD, "bird, frr or exabgp", "the path of BIRD's socket"},
    {"file", BIRD, BIRD, "bird", "the path of a file that BIRD includes"},
    {"via", EXABGP, 0, "exabgp", NULL},
    {"to", EXABGP, 0, "exabgp", NULL},
    {"from", EXABGP, 0, "exabgp", NULL},
    {"vtysh", FRR, 0, "frr", NULL},
    {"command", GOBGP | EXEC, EXEC, "gobgp or exec", "a list: [PROGRAM, ARGUMENT...]"},
};

static void judge_keys(struct load *load, const struct speaker_draft *d)
{
    const struct speaker *s = &d->speaker;
    const char *type = speaker_type_word(s->type);
    for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
        const struct yaml_node *value = yaml_get(d->node, uses[i].key);
        if (value && !(uses[i].types >> s->type & 1))
            diag_error(load->diags, value->span,
                       "'%s' has no meaning for a speaker of type %s, expected it with type %s",
                       uses[i].key, type, uses[i].with);
        else if (!value && uses[i].required >> s->type & 1)
            diag_error(load->diags, d->node->span,
                       "speaker '%s' of type %s has no '%s', expected %s", s->name, type,
                       uses[i].key, uses[i].expected);
    }
}

static void judge_exabgp(struct load *load, const struct speaker_draft *d)
{
    static const char *const fifos[] = {"to", "from"};
    bool fifo = d->speaker.exabgp.via == EXABGP_FIFO;
    const struct yaml_node *socket = yaml_get(d->node, "socket");
    for (size_t i = 0; i < ARRAY_LEN(fifos); i++) {
        const struct yaml_node *value = yaml_get(d->node, fifos[i]);
        if (fifo && !value)
            diag_error(load->diags, d->node->span,
                       "speaker '%s' via fifo has no '%s', expected the path of a FIFO",
                       d->speaker.name, fifos[i]);
        else if (!fifo && value)
            diag_error(load->diags, value->span,
                       "'%s' has no meaning with 'via: process', expected it with 'via: fifo'",
                       fifos[i]);
    }
    if (fifo && socket)
        diag_error(load->diags, socket->span,
                   "'socket' has no meaning with 'via: fifo', expected it with 'via: process'");
    const char *to = d->speaker.exabgp.to, *from = d->speaker.exabgp.from;
    if (fifo && to && from && strcmp(to, from) == 0)
        diag_error(load->diags, yaml_get(d->node, "from")->span,
                   "'from' is the FIFO of 'to', expected two");
}

/* ---- what follows from several keys ---- */

/* Beside the control socket, so that who may use that can run `loadstarctl exabgp`. */
static void default_exabgp_socket(struct load *load, struct speaker *s)
{
    const char *control = load->model->control, *slash = control ? strrchr(control, '/') : NULL;
    if (!control) {
        if (load->main_is_sound)
            diag_error(load->diags, s->span,
                       "speaker '%s' has no 'socket', and there is no 'control' in '%s' beside "
                       "which it would be, expected either",
                       s->name, load->model->path);
        return;
    }
    s->socket = arena_printf(load->arena, "%.*sexabgp-%s.sock",
                             slash ? (int)(slash + 1 - control) : 0, control, s->name);
    s->socket_at = s->span;
}

static void settle(struct load *load, struct speaker_draft *d)
{
    static const char *const gobgp[] = {"gobgp", NULL};
    const struct yaml_node *vtysh = yaml_get(d->node, "vtysh"),
                           *command = yaml_get(d->node, "command");
    struct speaker *s = &d->speaker;
    struct sockaddr_un address;
    if (command)
        s->command = command_of(load, command, d->command);
    if (vtysh)
        s->command = command_of(load, vtysh, d->vtysh);
    if (s->type == SPEAKER_GOBGP && !s->command) {
        s->command = gobgp;
        s->command_at = s->span;
    }
    if (s->type == SPEAKER_EXABGP && s->exabgp.via == EXABGP_PROCESS && !s->socket)
        default_exabgp_socket(load, s);
    if (s->type == SPEAKER_FRR && !s->socket && !s->command) {
        s->socket = FRR_SOCKET;
        s->socket_at = s->span;
    }
    if (s->socket && strlen(s->socket) >= sizeof address.sun_path)
        diag_error(load->diags, s->socket_at,
                   "'socket' is '%s', expected a path of at most %zu bytes", s->socket,
                   sizeof address.sun_path - 1);
}

void speakers_read(struct load *load)
{
    uint32_t n = (uint32_t)load->speakers.n;
    struct speaker *v = arena_calloc(load->arena, n, sizeof *v);
    for (uint32_t i = 0; i < n; i++) {
        const struct definition *def = &load->speakers.v[i];
        unsigned errors = load->diags->n_errors;
        struct speaker_draft d = {.node = def->value,
                                  .speaker = {.name = def->name, .span = def->key->span}};
        schema_read_named(load, &speaker_schema, def->name, def->value, &d);
        if (load->diags->n_errors == errors) {
            judge_keys(load, &d);
            if (d.speaker.type == SPEAKER_EXABGP)
                judge_exabgp(load, &d);
        }
        if (load->diags->n_errors == errors)
            settle(load, &d);
        v[i] = d.speaker;
    }
    load->model->speakers = v;
    load->model->n_speakers = n;
}
