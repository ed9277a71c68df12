/* SPDX-License-Identifier: Apache-2.0
 * What prefix sets and speakers must not be: by themselves, together, and among each other. */
#include "config/anycast_draft.h"

#include <stdlib.h>
#include <string.h>

#define WIDE_V4 24
#define WIDE_V6 48

/* ---- one set ---- */

struct span prefix_span(const struct set_draft *d, uint32_t i)
{
    const struct yaml_node *node = yaml_get(d->node, "prefixes");
    return yaml_items(&node).v[i]->span;
}

static void judge_wide(struct load *load, const struct set_draft *d)
{
    const struct prefix_set *s = &d->set;
    char text[IP_PREFIX_TEXT_MAX];
    for (uint32_t i = 0; i < s->n_prefixes && !s->allow_wide; i++) {
        const struct ip_prefix *p = &s->prefixes[i];
        unsigned narrow = p->addr.family == IP_V4 ? WIDE_V4 : WIDE_V6;
        if (p->len < narrow)
            diag_error(load->diags, prefix_span(d, i),
                       "prefix '%s' is wider than /%u, expected one that only this service is in, "
                       "or 'allow: wide'",
                       ip_prefix_text(text, p), narrow);
    }
}

/* The interface is called by the set. */
static void judge_hold(struct load *load, const struct set_draft *d)
{
    static const char usable[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    const struct prefix_set *s = &d->set;
    if (s->hold != ANYCAST_HOLD_TUN)
        return;
    if (strlen(s->name) > PREFIX_SET_NAME_MAX || s->name[strspn(s->name, usable)])
        diag_error(load->diags, s->span,
                   "prefix set '%s' is held by an interface 'ls-%s', expected a name of 1 to %d "
                   "letters, digits, '-' or '_', or 'hold: none'",
                   s->name, s->name, PREFIX_SET_NAME_MAX);
    if (s->interface)
        diag_error(load->diags, s->interface_at,
                   "'interface' has no meaning with 'hold: tun', whose interface is ls-%s, "
                   "expected it with 'hold: none'",
                   s->name);
}

static bool says_nothing(const struct yaml_node *node)
{
    return node && node->kind == YAML_MAP && node->n == 0 && !node->incomplete;
}

static void judge_needs(struct load *load, const struct set_draft *d)
{
    static const char *const keys[] = {"when", "full", "degraded"};
    const struct yaml_node *full = yaml_get(d->node, "full"),
                           *degraded = yaml_get(d->node, "degraded");
    const struct anycast_attributes *a = &d->set.degraded;
    bool changes = a->prepend || a->has_med || a->n_communities;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (says_nothing(yaml_get(d->node, keys[i])))
            diag_error(load->diags, yaml_get(d->node, keys[i])->span,
                       "'%s' says nothing, expected %s", keys[i],
                       i == 2 ? "prepend, med or communities" : "pools, checks or both");
    if (full && !changes)
        diag_warning(load->diags, full->span,
                     "'full' changes nothing: 'degraded' has no prepend, med or communities");
    if (degraded && changes && !full)
        diag_warning(load->diags, degraded->span,
                     "'degraded' is never used: nothing is said in 'full'");
}

static void judge_shutdown(struct load *load, const struct set_draft *d)
{
    const struct yaml_node *time = yaml_get(d->node, "drain_time");
    if (time && d->set.shutdown == ANYCAST_IMMEDIATE)
        diag_error(load->diags, time->span,
                   "'drain_time' has no meaning with 'shutdown: immediate', expected it with "
                   "graceful");
}

static void judge_communities(struct load *load, const struct set_draft *d)
{
    uint32_t n = d->set.n_communities + d->set.degraded.n_communities;
    if (n > COMMUNITIES_MAX)
        diag_error(load->diags, d->set.span,
                   "prefix set '%s' has %u communities with those of 'degraded', expected at most "
                   "%d",
                   d->set.name, n, COMMUNITIES_MAX);
}

/* ---- a set and its speaker ---- */

static bool has_family(const struct prefix_set *s, enum ip_family family)
{
    for (uint32_t i = 0; i < s->n_prefixes; i++)
        if (s->prefixes[i].addr.family == family)
            return true;
    return false;
}

/* FRR and GoBGP tell their AS, and who is run by `exec` knows it. */
static void judge_prepend(struct load *load, const struct set_draft *d, const struct speaker *sp)
{
    bool must_be_told = sp->type == SPEAKER_BIRD || sp->type == SPEAKER_EXABGP;
    if (!d->set.degraded.prepend || sp->as || !must_be_told)
        return;
    const struct yaml_node *degraded = yaml_get(d->node, "degraded");
    diag_error(load->diags, yaml_get(degraded, "prepend")->span,
               "'prepend' takes the AS, which speaker '%s' at %s:%u:%u does not say, expected 'as' "
               "there",
               sp->name, sp->span.file, sp->span.line, sp->span.column);
    diag_also(load->diags, sp->span, "the speaker");
}

static void judge_bird_name(struct load *load, const struct set_draft *d, const struct speaker *sp)
{
    size_t n = strlen(d->set.name);
    if (sp->type == SPEAKER_BIRD && n > PREFIX_SET_BIRD_NAME_MAX)
        diag_error(
            load->diags, d->set.span,
            "prefix set '%s' has a name of %zu characters, expected at most %d, as protocols "
            "of BIRD are named by it",
            d->set.name, n, PREFIX_SET_BIRD_NAME_MAX);
}

static void judge_next_hop(struct load *load, const struct set_draft *d, const struct speaker *sp)
{
    static const enum ip_family families[] = {IP_V4, IP_V6};
    const struct prefix_set *s = &d->set;
    const struct yaml_node *node = yaml_get(d->node, "next_hop");
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        bool v4 = families[i] == IP_V4;
        const struct ip *own = v4 ? &s->next_hop_v4 : &s->next_hop_v6,
                        *of_speaker = v4 ? &sp->next_hop_v4 : &sp->next_hop_v6;
        bool has = has_family(s, families[i]);
        if (!s->next_hop_self && has && !own->family)
            diag_error(load->diags, node->span,
                       "'next_hop' has no IPv%d address, and prefix set '%s' has IPv%d prefixes, "
                       "expected one of each family, or self",
                       families[i], s->name, families[i]);
        else if (!s->next_hop_self && !has && own->family)
            diag_error(load->diags, node->span,
                       "'next_hop' has an IPv%d address, but prefix set '%s' no IPv%d prefix",
                       families[i], s->name, families[i]);
        else if (s->next_hop_self && has && !v4 && !of_speaker->family && sp->type == SPEAKER_GOBGP)
            diag_error(load->diags, s->span,
                       "prefix set '%s' has IPv6 prefixes, for which speaker '%s' of type gobgp "
                       "needs an address, expected 'next_hop' in one of them",
                       s->name, sp->name);
    }
}

