/* SPDX-License-Identifier: Apache-2.0
 * loadstard: the command line. */
#include "anycast/guard.h"
#include "base/daemon_args.h"
#include "base/digits.h"
#include "base/give_way.h"
#include "base/log.h"
#include "base/process.h"
#include "compile/compile.h"
#include "io/host.h"
#include "main/daemon.h"
#include "main/judge.h"
#include "main/report.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: loadstard -c FILE [--check]\n"
    "  -c FILE    the main configuration file\n"
    "  --check    load it and all that it names, print what is wrong, and exit with 0 or 1\n"
    "  --version  print the version\n"
    "  --help     print this\n"
    "Stays in the foreground and logs to stderr. SIGHUP reloads, SIGTERM stops. See "
    "loadstard(8).\n";

/** Does exactly what loading does, and tells. */
static int check(const char *path)
{
    struct generation *g;
    struct diags diags;
    diags_init(&diags);
    int code = judge_load(&g, path, &(struct load_options){.purpose = LOAD_CHECK}, &diags);
    if (isatty(STDERR_FILENO))
        diags_show(&diags, stderr);
    else
        diags_print(&diags, stderr);
    if (code == 0) {
        char summary[256];
        g->number = 1;
        printf("%s: ok, %s\n", path, report_summary(summary, sizeof summary, g));
    } else {
        fprintf(stderr, "%s: not ok, %u error%s\n", path, diags.n_errors,
                diags.n_errors == 1 ? "" : "s");
    }
    if (code == 0) {
        snapshot_free(g->snapshot);
        generation_free(g);
    }
    diags_free(&diags);
    return code == 0 ? EXIT_DONE : EXIT_FAILED;
}

/** The process that loadstard starts beside itself (anycast/guard.h); not for operators. */
static int guard(const char *fd_text, const char *user)
{
    uint64_t fd;
    struct diags diags;
    if (!decimal_parse(slice_str(fd_text), INT_MAX, &fd) ||
        fcntl((int)fd, F_SETFD, FD_CLOEXEC) != 0) {
        fprintf(stderr, "loadstard: --guard is started by loadstard itself\n");
        return EXIT_USAGE;
    }
    log_init(LOG_LEVEL_INFO);
    rights_disinherit();
    go_first();
    diags_init(&diags);
    int code = 0;
    if (user)
        code = process_become(user, RIGHT(CAP_NET_ADMIN), &diags);
    else if (geteuid() != 0)
        code = process_confine(RIGHT(CAP_NET_ADMIN), &diags);
    diags_log(&diags);
    diags_free(&diags);
    return code == 0 ? guard_run((int)fd) : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    if (argc > 2 && argc < 5 && strcmp(argv[1], "--guard") == 0)
        return guard(argv[2], argv[3]);
    const struct daemon_args args = daemon_args_read(argc, argv, "loadstard", usage);
    if (args.done)
        return args.status;
    if (args.check)
        return check(args.path);
    daemon_set_up();
    return daemon_run(args.path);
}
