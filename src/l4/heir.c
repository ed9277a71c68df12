/* SPDX-License-Identifier: Apache-2.0
 * The process that is to take over. */
#include "l4/heir.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "control/json.h"
#include "l4/elders.h"
#include "l4/estate.h"
#include "l4/forwarder_pass.h"
#include "l4/heritage.h"
#include "l4/link.h"
#include "l4/nurse.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINK_FD 3     /* in the new process */
#define TELL_MS 50    /* what is open, while it changes */
#define TELL_EVERY 20 /* and so many times that without change */
#define SESSIONS_MS 1000

struct heir {
    struct forwarder *f;
    uv_process_t process;
    uv_timer_t timer;          /* patience; then: tells what is open */
    struct link *link;         /* NULL: it has ended */
    struct control_call *call; /* NULL: answered */
    int64_t pid;        /* of what we have started; once it is ready, of what is to forward */
    unsigned n_handles; /* that are not closed */
    unsigned n_same;    /* times that nothing was told */
    uint32_t told_flows;
    int64_t told_sessions_ms;
    struct remains remains; /* as it knows them */
    bool passes;            /* workers are on their way out */
    bool leads;             /* we have retired */
    bool is_nursed;         /* its parent is what we have started */
};

char *heir_find_program(const char *argv0)
{
    char path[4096];
    ssize_t n = strchr(argv0, '/') ? -1 : readlink("/proc/self/exe", path, sizeof path - 1);
    if (n < 0)
        return xstrdup(argv0);
    path[n] = '\0';
    return xstrdup(path);
}

bool heir_is_coming(const struct forwarder *f)
{
    return f->heir && !f->heir->leads;
}

/* ---- the end of it ---- */

static void on_handle_closed(uv_handle_t *handle)
{
    struct heir *heir = handle->data;
    if (--heir->n_handles > 0)
        return;
    remains_free(&heir->remains);
    free(heir);
}

static void close_link(struct heir *heir)
{
    if (heir->link)
        link_close(heir->link);
    heir->link = NULL;
}

/** The process was told to end, or is not ours any more to look at. */
static void leave(struct heir *heir)
{
    close_link(heir);
    heir->f->heir = NULL;
    if (!uv_is_closing((uv_handle_t *)&heir->timer))
        uv_close((uv_handle_t *)&heir->timer, on_handle_closed);
}

static void refuse(struct heir *heir, json_t *errors, const char *why)
{
    char error[512];
    snprintf(error, sizeof error, "not replaced, this process (%d) goes on: %s", (int)getpid(),
             why);
    log_error("%s", error);
    if (heir->call)
        control_call_reply(heir->call, &(struct control_reply){
                                           .code = E_INVALID, .errors = errors, .error = error});
    heir->call = NULL;
    if (uv_is_active((uv_handle_t *)&heir->process)) {
        if (heir->is_nursed)
            kill((pid_t)heir->pid, SIGKILL);
        uv_process_kill(&heir->process, SIGKILL);
    }
    if (heir->passes)
        passing_take_back(heir->f);
    leave(heir);
}

static void on_exit_(uv_process_t *process, int64_t status, int signal)
{
    struct heir *heir = process->data;
    char why[128];
    if (heir->f->heir == heir && !heir->leads) {
        if (signal)
            snprintf(why, sizeof why, "the new one was ended by signal %d (%s)", signal,
                     strsignal(signal));
        else
            snprintf(why, sizeof why, "the new one ended with exit status %" PRId64, status);
        refuse(heir, NULL, why);
    }
    if (!uv_is_closing((uv_handle_t *)process))
        uv_close((uv_handle_t *)process, on_handle_closed);
}

static void on_impatient(uv_timer_t *timer)
{
    refuse(timer->data, NULL, "the new one was not ready after 10 s");
}

void heir_give_up(struct forwarder *f)
{
    if (heir_is_coming(f))
        refuse(f->heir, NULL, "it is to stop");
}

bool heir_has_crashed(const struct forwarder *f)
{
    return f->heir && f->heir->leads && !f->heir->link;
}

