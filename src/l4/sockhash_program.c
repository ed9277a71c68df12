/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * The verdict on a segment. As C it would be:
 *
 *     key = cookie of the socket; n = bytes of the segment
 *     if (n == 0) DROP                         an end that came alone, and is known
 *     way = ways[key]; if (!way) PASS
 *     if (way->passed || !orders[key] || !(other = targets[key])) goto pass
 *     if (way->redirected == 0) way->begin = other->write_seq
 *     if ((u32)(way->begin + way->redirected - other->snd_una) + n > SOCKHASH_WINDOW) goto pass
 *     way->redirected += n; REDIRECT to targets[key]
 *     pass: way->passed += n; PASS
 *
 * Under the socket's lock: for one socket there is one at a time. Registers 6 to 9 outlive calls;
 * 10 is the end of the stack. Jumps are to labels, which are put in at the end. */
#include "l4/sockhash_program.h"

#include <assert.h>
#include <stddef.h>

enum label { NEXT, PASS, COUNT_AND_PASS, RELEASE, DROP, BEGUN, LABELS };

struct writer {
    struct bpf_insn *out;
    uint32_t n;
    uint32_t at[LABELS];
};

enum { R0, R1, R2, R3, R4, CTX = 6, WAY = 7, SIZE = 8, OTHER = 9, STACK = 10 };
enum { KEY = -8, ACKED = -16, WRITTEN = -24 }; /* on the stack */

static void put(struct writer *w, unsigned code, unsigned to, unsigned from, int offset, int32_t n)
{
    assert(w->n < SOCKHASH_PROGRAM_MAX);
    w->out[w->n++] = (struct bpf_insn){.code = (uint8_t)code,
                                       .dst_reg = to & 15,
                                       .src_reg = from & 15,
                                       .off = (int16_t)offset,
                                       .imm = n};
}