void set_judge(struct load *load, struct set_draft *d)
{
    judge_wide(load, d);
    judge_hold(load, d);
    judge_needs(load, d);
    judge_shutdown(load, d);
    judge_communities(load, d);
    if (d->set.speaker == MODEL_NONE)
        return;
    const struct speaker *sp = &load->model->speakers[d->set.speaker];
    judge_bird_name(load, d, sp);
    judge_prepend(load, d, sp);
    judge_next_hop(load, d, sp);
}

/* ---- sets among each other ---- */

void sets_judge(struct load *load, const struct set_draft *v, uint32_t n)
{
    struct strmap seen = {0};
    VEC(uint32_t) sets = {0}; /* by number in `seen` */
    for (uint32_t i = 0; i < n; i++) {
        const struct prefix_set *s = &v[i].set;
        for (uint32_t k = 0; k < s->n_prefixes; k++) {
            const struct ip_prefix *p = &s->prefixes[k];
            uint32_t first = strmap_add(&seen, slice_of(p, sizeof *p), (uint32_t)sets.n);
            char text[IP_PREFIX_TEXT_MAX];
            if (first == sets.n) {
                *vec_push(&sets) = i;
                continue;
            }
            const struct prefix_set *o = &v[sets.v[first]].set;
            if (o == s) {
                diag_error(load->diags, prefix_span(&v[i], k), "prefix '%s' is listed twice",
                           ip_prefix_text(text, p));
                continue;
            }
            diag_error(load->diags, prefix_span(&v[i], k),
                       "prefix sets '%s' and '%s' (%s:%u:%u) both have '%s', expected it in one",
                       s->name, o->name, o->span.file, o->span.line, o->span.column,
                       ip_prefix_text(text, p));
            diag_also(load->diags, o->span, "the other");
        }
    }
    vec_free(&sets);
    strmap_free(&seen);
}

