/* SPDX-License-Identifier: Apache-2.0
 * The state machine of a prefix set: a table of situations, each a script. It starts down, at 0 ms
 * of the script, with nothing known, a rise of 10 s, a fall of 2 s and a drain of 30 s.
 *
 *   self +-?   when +-   full +-   known 0|1   real +~-?   (~: present, with other attributes)
 *   frozen 0|1   hook 0|1   stop 0|1   order auto|announce|force|withdraw|drain   forced 0|1
 *   rise|fall|drain MS   graceful 0|1            timing
 *   good         self, when and full hold and are known, real is absent
 *   announced    good, and 10 s later
 *   bounce N     self fails and holds again N times, each time until it is announced
 *   t MS         so much later, stepped whenever it is due meanwhile
 *   skip MS      so much later, not stepped meanwhile
 *   is STATE   moves N   gone N (withdrawals)   degraded|adopted 0|1
 *   left TIMER MS   timers NAME,NAME|-   hold MS   since MS (ago) */
#include "anycast/announcer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *name, *script;
} situations[] = {
    /* the beginning */
    {"nothing is known", "is down timers - t 100000 is down moves 0"},
    {"all holds",
     "good is holding left hold 10000 since 0 t 9999 is holding left hold 1 since 9999 "
     "t 1 is announced timers - since 0 moves 2 gone 0"},
    {"self is not known", "good self ? is down t 60000 is down"},
    {"self is dead", "good self - is down t 60000 is down"},
    {"needs are not known", "good known 0 is down t 60000 is down"},
    {"needs do not hold", "good when - is down t 60000 is down"},
    {"full does not hold: degraded from the start", "good full - t 10000 is degraded moves 2"},
    {"what the speaker has is not known: no matter", "good real ? t 10000 is announced adopted 0"},
    {"no rise at all", "rise 0 good is announced moves 1 timers -"},
    {"no rise at all, and not full", "rise 0 good full - is degraded moves 1 timers -"},
    {"a step that comes late", "good is holding skip 25000 is announced since 0"},
    /* holding */
    {"self dies while holding",
     "good t 9000 self - is down timers - gone 0 self + is holding left hold 10000"},
    {"needs fail while holding",
     "good t 9000 when - is down when + t 9999 is holding t 1 is announced"},
    {"needs flap: the hold begins anew each time",
     "good t 9000 when - t 1 when + t 9000 when - t 1 when + t 9000 is holding"},
    {"self is not known any more: the hold begins anew",
     "good t 9000 self ? is holding timers wait left wait 30000 self + left hold 10000 t 10000 is "
     "announced"},
    {"needs are not known any more",
     "good t 9000 known 0 is holding t 29999 is holding t 1 is down moves 2 timers -"},
    {"unknown, then failed", "good t 9000 known 0 t 10 known 1 when - is down"},
    {"frozen while holding: begins anew after",
     "good t 9000 frozen 1 is holding timers - t 600000 is holding frozen 0 left hold 10000 t "
     "10000 is announced"},
    {"frozen, and self dies", "good t 9000 frozen 1 t 1 self - is down"},
    {"frozen while down: nothing begins", "good frozen 1 t 60000 is down frozen 0 is holding"},
    {"full is judged at the end of the hold",
     "good t 5000 full - t 4000 full + t 1000 is announced degraded 0"},
    {"ordered away while holding", "good t 5000 order drain is down order auto is holding left "
                                   "hold 10000 order withdraw is down gone 0"},
    {"stopping while holding", "good t 5000 stop 1 is down t 60000 is down"},
    /* falling */
    {"needs fail", "announced when - is announced left fall 2000 t 1999 is announced t 1 is down "
                   "gone 1 since 0 timers -"},
    {"needs fail for less",
     "announced when - t 1999 when + is announced timers - t 60000 is announced gone 0"},
    {"needs flap each second", "announced when - t 1000 when + t 1000 when - t 1000 when + t 1000 "
                               "when - t 1000 when + t 1000 is announced moves 2"},
    {"no fall: at once", "fall 0 announced when - is down gone 1"},
    {"self dies: at once", "announced self - is down gone 1 timers -"},
    {"self dies while needs fall", "announced when - t 1000 self - is down gone 1"},
    {"self dies while degraded",
     "good full - t 10000 is degraded self - is down gone 1 degraded 0"},
    {"self dies for a moment: held again",
     "announced self - is down self + is holding left hold 10000 t 10000 is announced gone 1"},
    {"needs and full fail together: withdrawn, never degraded",
     "announced when - full - t 2000 is down moves 3"},
    {"degraded on the way to withdrawn",
     "announced full - t 1000 when - t 1000 is degraded left fall 1000 t 1000 is down"},
    {"real goes: no change of state",
     "announced real + t 1000 real - t 60000 is announced real ? t 1000 is announced moves 2"},
    /* not known any more, as after a reload */
    {"self is not known while announced",
     "announced self ? is announced left wait 30000 t 29999 is announced t 1 is down gone 1"},
    {"self is known again in time",
     "announced self ? t 29999 self + is announced timers - t 60000 is announced"},
    {"needs are not known while announced",
     "announced known 0 when - is announced left wait 30000 timers wait t 30000 is announced left "
     "fall 2000 timers fall t 2000 is down gone 1"},
    {"needs are known again at the last",
     "announced known 0 t 31999 known 1 is announced timers - t 60000 is announced"},
    {"known again, and failed",
     "announced known 0 t 29000 known 1 when - left fall 2000 timers fall t 2000 is down"},
    {"not known after it failed: begins anew",
     "announced when - t 1999 known 0 is announced timers wait known 1 left fall 2000"},
    {"not known again: waited for again",
     "announced known 0 t 31000 known 1 t 1 known 0 left wait 30000 timers wait"},
    {"one after the other: waited for once",
     "announced known 0 t 20000 self ? known 1 left wait 10000"},
    {"not known while frozen: waited for after",
     "announced frozen 1 known 0 t 60000 is announced timers - frozen 0 left wait 30000"},
    {"degraded while needs are not known: stays",
     "good full - t 10000 is degraded known 0 full + t 20000 is degraded timers wait"},
    {"not known, and dead by order of nobody: overdue ends with it",
     "announced self ? t 30000 is down self + is holding left hold 10000"},
    /* degraded */
    {"full fails", "announced full - left full 2000 t 1999 is announced t 1 is degraded degraded 1 "
                   "gone 0 timers -"},
    {"full fails for less", "announced full - t 1999 full + timers - t 9000 is announced moves 2"},
    {"full holds again", "announced full - t 2000 full + is degraded left full 10000 t 9999 is "
                         "degraded t 1 is announced degraded 0 gone 0 moves 4"},
    {"full flaps: stays degraded",
     "announced full - t 2000 full + t 9000 full - t 1 full + t 9000 is degraded moves 3"},
    {"needs fail while degraded",
     "announced full - t 2000 when - t 2000 is down gone 1 degraded 0"},
    {"degraded before, but full after the hold",
     "announced full - t 2000 self - is down self + full + t 10000 is announced degraded 0"},
    /* frozen */
    {"frozen: needs do not withdraw",
     "announced frozen 1 when - full - t 600000 is announced timers - moves 2"},
    {"frozen while falling: not any more", "announced when - t 1999 frozen 1 timers - t 60000 is "
                                           "announced frozen 0 is announced left fall 2000"},
    {"frozen: full does not mend it either",
     "announced full - t 2000 frozen 1 full + t 60000 is degraded timers -"},
    {"frozen: self still withdraws", "announced frozen 1 when - self - is down"},
    {"frozen: orders still do", "announced frozen 1 order withdraw is down"},
    {"frozen: not announced anew",
     "announced frozen 1 self - is down self + is down t 60000 is down"},
    {"frozen, and ordered: announced",
     "good frozen 1 order announce is holding left hold 10000 t 10000 is announced degraded 0"},
    /* the growing hold */
    {"held longer each time",
     "announced hold 10000 bounce 1 hold 10000 bounce 1 hold 20000 bounce 1 hold 40000 gone 3"},
    {"ten minutes at most",
     "announced bounce 6 self - is down hold 600000 self + left hold 600000"},
    {"what is long ago does not count",
     "announced bounce 3 hold 40000 t 829999 hold 40000 t 1 hold 20000 t 9999 hold 20000 t 1 hold "
     "10000 t 9999999 hold 10000"},
    {"it is fixed when it begins", "announced bounce 3 self - t 600000 self + left hold 80000 t "
                                   "79999 is holding t 1 is announced"},
    {"a rise above ten minutes stays",
     "rise 900000 good t 900000 is announced bounce 2 self - hold 900000"},
    {"a short rise grows as well",
     "rise 100 good t 100 bounce 13 gone 13 hold 409600 self - is down hold 600000"},
    {"orders count as others do", "announced order withdraw is down order auto left hold 10000 t "
                                  "10000 order withdraw t 0 order auto is holding left hold 20000"},
    {"a drain that ends counts",
     "announced order drain t 30000 is down gone 1 order auto is holding left hold 10000"},
    {"a hold that does not end does not count",
     "good t 5000 self - t 0 self + t 5000 self - hold 10000 gone 0"},
    /* orders */
    {"withdraw: at once", "announced order withdraw is down gone 1 t 60000 is down"},
    {"withdraw taken back: held",
     "announced order withdraw is down t 60000 order auto is holding left hold 10000"},
    {"drain", "announced order drain is draining degraded 0 left drain 30000 t 29999 is draining t "
              "1 is down gone 1 t 60000 is down"},
    {"drain taken back: no hold",
     "announced order drain t 29000 is draining order auto is announced timers - gone 0"},
    {"drain while degraded", "good full - t 10000 order drain is draining degraded 1 t 10 order "
                             "auto is degraded degraded 1"},
    {"full holds while draining: not until after",
     "good full - t 10000 order drain is draining full + t 20000 is draining degraded 1 timers "
     "drain order auto is degraded left full 10000"},
    {"full fails while draining: not until after",
     "announced order drain full - t 20000 degraded 0 order auto is announced left full 2000"},
    {"full is about to fail when it drains: begins anew after",
     "announced full - t 1500 order drain timers drain t 1000 order auto is announced left full "
     "2000"},
    {"force without an order is nothing",
     "announced order force self - is announced order auto forced 1 is down"},
    {"drained twice: the second is as long",
     "announced order drain t 20000 order auto is announced order drain left drain 30000"},
    {"drain, then withdraw: at once",
     "announced order drain is draining t 100 order withdraw is down gone 1"},
    {"drain, then announce: back",
     "announced order drain is draining order announce is announced gone 0"},
    {"self dies while draining", "announced order drain is draining self - is down gone 1"},
    {"needs fail while draining",
     "announced order drain when - t 1999 is draining t 1 is down gone 1"},
    {"falling goes on in a drain",
     "announced when - t 1500 order drain is draining left fall 500 t 500 is down"},
    {"and out of it", "announced order drain when - t 1500 order auto is announced left fall 500"},
    {"drain without a drain time", "drain 0 announced order drain is down gone 1 moves 3"},
    {"a drain is graceful by order, whatever `shutdown` says",
     "graceful 0 announced order drain is draining t 30000 is down"},
    {"draining, not known", "announced order drain self ? t 29999 is draining t 1 is down"},
    {"draining, frozen: the drain goes on", "announced order drain frozen 1 t 30000 is down"},
    {"announce beats needs",
     "good when - full - order announce is holding t 10000 is announced degraded 0"},
    {"announce beats needs that are not known",
     "good known 0 order announce is holding t 10000 is announced t 100000 is announced"},
    {"announce while needs fall", "announced when - t 1999 order announce timers - t 60000 is "
                                  "announced order auto left fall 2000"},
    {"announce while degraded: plain at once",
     "announced full - t 2000 is degraded order announce is announced timers - order auto is "
     "announced left full 2000"},
    {"announce, and full was to hold soon",
     "announced full - t 2000 full + t 5000 is degraded order announce is announced timers -"},
    {"announce does not beat self", "good self - order announce is down t 60000 is down"},
    {"nor when it dies", "announced order announce self - is down"},
    {"nor that it is not known", "announced order announce self ? t 30000 is down"},
    {"forced does",
     "good self - when - order force is holding t 10000 is announced t 60000 is announced"},
    {"forced: nothing is waited for",
     "good self ? known 0 order force t 10000 is announced timers - t 100000 is announced"},
    {"forced is taken back, and self is dead",
     "announced order force self - is announced order announce is down"},
    {"forced is held as well", "announced self - t 0 order force is holding left hold 10000"},
    /* stopping */
    {"stopping: drained",
     "announced stop 1 is draining left drain 30000 t 30000 is down t 60000 is down gone 1"},
    {"stopping at once", "graceful 0 announced stop 1 is down gone 1"},
    {"stopping while draining: goes on", "announced order drain t 20000 stop 1 is draining left "
                                         "drain 10000 order auto is draining left drain 10000"},
    {"stopping at once while draining",
     "graceful 0 announced order drain is draining stop 1 is down"},
    {"stopping, and ordered or forced to announce",
     "announced stop 1 order force is draining t 30000 is down t 60000 is down"},
    {"stopping, and to be withdrawn", "announced stop 1 is draining order withdraw is down"},
    {"stopping while degraded", "good full - t 10000 stop 1 is draining degraded 1"},
    {"stopping when down", "stop 1 good is down t 60000 is down moves 0"},
    {"stopping: self still ends it", "announced stop 1 t 10 self - is down"},
    /* hooks */
    {"a hook fails", "announced hook 1 is holding gone 1 timers - t 60000 is holding hook 0 left "
                     "hold 10000 t 10000 is announced"},
    {"hooks fail again and again", "announced hook 1 is holding hook 0 t 10000 is announced hook 1 "
                                   "is holding hook 0 left hold 20000"},
    {"a hook fails while needs fail", "announced when - hook 1 is down gone 1"},
    {"a hook fails while ordered away", "announced order drain hook 1 is down gone 1"},
    {"a hook fails in a frozen set",
     "announced frozen 1 hook 1 is holding timers - hook 0 timers - frozen 0 left hold 10000"},
    {"a hook that failed before",
     "good hook 1 is holding timers - t 60000 is holding hook 0 t 10000 is announced"},
    {"a hook fails in spite of force",
     "announced order force hook 1 is holding hook 0 t 10000 is announced"},
    /* adoption */
    {"announced before: adopted", "real + is announced adopted 1 moves 1 left wait 30000 t 29999 "
                                  "is announced t 1 is down gone 1"},
    {"adopted, and all holds", "real + is announced t 5000 self + known 1 when + full + is "
                               "announced timers - t 60000 is announced moves 1"},
    {"adopted, and self is dead: at once",
     "real + is announced t 100 self - is down gone 1 adopted 0"},
    {"adopted, and needs do not hold: after fall",
     "real + self + t 100 known 1 when - full + is announced left fall 2000 t 2000 is down"},
    {"self is known to be dead: not adopted", "self - real + is down moves 0 gone 1 since 0"},
    {"needs are known not to hold: adopted, until it has fallen",
     "good when - real + is announced left fall 2000"},
    {"adopted while holding",
     "good real ? t 5000 is holding real + is announced adopted 1 timers -"},
    {"adopted with other attributes: degraded", "real ~ is degraded degraded 1 adopted 1"},
    {"degraded when adopted, and full: after rise",
     "real ~ is degraded good real + left full 10000 t 10000 is announced"},
    {"full is known: it says how", "good real ~ is announced good full - real + is announced"},
    {"full is known not to hold: degraded", "good full - real + is degraded moves 1"},
    {"adopted by order, whatever full says",
     "good full - order announce real ~ is announced degraded 0"},
    {"adopted, to be drained",
     "order drain real + is draining left drain 30000 t 30000 is down gone 1"},
    {"adopted degraded, to be drained", "order drain real ~ is draining degraded 1"},
    {"adopted, stopping", "stop 1 real + is draining graceful 0 is down"},
    {"adopted, stopping at once", "graceful 0 stop 1 real + is down gone 1 moves 0"},
    {"to be withdrawn: not adopted", "order withdraw real + is down gone 1 moves 0"},
    {"adopted, frozen", "frozen 1 real + self + t 100000 is announced"},
    {"absent at the first look: never adopted", "real - is down real + t 1000 is down moves 0"},
    {"looked at late, after all", "t 100000 real + is announced"},
    {"not after a withdrawal", "good real ? t 10000 is announced self - is down self + is holding "
                               "real + is holding adopted 0 left hold 10000"},
    {"already announced at the first look",
     "good real ? t 10000 is announced real + is announced adopted 0 moves 2"},
    {"adopted, then gone from the speaker",
     "good real + is announced real - t 60000 is announced adopted 1"},
};

