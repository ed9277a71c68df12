/* SPDX-License-Identifier: Apache-2.0
 * loadstar-l4: the command line. */
#include "base/daemon_args.h"
#include "l4/forwarder.h"
#include "l4/nurse.h"

#include <stdio.h>
#include <unistd.h>

static const char usage[] =
    "usage: loadstar-l4 -c FILE [--check]\n"
    "  -c FILE    the configuration file (l4.yaml)\n"
    "  --check    load it and all that it names, print what is wrong, and exit with 0 or 1\n"
    "  --version  print the version\n"
    "  --help     print this\n"
    "Stays in the foreground and logs to stderr. SIGHUP reloads; SIGTERM drains and stops, a\n"
    "second one stops at once. See loadstar-l4(8).\n";

/** Does exactly what loading does, and tells. */
static int check(const char *path)
{
    struct setup *setup = NULL;
    struct diags diags;
    diags_init(&diags);
    int code = setup_load(&setup, path, NULL, SETUP_CHECK, &diags);
    if (isatty(STDERR_FILENO))
        diags_show(&diags, stderr);
    else
        diags_print(&diags, stderr);
    char summary[SETUP_SUMMARY_MAX];
    if (code == 0)
        printf("%s: ok, %s\n", path, setup_summary(summary, setup));
    else
        fprintf(stderr, "%s: not ok, %u error%s\n", path, diags.n_errors,
                diags.n_errors == 1 ? "" : "s");
    setup_release(setup);
    diags_free(&diags);
    return code == 0 ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    const struct daemon_args args = daemon_args_read(argc, argv, "loadstar-l4", usage);
    if (args.done)
        return args.status;
    if (args.check)
        return check(args.path);
    nurse_part();
    daemon_set_up();
    return forwarder_run(args.path, argv);
}
