/* SPDX-License-Identifier: Apache-2.0
 * Who the parent of a process that takes over is. */
#include "l4/nurse.h"

#include "base/digits.h"
#include "l4/heir.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static bool has_nurse;

/** The old process knows from our status what has become of the new one. */
static _Noreturn void end_as(int status)
{
    if (WIFSIGNALED(status)) {
        prctl(PR_SET_DUMPABLE, 0); /* its core tells what happened, not ours */
        signal(WTERMSIG(status), SIG_DFL);
        raise(WTERMSIG(status));
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

static _Noreturn void nurse(pid_t child, int link)
{
    int status = 0;
    close(link);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    end_as(status);
}

void nurse_part(void)
{
    uint64_t link;
    const char *text = getenv(HEIR_VARIABLE);
    if (!text || !decimal_parse(slice_str(text), INT_MAX, &link))
        return;
    pid_t parent = getpid(), child = fork();
    if (child > 0)
        nurse(child, (int)link);
    if (child < 0)
        return; /* the old process stays its parent */
    has_nurse = true;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
}

bool nurse_leave(void)
{
    prctl(PR_SET_PDEATHSIG, 0);
    return has_nurse;
}

void nurse_dismiss(pid_t pid)
{
    siginfo_t info;
    kill(pid, SIGKILL);
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        continue;
}