/* ---- scripts ---- */

struct script {
    struct announcer a;
    struct announcer_config config;
    struct announcer_inputs in;
    int64_t now_ms;
    const char *name, *at;
    char word[32], arg[32];
};

static unsigned n_wrong;

static void wrong(const struct script *s, const char *have)
{
    print_error("%s: at '%s %s%s': it is %s\n", s->name, s->word, s->arg, s->at, have);
    n_wrong++;
}

static bool next_word(struct script *s, char word[32])
{
    int n = 0;
    if (sscanf(s->at, "%31s%n", word, &n) != 1)
        return false;
    s->at += n;
    return true;
}

static const char *arg(struct script *s)
{
    assert_true(next_word(s, s->arg));
    return s->arg;
}

static long long number(struct script *s)
{
    return atoll(arg(s));
}

static bool is(const struct script *s, const char *word)
{
    return strcmp(s->word, word) == 0;
}

/** Twice: the second changes nothing. */
static void step(struct script *s)
{
    enum announcer_state before = s->a.state;
    bool changed = announcer_step(&s->a, &s->config, &s->in, s->now_ms);
    assert_int_equal(changed, before != s->a.state);
    struct announcer once = s->a;
    assert_false(announcer_step(&s->a, &s->config, &s->in, s->now_ms));
    assert_memory_equal(&once, &s->a, sizeof once);
    assert_true(announcer_next_ms(&s->a) > s->now_ms);
}

