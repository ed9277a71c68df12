/* SPDX-License-Identifier: Apache-2.0
 * The line to a speaker: a table of situations, each a script.
 *
 *   begin              the line is opened
 *   want PD-           sets are wanted so (line_world.h)
 *   version N          the configuration from now on
 *   run MS             time passes
 *   nudge|ask          a look
 *   respecify          with the other configuration
 *   reopened           the driver cannot be respecified
 *   close|end          in changed()|now
 * The speaker:
 *   had P--            has a b c so from now on
 *   look|apply A       answers so: ok fail break hang
 *   error E            with which it fails
 *   delay MS           until it answers
 *   blind|deaf|twin|odd 0|1, extra N, lose, restart
 * Expected, where a number may be a range, FROM..TO, as backoffs are drawn in part:
 *   has P---           the speaker has a b c d so
 *   real +~?           what is known of a b c
 *   state up|down E    with the error
 *   settled|busy 0|1
 *   looked MS          the latest look that went well was so long ago
 *   kept N             routes of it
 *   counted M,O,S      it was logged that so many are missing, otherwise, too many
 *   configured 0|1     the driver goes by the other configuration
 *   will N             so many sets are in it; 0: there is none
 *   applies|looks|needless|errors|drifts|restarts|opened|specified|logged|withdrawn N
 *                      so many since the last time this was asked */
#include "line_world.h"

