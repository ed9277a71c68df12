/* SPDX-License-Identifier: Apache-2.0
 * Commands as process groups. */
#include "drive/process.h"

#include "drive/program.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of a millisecond, until descendants of what was killed have come to us, and have died: each needs
 * its turn on a busy machine. */
#define STOP_ROUNDS 200

/* ---- the list of those that run ---- */

static void link_process(struct processes *all, struct process *p)
{
    p->prev = NULL;
    p->next = all->running;
    if (p->next)
        p->next->prev = p;
    all->running = p;
}

static void unlink_process(struct processes *all, struct process *p)
{
    if (p->prev)
        p->prev->next = p->next;
    else
        all->running = p->next;
    if (p->next)
        p->next->prev = p->prev;
    p->pid = 0;
}

/* ---- what the process has started ---- */

/* Children are the process's, not a loop's: whoever looks through them has to know which are the
 * leaders of others. */
struct leader {
    pid_t pid;       /* 0: it is being started, and may be a child that nobody knows yet */
    uint64_t number; /* 0: it has been killed */
};

static struct {
    pthread_mutex_t lock;
    VEC(struct leader) leaders; /* that are not reaped yet */
    uint64_t last_number;
} started = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t find_leader(pid_t pid)
{
    size_t i = 0;
    while (i < started.leaders.n && started.leaders.v[i].pid != pid)
        i++;
    return i;
}

static bool runs(uint64_t number)
{
    for (size_t i = 0; i < started.leaders.n; i++)
        if (started.leaders.v[i].number == number)
            return true;
    return false;
}

/* Of one that has been killed: its number is not there any more, its pid is until it is reaped. */
static void forget_number(pid_t pid)
{
    pthread_mutex_lock(&started.lock);
    started.leaders.v[find_leader(pid)].number = 0;
    pthread_mutex_unlock(&started.lock);
}

/* waitpid() of a leader; in the lock, as its pid may be a new one's as soon as it is reaped. */
static bool reap_leader(pid_t pid, int *status)
{
    pthread_mutex_lock(&started.lock);
    bool gone = waitpid(pid, status, WNOHANG) != 0;
    size_t i = gone ? find_leader(pid) : started.leaders.n;
    if (i < started.leaders.n)
        started.leaders.v[i] = started.leaders.v[--started.leaders.n];
    pthread_mutex_unlock(&started.lock);
    return gone;
}

/* ---- ends ---- */

static void reap_dying(struct processes *all)
{
    size_t kept = 0;
    for (size_t i = 0; i < all->dying.n; i++)
        if (!reap_leader(all->dying.v[i], NULL))
            all->dying.v[kept++] = all->dying.v[i];
    all->dying.n = kept;
}

/* One that has ended is a zombie until the group is killed. */
static void take_exit(struct processes *all, struct process *p)
{
    int status = 0;
    pid_t pid = p->pid;
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
        return;
    kill(-pid, SIGKILL);
    reap_leader(pid, &status);
    unlink_process(all, p);
    p->exited(p, WIFEXITED(status) ? WEXITSTATUS(status) : 0,
              WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void on_child(uv_signal_t *handle, int number)
{
    struct processes *all = handle->data;
    (void)number;
    reap_dying(all);
    for (struct process *p = all->running, *next; p; p = next) {
        next = p->next; /* whose owner is not told by the end of another */
        take_exit(all, p);
    }
    processes_sweep(all);
    all->ended(all);
}

void process_end(struct processes *all, struct process *p)
{
    if (p->pid == 0)
        return;
    kill(-p->pid, SIGKILL);
    *vec_push(&all->dying) = p->pid;
    forget_number(p->pid);
    unlink_process(all, p);
    reap_dying(all);
}

/* ---- descendants that have left their group ---- */

/* The command that a process descends from, by its environment; 0: none is named. */
static uint64_t number_of(pid_t pid)
{
    static const char name[] = PROCESS_VARIABLE "=";
    char path[32], env[16384];
    unsigned long long number = 0;
    long ours = 0;
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, env, sizeof env - 1) : -1;
    size_t n = got > 0 ? (size_t)got : 0;
    if (fd >= 0)
        close(fd);
    env[n] = '\0';
    for (const char *at = env; at < env + n; at += strlen(at) + 1)
        if (strncmp(at, name, sizeof name - 1) == 0 &&
            sscanf(at + sizeof name - 1, "%ld.%llu", &ours, &number) == 2 && ours == getpid())
            return number;
    return 0;
}

/* Whether a child of ours that is no leader has outlived its command. Without a number it is left
 * alone: in a container, what others have started comes to us as well. */
static bool is_over(pid_t pid)
{
    uint64_t number = number_of(pid);
    return number && find_leader(getpgid(pid)) == started.leaders.n && !runs(number);
}

/* While a command is being started, a child that has ended may be that one: it stays. */
static bool reap_orphan(pid_t pid)
{
    return find_leader(0) == started.leaders.n && waitpid(pid, NULL, WNOHANG) != 0;
}

static void sweep_child(struct processes *all, pid_t pid)
{
    if (find_leader(pid) < started.leaders.n || reap_orphan(pid) || !is_over(pid))
        return;
    all->has_orphans = true;
    kill(pid, SIGKILL); /* a child of ours: its number is nobody else's yet */
}

/* Those that come to us are children of our first thread. */
static void sweep_children(struct processes *all)
{
    char path[64];
    int pid;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    pthread_mutex_lock(&started.lock);
    while (fscanf(file, "%d", &pid) == 1)
        sweep_child(all, pid);
    pthread_mutex_unlock(&started.lock);
    fclose(file);
}

void processes_sweep(struct processes *all)
{
    if (!all->reaping)
        return;
    reap_dying(all);
    all->has_orphans = false;
    sweep_children(all);
}

/* ---- start ---- */

void processes_init(struct processes *all, uv_loop_t *loop)
{
    *all = (struct processes){0};
    uv_signal_init(loop, &all->child);
    all->child.data = all;
}

/* Only with the first command: without exec checks we are nobody's reaper. */
static void begin(struct processes *all)
{
    if (uv_is_active((uv_handle_t *)&all->child))
        return;
    all->reaping = prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
    uv_signal_start(&all->child, on_child, SIGCHLD);
    uv_unref((uv_handle_t *)&all->child);
}

void processes_stop(struct processes *all)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    while (all->running)
        process_end(all, all->running);
    for (int i = 0; i < STOP_ROUNDS && all->reaping; i++) {
        processes_sweep(all);
        if (!all->has_orphans && all->dying.n == 0)
            break;
        nanosleep(&moment, NULL);
    }
    uv_signal_stop(&all->child);
    vec_free(&all->dying);
}