static void pass(struct script *s, int64_t ms)
{
    int64_t end_ms = s->now_ms + ms;
    step(s);
    while (announcer_next_ms(&s->a) <= end_ms) {
        s->now_ms = announcer_next_ms(&s->a);
        step(s);
    }
    s->now_ms = end_ms;
    step(s);
}

static void be_good(struct script *s)
{
    s->in.self_known = s->in.self_ok = s->in.known = s->in.when_ok = s->in.full_ok = true;
    s->in.real = REAL_ABSENT;
}

static void bounce(struct script *s, int times)
{
    for (int i = 0; i < times; i++) {
        s->in.self_ok = false;
        step(s);
        s->in.self_ok = true;
        step(s);
        assert_int_equal(s->a.state, ANNOUNCER_HOLDING);
        pass(s, announcer_next_ms(&s->a) - s->now_ms);
        assert_int_equal(s->a.state, ANNOUNCER_ANNOUNCED);
    }
}

static void set_order(struct script *s, const char *word)
{
    s->in.forced = strcmp(word, "force") == 0;
    s->in.order = strcmp(word, "withdraw") == 0 ? ANNOUNCE_WITHDRAW
                  : strcmp(word, "drain") == 0  ? ANNOUNCE_DRAIN
                  : strcmp(word, "auto") == 0   ? ANNOUNCE_AUTO
                                                : ANNOUNCE_YES;
}