void heir_close(struct forwarder *f)
{
    struct heir *heir = f->heir;
    if (!heir)
        return;
    leave(heir);
    if (!uv_is_closing((uv_handle_t *)&heir->process))
        uv_close((uv_handle_t *)&heir->process, on_handle_closed);
}

/* ---- what it is told ---- */

/** With the descriptor, if it is one. Returns whether it went. */
static bool tell(struct heir *heir, json_t *packet, int fd)
{
    bool ok = heir->link && link_send(link_fd(heir->link), packet, &fd, fd >= 0) == 0;
    json_decref(packet);
    return ok;
}

/** Once we have retired. */
static void add_what_ends(struct heir *heir, json_t *update)
{
    int64_t now_ms = clock_mono_ms();
    json_t *fewer = remains_look(&heir->remains, heir->f->registry, now_ms);
    if (fewer)
        json_object_set_new(update, "fewer", fewer);
    if (now_ms - heir->told_sessions_ms < SESSIONS_MS)
        return;
    heir->told_sessions_ms = now_ms;
    heritage_write_sessions(update, heir->f->registry);
}

void heir_tell(struct forwarder *f)
{
    struct heir *heir = f->heir;
    if (!heir)
        return;
    json_t *update = estate_update(f, "update");
    heir->told_flows = (uint32_t)json_get_int(update, "flows", 0);
    heir->n_same = 0;
    if (heir->leads)
        add_what_ends(heir, update);
    else
        heritage_write_sets(update, &f->sets);
    if (!tell(heir, update, -1) && heir->link)
        log_warning("the process that takes over cannot be told: %s", strerror(errno));
}

static void on_tell(uv_timer_t *timer)
{
    struct heir *heir = timer->data;
    if (forwarder_n_flows(heir->f) != heir->told_flows || ++heir->n_same >= TELL_EVERY)
        heir_tell(heir->f);
}

/* ---- what it says ---- */

static void answer(struct heir *heir)
{
    json_t *result = json_object();
    json_set_text(result, "program", "loadstar-l4");
    json_set_int(result, "pid", heir->pid);
    json_set_int(result, "old_pid", getpid());
    json_set_int(result, "flows", forwarder_n_flows(heir->f));
    json_set_int(result, "drain_s", forwarder_longest_drain_ms(heir->f) / 1000);
    control_call_answer(heir->call, result);
    heir->call = NULL;
}

/** Returns whether it has gone. */
static bool say_go(struct heir *heir)
{
    json_t *go = json_object();
    json_set_text(go, "what", "go");
    int fd = estate_bequeath(heir->f, &heir->remains);
    if (fd < 0)
        log_warning("flows of datagrams and counts of clients are not handed on: %s",
                    strerror(errno));
    bool ok = tell(heir, go, fd);
    if (fd >= 0)
        close(fd);
    return ok;
}

/** The service manager hears of the new process before that one says anything, and has to be its
 *  parent then. */
void heir_go(struct forwarder *f)
{
    struct heir *heir = f->heir;
    heir_tell(f);
    if (heir->is_nursed)
        nurse_dismiss(heir->process.pid);
    notify_manager("MAINPID=%" PRId64, heir->pid);
    if (!say_go(heir)) {
        notify_manager("MAINPID=%d", (int)getpid());
        refuse(heir, NULL, "the new one does not listen any more");
        return;
    }
    notify_close();
    log_notice("process %" PRId64 " forwards from now on; %u flow%s left here", heir->pid,
               forwarder_n_flows(f), forwarder_n_flows(f) == 1 ? " is" : "s are");
    answer(heir);
    heir->passes = false;
    heir->leads = true;
    elders_leave(f);
    forwarder_retire(f);
    uv_timer_start(&heir->timer, on_tell, TELL_MS, TELL_MS);
}

/** Nothing can fail there any more. */
static void on_ready(struct heir *heir, int64_t pid)
{
    heir->is_nursed = pid > 0;
    if (pid > 0)
        heir->pid = pid;
    if (!passing_begin(heir->f)) {
        refuse(heir, NULL, "the last one has only just been given up: try again");
        return;
    }
    heir->passes = true;
    uv_timer_stop(&heir->timer);
}