#include "../health/settable_clock.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *script;
} situations[] = {
    /* the beginning */
    {"looks at once, and tells nothing unasked",
     "had P-- begin run 0 looks 1 settled 0 run 9000 applies 0 looks 0 has P---"},
    {"nothing is known before",
     "begin real ??? settled 0 run 0 real --- settled 0 want --- settled 1 state up none"},
    {"tells what is wanted",
     "begin want P-D run 100 has P-D- applies 1 needless 0 real +-+ settled 1 state up none"},
    {"reads back what it told", "begin want P-- run 100 looks 2 settled 1"},
    {"wanted after the first look", "begin run 1000 want P-- run 0 has P--- applies 1 settled 1"},
    {"what is right is left alone",
     "had PD- begin want PD- run 60000 applies 0 has PD-- settled 1"},
    {"right but for its wish, when it is looked at first",
     "had PD- begin run 10 want PD- run 60000 applies 0 settled 1"},
    {"wanted otherwise before anything was told: looks first",
     "had D-- begin want P-- run 10 want D-- run 60000 applies 0 settled 1"},
    {"and does so soon",
     "had D-- begin want P-- run 10 want D-- run 20 looks 2 settled 1 applies 0"},
    {"draining is left alone as well", "had Gg- begin want Gg- run 60000 applies 0 settled 1"},
    {"announcers have time to adopt",
     "had P-- begin want --- run 40 has P--- applies 0 want P-- run 60000 applies 0 has P---"},
    {"but not for ever", "had P-- begin want --- run 60 has ---- applies 1"},
    {"nothing before the first look",
     "look fail begin want P-- run 120000 applies 0 state down unreachable settled 0 real ???"},
    {"nothing before the first look, which hangs",
     "look hang begin want P-- run 120000 applies 0 look ok run 60000 has P--- settled 1"},
    {"what was wanted meanwhile is kept",
     "look fail begin want P-- run 20000 look ok run 31000 has P--- settled 1"},
    {"left-overs of no set are taken away",
     "had P--P begin want P-- run 100 has P--- withdrawn 2 applies 1"},
    {"left-overs are not touched before something is wanted",
     "had P--P begin run 60000 has P--P applies 0"},
    {"what differs is told", "had D-- begin want P-- run 100 has P--- applies 1 withdrawn 0"},
    {"one of two prefixes is missing",
     "begin want P-- run 100 applies 1 lose run 10000 has P--- applies 1 withdrawn 0"},
    /* changes */
    {"a change is told at once", "begin want --- run 1000 want P-- run 0 has P--- applies 1"},
    {"attributes are replaced",
     "begin want P-- run 1000 withdrawn 0 want G-- run 0 has G--- withdrawn 0 applies 2"},
    {"changes in one go are told together",
     "begin run 1000 want P-- want PP- want PPD run 0 applies 1 has PPD-"},
    {"a second change waits",
     "begin run 1000 want P-- run 50 want PP- run 40 has P--- run 10 has PP-- applies 2"},
    {"the last one wins", "begin run 1000 want P-- run 10 want PP- run 10 want PPP run 10 want PPD "
                          "run 70 has PPD- applies 2"},
    {"a withdrawal does not wait",
     "begin run 1000 want PP- run 10 want -P- run 0 has -P-- applies 2"},
    {"a withdrawal does not wait, if what it has is not known",
     "blind 1 begin run 1000 want PP- run 10 want -P- run 0 has -P-- applies 2"},
    {"nor that of what somebody has added",
     "begin run 1000 want P-- run 10 had PP- ask run 0 has P--- applies 2 drifts 1"},
    {"one that flaps", "begin run 1000 want P-- run 1 want --- run 1 want P-- run 1 want --- run 1 "
                       "want P-- run 1 want --- run 90 applies 2 has ----"},
    {"there and back before it was told",
     "begin want P-- run 1000 applies 1 want D-- run 10 want P-- run 0 want D-- want P-- run 1000 "
     "has P--- settled 1 applies 2"},
    {"the same again is nothing", "begin want P-- run 1000 applies 1 want P-- want P-- run 5000 "
                                  "want P-- run 100 applies 0 looks 2"},
    {"changes while it looks", "begin want P-- run 1000 applies 1 delay 30 ask run 10 want PP- run "
                               "20 has P--- applies 1 run 30 has PP-- applies 0"},
    {"changes while it is told",
     "begin run 1000 delay 500 want P-- run 100 busy 1 want PP- run 100 want -P- run 299 applies 1 "
     "run 1 has P--- run 500 has -P-- applies 1 settled 0 run 500 settled 1 applies 0"},
    {"a withdrawal while it is told, before that is read back",
     "begin run 1000 delay 500 want P-- run 100 want --- run 901 has ----"},
    {"not settled until it is read back", "begin run 1000 delay 50 want P-- settled 0 run 50 has "
                                          "P--- settled 0 run 49 settled 0 run 1 settled 1"},
    {"taken back while it is told", "begin want P-- run 1000 delay 100 want D-- run 50 want P-- "
                                    "settled 0 run 49 settled 0 run 1 settled 0 run 1000 settled 1 "
                                    "has P---"},
    {"taken back before it is read back",
     "begin want P-- run 1000 delay 30 want D-- run 10 want P-- run 21 busy 1 settled 0 run 1000 "
     "settled 1 has P---"},
    {"the wish of a look is not the wish of now",
     "begin want P-- run 1000 applies 1 delay 50 ask run 10 want D-- run 40 settled 0 run 50 has "
     "D--- run 50 settled 1 applies 1"},
    /* the speaker loses, changes, restarts */
    {"looks each interval", "begin want P-- run 100 looks 2 run 50000 looks 5 applies 1"},
    {"a route is lost", "begin want PP- run 1000 applies 1 had P-- run 10000 has PP-- applies 1 "
                        "drifts 1 settled 1 logged 1 counted 2,0,0"},
    {"a route is changed", "begin want PP- run 1000 applies 1 had PD- run 10000 has PP-- applies 1 "
                           "drifts 1 counted 0,2,0"},
    {"a route is added", "begin want P-- run 1000 applies 1 had P-P run 10000 has P--- applies 1 "
                         "drifts 1 counted 0,0,2"},
    {"a route of no set is added",
     "begin want P-- run 1000 applies 1 had P--D run 10000 has P--- applies 1 drifts 1"},
    {"what drifts often is logged once a minute",
     "begin want P-- run 1000 had --- run 10000 had --- run 10000 had --- run 10000 drifts 3 "
     "logged 1 had --- run 40000 drifts 1 logged 0 had --- run 20000 drifts 1 logged 1"},
    {"it drifts right after it was confirmed",
     "begin want P-- run 1000 applies 1 want PP- run 1 settled 1 had --- ask run 1 drifts 1 has "
     "---- run 100 has PP-- applies 2 errors 0"},
    {"a restart is seen", "begin want PD- run 1000 applies 1 restart run 10000 has PD-- restarts 1 "
                          "drifts 0 applies 1 errors 0 settled 1"},
    {"a restart that lost nothing",
     "begin want PD- run 1000 applies 1 restart had PD- run 20000 applies 0 restarts 1 settled 1"},
    {"a first look knows of no restart", "restart begin want P-- run 100 restarts 0 applies 1"},
    {"nudged when it has just failed", "look fail begin run 0 nudge run 150 looks 1 nudge run 50 "
                                       "looks 1 nudge run 199 looks 0 run 1 looks 1"},
    {"a nudge", "begin want P-- run 1000 restart nudge run 40 has ---- run 10 has P--- restarts 1"},
    {"nudges all the time", "begin want P-- run 1000 looks 2 nudge run 50 nudge run 50 nudge run "
                            "50 nudge run 50 nudge run 50 looks 2"},
    {"a nudge while it looks",
     "begin want P-- run 1000 looks 2 delay 100 ask run 50 nudge run 50 looks 1 run 200 looks 1"},
    {"nudged again before it looks: no later for it",
     "begin want P-- run 1000 looks 2 nudge run 30 nudge run 19 looks 0 run 1 looks 1"},
    {"asked to look", "begin want P-- run 1000 looks 2 ask run 0 looks 1 ask ask run 0 looks 1"},
    {"asked to look while it looks",
     "begin want P-- run 1000 looks 2 delay 10 ask run 5 ask run 5 looks 2"},
    /* failures */
    {"a look fails",
     "begin want P-- run 1000 look fail ask run 0 state down unreachable real ??? settled 0 errors "
     "1 look ok run 500 state up none real +-- settled 1 applies 1"},
    {"it is logged once",
     "begin run 100 look fail ask run 60000 logged 1 look ok run 31000 logged 1"},
    {"it fails otherwise",
     "begin run 100 look fail ask run 1 error denied run 60000 logged 2 state down denied"},
    {"tries again with longer pauses", "look fail begin run 0 looks 1 run 500 looks 1 run 1000 "
                                       "looks 1 run 2000 looks 1 run 400000 errors 18..26"},
    {"good again, pauses begin anew",
     "look fail begin run 60000 look ok run 31000 state up none errors 7..10 look fail ask run 0 "
     "errors 1 run 1500 errors 2"},
    {"a change fails",
     "begin run 1000 apply fail error rejected want P-- run 0 state down rejected has ---- errors "
     "1 settled 0 apply ok run 500 has P--- state up none settled 1 needless 0"},
    {"a change breaks off", "begin run 1000 apply break error timeout want PP- run 0 has ?--- "
                            "apply ok run 500 has PP-- settled 1"},
    {"a change that fails after it was carried out in part is undone",
     "begin run 1000 apply break want P-- run 0 has ?--- apply ok want --- run 200 has ---- "
     "settled 1"},
    {"another change is tried soon",
     "begin want PPP run 1000 applies 1 apply fail want DPP run 60000 applies 7..10 apply ok want "
     "-PP run 200 has -PP- applies 1"},
    {"the same change is not tried sooner",
     "begin want PPP run 1000 look fail apply fail want DPP run 60000 errors 7..10 want DPP want "
     "DPP run 200 errors 0"},
    {"but not at once, again and again",
     "begin run 1000 apply fail want P-- run 0 applies 1 want PP- run 10 want PPP run 10 want P-P "
     "run 10 want PDP run 10 want PP- run 159 applies 0 run 1 applies 1"},
    {"it cannot be read, and withdraws all the same",
     "begin want PP- run 1000 applies 1 look fail error rejected ask run 0 want -P- run 200 has "
     "-P-- settled 0 applies 1 run 60000 applies 0 state down rejected"},
    {"neither reads nor writes: in turn", "begin want P-- run 1000 looks 2 applies 1 look fail "
                                          "apply fail want D-- run 20000 applies 3 looks 3"},
    {"it cannot be read at first, and nothing is told",
     "look fail error rejected had P-- begin want --- run 60000 has P--- applies 0"},
    {"nudged while it waits",
     "look fail begin run 60000 look ok nudge run 40 state down unreachable run 10 state up none"},
    {"asked while it waits",
     "look fail begin run 60000 look ok ask run 0 state up none run 700 looked 700"},
    {"it takes all and does nothing",
     "begin run 1000 deaf 1 want P-- run 1990 errors 0 settled 0 run 10 errors 1 state down "
     "rejected real --- deaf 0 run 600 has P--- state up none settled 1"},
    {"deaf for long", "begin run 1000 applies 0 deaf 1 want P-- run 120000 applies 7..11 errors "
                      "7..11 deaf 0 run 35000 has P--- settled 1"},
    {"deaf, and wanted otherwise",
     "begin run 1000 deaf 1 want P-- run 1000 deaf 0 want PP- run 0 has PP-- settled 1 errors 0"},
    {"it shows late what it was told",
     "begin run 1000 deaf 1 want P-- run 200 applies 1 had P-- run 500 settled 1 applies 0 errors "
     "0 drifts 0 looks 6 run 5000 looks 0"},
    {"what was not taken is looked for, before it is told anew",
     "look fail begin run 0 look ok run 1000 deaf 1 want P-- run 2000 errors 2 applies 1 had P-- "
     "run "
     "600 applies 0 settled 1"},
    {"deaf: looks with longer pauses", "begin run 1000 looks 1 deaf 1 want P-- run 1999 looks 7 "
                                       "errors 0 run 1 errors 1 looks 1"},
    {"deaf to a withdrawal", "begin want PP- run 1000 deaf 1 applies 1 want P-- run 1000 applies 1 "
                             "settled 0 run 1500 state down rejected errors 1 real ++-"},
    /* patience */
    {"a look that never ends",
     "begin want P-- run 1000 opened 1 look hang ask run 39000 opened 0 errors 0 run 1000 opened 1 "
     "errors 1 state down timeout look ok run 500 state up none settled 1 applies 1"},
    {"a change that never ends",
     "begin run 1000 opened 1 apply hang want P-- run 39999 has ---- run 1 opened 1 state down "
     "timeout apply ok run 500 has P--- settled 1 applies 2"},
    {"slow is not never", "delay 20000 begin want P-- run 21000 has ---- run 40000 has P--- opened "
                          "1 run 20000 settled 1 errors 0"},
    /* what cannot be read */
    {"blind: what was told counts",
     "blind 1 begin want P-- run 60000 applies 1 has P--- settled 1 real ??? needless 0"},
    {"blind, and changed", "blind 1 begin want P-- run 1000 applies 1 want D-- run 1000 applies 1 "
                           "has D--- want --- run 0 applies 1 has ---- settled 1"},
    {"blind, and a failure", "blind 1 begin want P-- run 1000 applies 1 apply fail want D-- run 0 "
                             "apply ok run 600 applies 2 has D--- settled 1"},
    {"blind, and a change that broke off is taken back",
     "blind 1 begin want P-- run 1000 apply break want PP- run 0 has P?-- apply ok want P-- run "
     "1000 "
     "has P--- settled 1"},
    {"blind, and restarted",
     "blind 1 begin want P-- run 1000 applies 1 restart run 10000 applies 1 has P--- restarts 1"},
    {"in two tables, one of which lacks it",
     "twin 1 begin want P-- run 20000 has P--- applies 1 settled 1 real +--"},
    {"hugely many", "had P-- extra 100000 begin want P-- run 100 settled 1 applies 0 kept 65536"},
    /* configurations */
    {"reloaded: nothing changes", "begin want P-P run 1000 applies 1 looks 2 version 1 want PP- "
                                  "run 100 has P-P- applies 0 looks 1 settled 1"},
    {"reloaded: one more, one less", "begin want PPP run 1000 applies 1 withdrawn 0 version 1 want "
                                     "PPP run 100 has P-PP applies 1 withdrawn 2 settled 1"},
    {"renamed: by its interface", "begin want PP- run 1000 applies 1 version 2 want PP- run 200 "
                                  "applies 1 withdrawn 0 has PP-- settled 1"},
    {"renamed while nothing was told", "had PP- begin want PP- run 1000 applies 0 version 2 want "
                                       "PP- run 200 applies 1 withdrawn 0 has PP-- settled 1"},
    {"reloaded while it is told", "begin run 1000 delay 200 want PPP run 100 version 1 want P-D "
                                  "run 100 has PPP- run 1000 has --PD settled 1"},
    {"reloaded while it looks",
     "begin want PPP run 1000 delay 50 ask run 10 version 1 want PPD run "
     "40 run 0 applies 2 run 1000 has P-PD settled 1"},
    {"reloaded while it waits",
     "look fail begin want PPP run 60000 version 1 want PPP look ok run 31000 has P-PP settled 1"},
    {"respecified", "begin want P-- run 1000 looks 2 respecify run 0 specified 1 looks 1 applies 1 "
                    "opened 1 configured 1 run 9000 looks 3 specified 0 applies 0"},
    {"respecified while it is told", "begin run 1000 delay 100 want P-- run 50 respecify respecify "
                                     "run 40 specified 0 run 10 specified 1 has P---"},
    {"respecified by opening anew",
     "reopened begin want P-- run 1000 opened 1 configured 0 respecify run 0 opened 1 configured 1 "
     "run 1000 applies 1 settled 1"},
    {"another next hop", "begin want PP- run 1000 applies 1 version 3 want PP- run 0 applies 1 "
                         "needless 0 settled 1 withdrawn 0 run 20000 applies 0"},
    {"another next hop, of which only the speaker knows",
     "begin want PP- run 1000 applies 1 version 4 want PP- run 0 applies 1 settled 1"},
    {"not as it has to be, though it is absent",
     "odd 1 begin want --- run 100 applies 1 settled 1"},
    {"another next hop while nothing was told: looks first",
     "had PP- begin want PP- run 1000 applies 0 version 3 want PP- run 20 applies 1 settled 1"},
    /* the last will */
    {"nothing announced, no will", "begin want --- run 1000 will 0"},
    {"no wish, no will", "had P-- begin run 1000 will 0"},
    {"what is announced is in the will", "begin want PD- run 1000 will 2"},
    {"what is being withdrawn still is",
     "begin want PD- run 1000 delay 100 want -D- will 2 run 50 will 2 run 200 will 1"},
    {"what is being announced already is",
     "begin run 1000 delay 100 want P-- run 50 want --- will 1"},
    {"of what is adopted", "had P-- begin want --- run 10 will 1"},
    {"what is gone from the configuration still is",
     "begin want PPP run 1000 delay 100 version 1 want PP- will 3 run 300 will 2"},
    /* the end */
    {"closed while it looks", "delay 100 begin run 50 end"},
    {"closed while it is told", "begin run 1000 delay 100 want P-- run 50 end"},
    {"closed with a configuration to come",
     "begin run 1000 delay 100 want P-- run 50 respecify end"},
    {"closed when it has failed", "look fail begin run 10 end"},
    {"closed from within", "close begin want P-- run 1000"},
    {"closed before it began", "begin end"},
};