uint32_t processes_dying(const struct processes *all)
{
    return (uint32_t)all->dying.n;
}

void process_variable(char out[PROCESS_VARIABLE_MAX], struct process *p)
{
    pthread_mutex_lock(&started.lock);
    p->number = ++started.last_number;
    pthread_mutex_unlock(&started.lock);
    snprintf(out, PROCESS_VARIABLE_MAX, PROCESS_VARIABLE "=%ld.%llu", (long)getpid(),
             (unsigned long long)p->number);
}

static int spawn(pid_t *pid, const char *file, char *const *argv, char *const *env,
                 const struct process_files *files)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    if (files->in < 0)
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    else
        posix_spawn_file_actions_adddup2(&actions, files->in, 0);
    posix_spawn_file_actions_adddup2(&actions, files->out, 1);
    posix_spawn_file_actions_adddup2(&actions, files->err, 2);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int code = posix_spawn(pid, file, &actions, &attr, argv, env);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return -code;
}

/* A text without `#!` is the shell's, as for execvp(3). */
static int spawn_by_shell(pid_t *pid, const char *file, char *const *argv, char *const *env,
                          const struct process_files *files)
{
    size_t n = 0;
    while (argv[n])
        n++;
    char **args = xcalloc(n + 2, sizeof *args);
    args[0] = (char *)(uintptr_t) "/bin/sh";
    args[1] = (char *)(uintptr_t)file;
    memcpy(args + 2, argv + 1, n * sizeof *args);
    int code = spawn(pid, args[0], args, env, files);
    free(args);
    return code;
}

static void announce(uint64_t number)
{
    pthread_mutex_lock(&started.lock);
    *vec_push(&started.leaders) = (struct leader){.number = number};
    pthread_mutex_unlock(&started.lock);
}

/* pid 0: it could not be started. */
static void register_leader(uint64_t number, pid_t pid)
{
    size_t i = 0;
    pthread_mutex_lock(&started.lock);
    while (started.leaders.v[i].pid != 0 || started.leaders.v[i].number != number)
        i++;
    if (pid)
        started.leaders.v[i].pid = pid;
    else
        started.leaders.v[i] = started.leaders.v[--started.leaders.n];
    pthread_mutex_unlock(&started.lock);
}

/* Without the lock, as it lasts for as long as the program's file system takes. */
static int spawn_file(pid_t *pid, const char *file, char *const *argv, char *const *env,
                      const struct process_files *files)
{
    int code = spawn(pid, file, argv, env, files);
    return code == -ENOEXEC ? spawn_by_shell(pid, file, argv, env, files) : code;
}

int process_start(struct processes *all, struct process *p, char *const *argv, char *const *env,
                  const char *path, const struct process_files *files)
{
    char file[PROGRAM_PATH_MAX];
    pid_t pid = 0;
    int code = program_find(file, argv[0], path);
    if (code != 0)
        return code;
    begin(all);
    announce(p->number);
    code = spawn_file(&pid, file, argv, env, files);
    register_leader(p->number, code == 0 ? pid : 0);
    if (code != 0)
        return code;
    p->pid = pid;
    link_process(all, p);
    return 0;
}