/* ---- speakers among each other ---- */

struct claims {
    struct load *load;
    struct strmap seen; /* what is driven -> the speaker */
};

/* `key` is what it really is, `what` how messages call it. */
static void claim(struct claims *claims, uint32_t speaker, struct span at, const char *key,
                  const char *what)
{
    const struct speaker *v = claims->load->model->speakers, *s = &v[speaker];
    uint32_t first = strmap_add(&claims->seen, slice_str(key), speaker);
    if (first == speaker)
        return;
    const struct speaker *o = &v[first];
    diag_error(claims->load->diags, at,
               "speakers '%s' and '%s' (%s:%u:%u) both have %s, expected one speaker for it",
               s->name, o->name, o->span.file, o->span.line, o->span.column, what);
    diag_also(claims->load->diags, o->span, "the other");
}

static void claim_path(struct claims *claims, uint32_t speaker, struct span at, const char *kind,
                       const char *path)
{
    if (!path)
        return;
    const char *real = written_file_real(claims->load, path);
    claim(claims, speaker, at, real ? real : path,
          arena_printf(claims->load->scratch, "%s '%s'", kind, path));
}

/* Whole commands: the same client may be told of different daemons. */
static void claim_command(struct claims *claims, uint32_t speaker)
{
    const struct speaker *s = &claims->load->model->speakers[speaker];
    const char *text = "the command";
    for (const char *const *word = s->command; *word; word++)
        text = arena_printf(claims->load->scratch, "%s '%s'", text, *word);
    claim(claims, speaker, s->command_at, text, text);
}

/* Where `loadstarctl exabgp` connects, and where it asks. */
static void refuse_control(struct load *load, const struct speaker *s)
{
    const char *control = load->model->control;
    const char *real = control && s->socket ? written_file_real(load, s->socket) : NULL;
    const char *other = real ? written_file_real(load, control) : NULL;
    if (other && strcmp(real, other) == 0)
        diag_error(load->diags, s->socket_at,
                   "'socket' '%s' of speaker '%s' is the one of 'control', expected one of its own",
                   s->socket, s->name);
}

/* Written in two ways; the same text is told where it is read. */
static void refuse_one_fifo(struct load *load, const struct speaker *s)
{
    const char *to = s->exabgp.to ? written_file_real(load, s->exabgp.to) : NULL;
    const char *from = s->exabgp.from ? written_file_real(load, s->exabgp.from) : NULL;
    if (to && from && strcmp(to, from) == 0 && strcmp(s->exabgp.to, s->exabgp.from) != 0)
        diag_error(load->diags, s->exabgp.from_at, "'from' is the FIFO of 'to', expected two");
}

static void claim_file(struct claims *claims, uint32_t speaker)
{
    struct load *load = claims->load;
    const struct speaker *s = &load->model->speakers[speaker];
    const char *path = written_file_judge(load, s->file, s->file_at);
    if (path)
        claim(claims, speaker, s->file_at, path,
              arena_printf(load->scratch, "the file '%s'", s->file));
    for (uint32_t i = 0; path && i < load->model->n_tiers; i++) {
        const struct tier *t = &load->model->tiers[i];
        const char *other = t->file ? written_file_real(load, t->file) : NULL;
        if (!other || strcmp(other, path) != 0)
            continue;
        diag_error(load->diags, s->file_at,
                   "speaker '%s' and tier '%s' (%s:%u:%u) both have the file '%s', expected one of "
                   "its own",
                   s->name, t->name, t->file_at.file, t->file_at.line, t->file_at.column, s->file);
        diag_also(load->diags, t->file_at, "the tier's");
    }
}

void speakers_judge(struct load *load)
{
    const struct model *m = load->model;
    struct claims claims = {.load = load};
    for (uint32_t i = 0; i < m->n_speakers; i++) {
        const struct speaker *s = &m->speakers[i];
        claim_path(&claims, i, s->socket_at, "the socket", s->socket);
        refuse_control(load, s);
        refuse_one_fifo(load, s);
        claim_path(&claims, i, s->exabgp.to_at, "the FIFO", s->exabgp.to);
        claim_path(&claims, i, s->exabgp.from_at, "the FIFO", s->exabgp.from);
        if (s->command && s->type != SPEAKER_EXEC)
            claim_command(&claims, i);
        if (s->file)
            claim_file(&claims, i);
    }
    strmap_free(&claims.seen);
}