static bool sets_input(struct script *s)
{
    struct announcer_inputs *in = &s->in;
    if (is(s, "self")) {
        char c = arg(s)[0];
        in->self_known = c != '?';
        in->self_ok = c == '+';
    } else if (is(s, "when"))
        in->when_ok = arg(s)[0] == '+';
    else if (is(s, "full"))
        in->full_ok = arg(s)[0] == '+';
    else if (is(s, "known"))
        in->known = number(s);
    else if (is(s, "real")) {
        char c = arg(s)[0];
        in->real = c == '?' ? REAL_UNKNOWN : c == '-' ? REAL_ABSENT : REAL_PRESENT;
        in->real_differs = c == '~';
    } else if (is(s, "frozen"))
        in->frozen = number(s);
    else if (is(s, "hook"))
        in->hook_failed = number(s);
    else if (is(s, "stop"))
        in->stopping = number(s);
    else if (is(s, "order"))
        set_order(s, arg(s));
    else if (is(s, "forced"))
        in->forced = number(s);
    else
        return false;
    return true;
}

static bool sets_timing(struct script *s)
{
    if (is(s, "rise"))
        s->config.rise_ms = (uint32_t)number(s);
    else if (is(s, "fall"))
        s->config.fall_ms = (uint32_t)number(s);
    else if (is(s, "drain"))
        s->config.drain_ms = (uint32_t)number(s);
    else if (is(s, "graceful"))
        s->config.graceful = number(s);
    else
        return false;
    return true;
}