static void obey(struct forwarder *f, const json_t *packet)
{
    heritage_obey(&f->sets, packet);
    forwarder_replan(f);
}

static void on_packet(void *arg, const json_t *packet, int fd)
{
    struct heir *heir = arg;
    const char *what = json_get_text(packet, "what", "");
    if (fd >= 0)
        close(fd);
    if (strcmp(what, "ready") == 0 && !heir->leads && !heir->passes)
        on_ready(heir, json_get_int(packet, "pid", 0));
    else if (strcmp(what, "failed") == 0 && !heir->leads)
        refuse(heir, json_object_get(packet, "errors"), "the new one cannot start");
    else if (strcmp(what, "members") == 0 && heir->leads)
        obey(heir->f, packet);
    else if (strcmp(what, "end") == 0 && heir->leads)
        forwarder_stop(heir->f, true);
}

/** Before it leads, its exit status tells more. */
static void on_link_ended(void *arg)
{
    struct heir *heir = arg;
    if (heir->leads)
        log_warning("process %" PRId64 " has ended; the flows left here go on", heir->pid);
    close_link(heir);
}

/* ---- its begin ---- */

static char **environment(void)
{
    static char link[32];
    size_t n = 0, k = 0;
    while (environ[n])
        n++;
    char **all = xcalloc(n + 4, sizeof(char *));
    for (; k < n; k++)
        all[k] = environ[k];
    for (char *const *v = notify_variables(); *v; v++)
        all[k++] = *v;
    snprintf(link, sizeof link, HEIR_VARIABLE "=%d", LINK_FD);
    all[k] = link;
    return all;
}

static int spawn(struct heir *heir, int fd)
{
    uv_stdio_container_t stdio[LINK_FD + 1];
    for (int i = 0; i <= LINK_FD; i++)
        stdio[i] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = i == LINK_FD ? fd : i};
    char **env = environment();
    const uv_process_options_t options = {.exit_cb = on_exit_,
                                          .file = heir->f->program,
                                          .args = heir->f->argv,
                                          .env = env,
                                          .stdio_count = ARRAY_LEN(stdio),
                                          .stdio = stdio};
    int rc = uv_spawn(&heir->f->loop, &heir->process, &options);
    free(env);
    return rc;
}

static struct heir *heir_new(struct forwarder *f, struct control_call *call)
{
    struct heir *heir = xcalloc(1, sizeof *heir);
    heir->f = f;
    heir->call = call;
    heir->n_handles = 2;
    heir->process.data = heir->timer.data = heir;
    uv_timer_init(&f->loop, &heir->timer);
    uv_timer_start(&heir->timer, on_impatient, HEIR_PATIENCE_MS, 0);
    f->heir = heir;
    return heir;
}

/** Nothing of it runs. */
static void fail(struct heir *heir, const char *why)
{
    refuse(heir, NULL, why);
    if (heir->process.type == UV_PROCESS)
        uv_close((uv_handle_t *)&heir->process, on_handle_closed);
    else
        heir->n_handles--;
}

void heir_start(struct forwarder *f, struct control_call *call)
{
    int ends[2];
    struct heir *heir = heir_new(f, call);
    const struct link_events events = {on_packet, on_link_ended, heir};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        ends[0] = ends[1] = -1;
    int rc = ends[0] < 0 ? -errno : spawn(heir, ends[1]);
    if (ends[1] >= 0)
        close(ends[1]);
    if (rc != 0) {
        if (ends[0] >= 0)
            close(ends[0]);
        fail(heir, uv_strerror(rc));
        return;
    }
    heir->pid = heir->process.pid;
    int code = estate_send(f, ends[0]);
    /* Of one that has ended already the exit status tells more. */
    if (code != 0 && errno != EPIPE && errno != ECONNRESET)
        close(ends[0]);
    else
        heir->link = link_open(&f->loop, ends[0], &events);
    if (!heir->link)
        refuse(heir, NULL, strerror(errno));
}