/* ---- the script ---- */

struct script {
    struct line_world w;
    const char *name, *at;
    char word[32], arg[32];
    uint32_t counted[16];
};

static void close_now(struct line_world *w)
{
    speaker_line_close(w->line);
    w->line = NULL;
    w->on_changed = NULL;
}

static bool next_word(struct script *s, char word[32])
{
    int n = 0;
    while (sscanf(s->at, "%31s%n", word, &n) == 1) {
        s->at += n;
        return true;
    }
    return false;
}

static const char *arg(struct script *s)
{
    assert_true(next_word(s, s->arg));
    return s->arg;
}

static int number(struct script *s)
{
    return atoi(arg(s));
}

static bool is(const struct script *s, const char *word)
{
    return strcmp(s->word, word) == 0;
}

static unsigned n_wrong;

static void wrong(const struct script *s, const char *have)
{
    print_error("%s: at '%s %s%s': it is %s\n", s->name, s->word, s->arg, s->at, have);
    n_wrong++;
}

static void expect_text(struct script *s, const char *have)
{
    if (strcmp(arg(s), have) != 0)
        wrong(s, have);
}

static void expect_number(struct script *s, uint64_t have)
{
    char text[32];
    unsigned long long from, to;
    snprintf(text, sizeof text, "%llu", (unsigned long long)have);
    int n = sscanf(arg(s), "%llu..%llu", &from, &to);
    if (have < from || have > (n == 2 ? to : from))
        wrong(s, text);
}