static void expect_number(struct script *s, long long have)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", have);
    if (number(s) != have)
        wrong(s, text);
}

static void expect_text(struct script *s, const char *have)
{
    if (strcmp(arg(s), have) != 0)
        wrong(s, have);
}

static void timers_text(const struct script *s, char out[64])
{
    size_t n = 0;
    snprintf(out, 64, "-");
    for (enum announcer_timer i = 0; i < ANNOUNCER_TIMERS; i++)
        if (s->a.until_ms[i])
            n += (size_t)snprintf(out + n, 64 - n, "%s%s", n ? "," : "", announcer_timer_text(i));
}

static long long left_of(struct script *s, const char *name)
{
    for (enum announcer_timer i = 0; i < ANNOUNCER_TIMERS; i++)
        if (strcmp(announcer_timer_text(i), name) == 0)
            return s->a.until_ms[i] ? s->a.until_ms[i] - s->now_ms : -1;
    return -2;
}

static bool asks(struct script *s)
{
    char text[64];
    step(s);
    if (is(s, "is"))
        expect_text(s, announcer_state_text(s->a.state));
    else if (is(s, "moves"))
        expect_number(s, (long long)s->a.n_transitions);
    else if (is(s, "gone"))
        expect_number(s, (long long)s->a.n_withdrawals);
    else if (is(s, "degraded"))
        expect_number(s, s->a.degraded);
    else if (is(s, "adopted"))
        expect_number(s, s->a.adopted);
    else if (is(s, "hold"))
        expect_number(s, announcer_hold_ms(&s->a, &s->config, s->now_ms));
    else if (is(s, "since"))
        expect_number(s, s->now_ms - s->a.since_ms);
    else if (is(s, "left")) {
        snprintf(text, sizeof text, "%s", arg(s));
        expect_number(s, left_of(s, text));
    } else if (is(s, "timers")) {
        timers_text(s, text);
        expect_text(s, text);
    } else
        return false;
    return true;
}

