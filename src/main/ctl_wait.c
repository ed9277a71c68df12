/* SPDX-License-Identifier: Apache-2.0
 * What is waited for. */
#include "main/ctl_wait.h"

#include "base/escape.h"
#include "control/json.h"
#include "ctl/render.h"
#include "main/ctl_output.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXIT_INTERRUPTED 130 /* 128 + SIGINT, as shells have it */

static struct {
    char unsure[CTL_NAME_MAX + 128], sure[CTL_NAME_MAX + 128]; /* what to say at ^C */
    volatile sig_atomic_t ordered;
    char stage[16]; /* that was shown last */
} waited;

/** Only what a signal handler may call. */
static void on_interrupt(int signal)
{
    const char *text = waited.ordered ? waited.sure : waited.unsure;
    (void)signal;
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        _exit(EXIT_INTERRUPTED);
    _exit(EXIT_INTERRUPTED);
}

void wait_begin_drain(const char *target)
{
    struct buf shown = {0};
    escape_add(&shown, slice_str(target));
    snprintf(waited.sure, sizeof waited.sure,
             "\nloadstarctl: the order stays in force: loadstarctl set '%s' auto takes it back\n",
             shown.p);
    snprintf(waited.unsure, sizeof waited.unsure,
             "\nloadstarctl: the order may be in force: see loadstarctl orders\n");
    buf_free(&shown);
    const struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/** One line that is written anew each time; where nobody watches, one for each stage. */
static void show_drain(const json_t *progress)
{
    struct buf text = {0};
    const char *stage = json_get_text(progress, "stage", "");
    waited.ordered = true;
    render_drain_step(&text, progress);
    if (output_is_watched())
        output_step(text.p);
    else if (strncmp(stage, waited.stage, sizeof waited.stage - 1) != 0)
        output_line(text.p);
    snprintf(waited.stage, sizeof waited.stage, "%s", stage);
    buf_free(&text);
}

void wait_progress(void *arg, const json_t *progress)
{
    (void)arg;
    if (json_object_get(progress, "stage"))
        show_drain(progress);
    else if (output_is_watched())
        output_step(json_get_text(progress, "step", ""));
}