static enum fake_answer answer_by(const char *word)
{
    return strcmp(word, "fail") == 0    ? FAKE_FAILS
           : strcmp(word, "break") == 0 ? FAKE_BREAKS
           : strcmp(word, "hang") == 0  ? FAKE_HANGS
                                        : FAKE_ANSWERS;
}

static enum speaker_error error_by(const char *word)
{
    enum speaker_error error = SPEAKER_ERROR_UNREACHABLE;
    while (strcmp(speaker_error_text(error), word) != 0)
        error++;
    return error;
}

/** Counts that are asked for are those since the last time. */
static bool counts(struct script *s)
{
    const struct speaker_status *status = s->w.line ? speaker_line_status(s->w.line) : NULL;
    const struct {
        const char *word;
        uint64_t n;
    } all[] = {
        {"applies", fake.n_applies},
        {"looks", fake.n_looks},
        {"needless", fake.n_needless},
        {"withdrawn", fake.n_withdrawn},
        {"opened", fake.n_opened},
        {"specified", fake.n_respecified},
        {"logged", log_count("speaker s: ")},
        {"errors", status ? status->n_errors : 0},
        {"drifts", status ? status->n_drifts : 0},
        {"restarts", status ? status->n_restarts : 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (is(s, all[i].word)) {
            expect_number(s, all[i].n - s->counted[i]);
            s->counted[i] = (uint32_t)all[i].n;
            return true;
        }
    return false;
}

static bool asks(struct script *s)
{
    struct line_world *w = &s->w;
    struct last_will will;
    if (is(s, "has"))
        expect_text(s, world_routes(w));
    else if (is(s, "real"))
        expect_text(s, world_real(w));
    else if (is(s, "settled"))
        expect_number(s, speaker_line_settled(w->line));
    else if (is(s, "looked"))
        expect_number(s, clock_wall_ms() - speaker_line_status(w->line)->looked_ms);
    else if (is(s, "configured"))
        expect_number(s, fake_config() == &w->other_config);
    else if (is(s, "kept"))
        expect_number(s, speaker_line_seen(w->line)->routes.n);
    else if (is(s, "busy"))
        expect_number(s, speaker_line_status(w->line)->busy);
    else if (is(s, "counted")) {
        unsigned missing, differing, spare;
        char text[64];
        assert_int_equal(sscanf(arg(s), "%u,%u,%u", &missing, &differing, &spare), 3);
        snprintf(text, sizeof text, "%u missing, %u otherwise, %u too many", missing, differing,
                 spare);
        if (log_count(text) != 1)
            wrong(s, "not logged");
    } else if (is(s, "will"))
        expect_number(s, !speaker_line_will(w->line, &will) ? 0
                         : fake.n_willed                    ? fake.n_willed
                                                            : UINT32_MAX);
    else if (is(s, "state")) {
        expect_text(s, speaker_line_status(w->line)->up ? "up" : "down");
        expect_text(s, speaker_error_text(speaker_line_status(w->line)->error));
        assert_int_equal(speaker_line_status(w->line)->up, !*speaker_line_status(w->line)->text);
    } else
        return counts(s);
    return true;
}

static bool sets(struct script *s)
{
    if (is(s, "look"))
        fake.look = answer_by(arg(s));
    else if (is(s, "apply"))
        fake.apply = answer_by(arg(s));
    else if (is(s, "error"))
        fake.error = error_by(arg(s));
    else if (is(s, "delay"))
        fake.delay_ms = number(s);
    else if (is(s, "blind"))
        fake.is_blind = number(s);
    else if (is(s, "deaf"))
        fake.is_deaf = number(s);
    else if (is(s, "odd"))
        fake.is_odd = number(s);
    else if (is(s, "twin"))
        fake.has_twin = number(s);
    else if (is(s, "extra"))
        fake.n_extra = (uint32_t)number(s);
    else if (is(s, "restart"))
        fake_restart();
    else if (is(s, "had"))
        world_has(&s->w, arg(s));
    else if (is(s, "lose"))
        fake.n_routes--;
    else
        return false;
    return true;
}

static void does(struct script *s)
{
    struct line_world *w = &s->w;
    if (is(s, "begin"))
        world_begin(w);
    else if (is(s, "run"))
        world_run(w, number(s));
    else if (is(s, "want"))
        world_want(w, arg(s));
    else if (is(s, "version"))
        w->version = (uint32_t)number(s);
    else if (is(s, "nudge"))
        fake_nudge();
    else if (is(s, "ask"))
        speaker_line_look(w->line);
    else if (is(s, "respecify"))
        speaker_line_respecify(w->line, &w->other_config, &w->sets[1]);
    else if (is(s, "reopened"))
        w->ops = &fake_ops_reopened;
    else if (is(s, "close"))
        w->on_changed = close_now;
    else if (is(s, "end"))
        close_now(w);
    else if (!sets(s) && !asks(s))
        fail_msg("%s: what is '%s'?", s->name, s->word);
}

/** Whatever was wanted, and seen, in between. */
static void check_indices(struct line_world *w)
{
    if (!w->line || !w->wants[0])
        return;
    const struct speaker_seen *seen = speaker_line_seen(w->line);
    for (size_t i = 0; i < seen->routes.n; i++) {
        const struct seen_route *route = &seen->routes.v[i];
        if (route->set == MODEL_NONE)
            continue;
        assert_true(route->set < w->sets[w->version].n_sets);
        assert_true(ip_prefix_equal(&w->specs[w->version][route->set].config->prefixes[route->nth],
                                    &route->prefix));
    }
}

static void test_situations(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(situations); i++) {
        struct script s = {.name = situations[i].name, .at = situations[i].script};
        world_open(&s.w);
        while (next_word(&s, s.word)) {
            does(&s);
            if (!is(&s, "version"))
                check_indices(&s.w);
        }
        if (fake.n_applies > 0)
            assert_true(fake.n_looks_before_apply > 0);
        assert_int_equal(fake.n_hasty, 0);
        world_close(&s.w);
    }
    assert_int_equal(n_wrong, 0);
}

/** A monotonic clock that has hardly begun. */
static void test_just_booted(void **state)
{
    struct line_world w;
    (void)state;
    settable_clock_set_mono_ms(1);
    world_open(&w);
    world_begin(&w);
    world_want(&w, "P--");
    world_run(&w, 0);
    assert_int_equal(fake.n_looks, 1);
    world_run(&w, LINE_ADOPT_MS);
    assert_string_equal(world_routes(&w), "P---");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_just_booted),
        cmocka_unit_test(test_situations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