static void does(struct script *s)
{
    s->arg[0] = '\0';
    if (is(s, "good"))
        be_good(s);
    else if (is(s, "announced")) {
        be_good(s);
        pass(s, s->config.rise_ms);
        assert_int_equal(s->a.state, ANNOUNCER_ANNOUNCED);
    } else if (is(s, "bounce"))
        bounce(s, (int)number(s));
    else if (is(s, "t"))
        pass(s, number(s));
    else if (is(s, "skip"))
        s->now_ms += number(s);
    else if (!sets_timing(s) && !sets_input(s) && !asks(s))
        fail_msg("%s: what is '%s'?", s->name, s->word);
}

static void run(const char *name, const char *text, int64_t now_ms)
{
    struct script s = {
        .name = name, .at = text, .now_ms = now_ms, .config = {10000, 2000, 30000, true}};
    announcer_init(&s.a, s.now_ms);
    while (next_word(&s, s.word))
        does(&s);
}

static void test_situations(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(situations); i++)
        run(situations[i].name, situations[i].script, 1000000);
    assert_int_equal(n_wrong, 0);
}

/** Whatever the clock says. (A timer that would be over at 0 is over 1 ms before.) */
static void test_clocks(void **state)
{
    static const int64_t starts[] = {0,      1,      -10000,    -2000,
                                     -30000, -20000, INT64_MIN, INT64_MIN + 5000};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(starts); i++)
        for (size_t j = 0; j < ARRAY_LEN(situations); j++)
            if (!strstr(situations[j].script, "left") && !strstr(situations[j].script, "99"))
                run(situations[j].name, situations[j].script, starts[i]);
    assert_int_equal(n_wrong, 0);
}