static void move(struct writer *w, unsigned to, unsigned from)
{
    put(w, BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

static void set(struct writer *w, unsigned to, int32_t n)
{
    put(w, BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, n);
}

static void add(struct writer *w, unsigned to, unsigned from)
{
    put(w, BPF_ALU64 | BPF_ADD | BPF_X, to, from, 0, 0);
}

static void load(struct writer *w, unsigned size, unsigned to, unsigned from, int offset)
{
    put(w, BPF_LDX | BPF_MEM | size, to, from, offset, 0);
}

static void store(struct writer *w, unsigned to, int offset, unsigned from)
{
    put(w, BPF_STX | BPF_MEM | BPF_DW, to, from, offset, 0);
}

/* `n` holds the label until link_labels(). */
static void jump(struct writer *w, unsigned condition, unsigned reg, int32_t n, enum label label)
{
    put(w, BPF_JMP | condition | BPF_K, reg, 0, (int)label, n);
}

static void label(struct writer *w, enum label label)
{
    w->at[label] = w->n;
}

static void call(struct writer *w, enum bpf_func_id helper)
{
    put(w, BPF_JMP | BPF_CALL, 0, 0, 0, (int32_t)helper);
}

static void end(struct writer *w, int32_t verdict)
{
    set(w, R0, verdict);
    put(w, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void load_map(struct writer *w, unsigned to, int fd)
{
    put(w, BPF_LD | BPF_IMM | BPF_DW, to, BPF_PSEUDO_MAP_FD, 0, fd);
    put(w, 0, 0, 0, 0, 0);
}

static void load_key_address(struct writer *w, unsigned to)
{
    move(w, to, STACK);
    put(w, BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, KEY);
}

/* R0: what is there, or 0. */
static void look_up(struct writer *w, int map, enum label none)
{
    load_map(w, R1, map);
    load_key_address(w, R2);
    call(w, BPF_FUNC_map_lookup_elem);
    jump(w, BPF_JEQ, R0, 0, none);
}

static void find_way(struct writer *w, const int maps[])
{
    move(w, CTX, R1);
    call(w, BPF_FUNC_get_socket_cookie);
    store(w, STACK, KEY, R0);
    load(w, BPF_W, SIZE, CTX, offsetof(struct __sk_buff, len));
    jump(w, BPF_JEQ, SIZE, 0, DROP);
    look_up(w, maps[SOCKHASH_WAYS], PASS);
    move(w, WAY, R0);
    load(w, BPF_DW, R1, WAY, offsetof(struct sockhash_way, passed));
    jump(w, BPF_JNE, R1, 0, COUNT_AND_PASS);
    look_up(w, maps[SOCKHASH_ORDERS], COUNT_AND_PASS);
}

/* The socket that was found is held, and let go of before anything else. */
static void find_target(struct writer *w, const int maps[], const struct sockhash_offsets *offsets)
{
    look_up(w, maps[SOCKHASH_TARGETS], COUNT_AND_PASS);
    move(w, OTHER, R0);
    move(w, R1, R0);
    call(w, BPF_FUNC_skc_to_tcp_sock);
    jump(w, BPF_JEQ, R0, 0, RELEASE);
    load(w, BPF_W, R1, R0, offsets->snd_una);
    load(w, BPF_W, R2, R0, offsets->write_seq);
    store(w, STACK, ACKED, R1);
    store(w, STACK, WRITTEN, R2);
    move(w, R1, OTHER);
    call(w, BPF_FUNC_sk_release);
}

/* R1: what was redirected before. Sequence numbers are of 32 bits. */
static void judge_window(struct writer *w)
{
    load(w, BPF_DW, R1, WAY, offsetof(struct sockhash_way, redirected));
    load(w, BPF_DW, R2, STACK, ACKED);
    jump(w, BPF_JNE, R1, 0, BEGUN);
    load(w, BPF_DW, R3, STACK, WRITTEN);
    store(w, WAY, offsetof(struct sockhash_way, begin), R3);
    label(w, BEGUN);
    load(w, BPF_DW, R4, WAY, offsetof(struct sockhash_way, begin));
    add(w, R4, R1);
    put(w, BPF_ALU64 | BPF_SUB | BPF_X, R4, R2, 0, 0);
    put(w, BPF_ALU | BPF_MOV | BPF_X, R4, R4, 0, 0); /* the lower half */
    add(w, R4, SIZE);
    jump(w, BPF_JGT, R4, SOCKHASH_WINDOW, COUNT_AND_PASS);
}

static void redirect(struct writer *w, const int maps[])
{
    add(w, R1, SIZE);
    store(w, WAY, offsetof(struct sockhash_way, redirected), R1);
    move(w, R1, CTX);
    load_map(w, R2, maps[SOCKHASH_TARGETS]);
    load_key_address(w, R3);
    set(w, R4, 0);
    call(w, BPF_FUNC_sk_redirect_hash);
    put(w, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void write_ends(struct writer *w)
{
    label(w, RELEASE);
    move(w, R1, OTHER);
    call(w, BPF_FUNC_sk_release);
    label(w, COUNT_AND_PASS);
    load(w, BPF_DW, R1, WAY, offsetof(struct sockhash_way, passed));
    add(w, R1, SIZE);
    store(w, WAY, offsetof(struct sockhash_way, passed), R1);
    label(w, PASS);
    end(w, SK_PASS);
    label(w, DROP);
    end(w, SK_DROP);
}

static bool is_conditional(const struct bpf_insn *insn)
{
    unsigned op = BPF_OP(insn->code);
    return BPF_CLASS(insn->code) == BPF_JMP && op != BPF_CALL && op != BPF_EXIT;
}

static void link_labels(const struct writer *w)
{
    for (uint32_t i = 0; i < w->n; i++)
        if (is_conditional(&w->out[i]))
            w->out[i].off = (int16_t)(w->at[w->out[i].off] - i - 1);
}

uint32_t sockhash_program(struct bpf_insn out[SOCKHASH_PROGRAM_MAX], const int maps[SOCKHASH_MAPS],
                          const struct sockhash_offsets *offsets)
{
    struct writer w = {.out = out};
    find_way(&w, maps);
    find_target(&w, maps, offsets);
    judge_window(&w);
    redirect(&w, maps);
    write_ends(&w);
    link_labels(&w);
    return w.n;
}