static void test_end_of_time(void **state)
{
    const struct announcer_config config = {10000, 2000, 30000, true};
    struct announcer_inputs in = {true, true, true, true, true, .real = REAL_ABSENT};
    struct announcer a;
    (void)state;
    announcer_init(&a, INT64_MAX - 5000);
    announcer_step(&a, &config, &in, INT64_MAX - 5000);
    assert_int_equal(a.state, ANNOUNCER_HOLDING);
    assert_int_equal(announcer_next_ms(&a), INT64_MAX);
    announcer_step(&a, &config, &in, INT64_MAX);
    assert_int_equal(a.state, ANNOUNCER_ANNOUNCED);
    in.self_ok = false;
    announcer_step(&a, &config, &in, INT64_MAX);
    assert_int_equal(a.state, ANNOUNCER_DOWN);
    assert_int_equal(announcer_hold_ms(&a, &config, INT64_MAX), 10000);
}

/** One that goes back stretches what runs, and breaks nothing. */
static void test_clock_goes_back(void **state)
{
    const struct announcer_config config = {10000, 2000, 30000, true};
    struct announcer_inputs in = {true, true, true, true, true, .real = REAL_ABSENT};
    struct announcer a;
    (void)state;
    announcer_init(&a, 100000);
    announcer_step(&a, &config, &in, 100000);
    announcer_step(&a, &config, &in, 50000);
    assert_int_equal(a.state, ANNOUNCER_HOLDING);
    announcer_step(&a, &config, &in, 110000);
    assert_int_equal(a.state, ANNOUNCER_ANNOUNCED);
    for (int i = 0; i < 3; i++) {
        in.self_ok = false;
        announcer_step(&a, &config, &in, 110000);
        in.self_ok = true;
        announcer_step(&a, &config, &in, 110000);
        announcer_step(&a, &config, &in, 110000 + 600000);
        assert_int_equal(a.state, ANNOUNCER_ANNOUNCED);
    }
    assert_int_equal(announcer_hold_ms(&a, &config, 0), 40000);
}

/** Rise, fall and drain at their limits. */
static void test_long_times(void **state)
{
    const struct announcer_config config = {UINT32_MAX, UINT32_MAX, UINT32_MAX, true};
    struct announcer_inputs in = {true, true, true, true, true, .real = REAL_PRESENT};
    struct announcer a;
    (void)state;
    announcer_init(&a, 1);
    announcer_step(&a, &config, &in, 1);
    assert_int_equal(a.state, ANNOUNCER_ANNOUNCED);
    in.when_ok = false;
    announcer_step(&a, &config, &in, 1);
    assert_int_equal(announcer_next_ms(&a), 1 + (int64_t)UINT32_MAX);
    in.self_ok = false;
    announcer_step(&a, &config, &in, 2);
    assert_int_equal(announcer_hold_ms(&a, &config, 3), UINT32_MAX);
}

static void test_words(void **state)
{
    (void)state;
    assert_string_equal(announcer_real_text(REAL_UNKNOWN), "unknown");
    assert_string_equal(announcer_real_text(REAL_ABSENT), "absent");
    assert_string_equal(announcer_real_text(REAL_PRESENT), "present");
    assert_string_equal(announcer_state_text(ANNOUNCER_DOWN), "down");
    assert_string_equal(announcer_state_text(ANNOUNCER_DRAINING), "draining");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_situations),  cmocka_unit_test(test_clocks),
        cmocka_unit_test(test_end_of_time), cmocka_unit_test(test_clock_goes_back),
        cmocka_unit_test(test_long_times),  cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
