/* SPDX-License-Identifier: Apache-2.0
 * loadstar-l4: the command line. */
#include "base/log.h"
#include "base/notify.h"
#include "base/process.h"
#include "config.h"
#include "l4/forwarder.h"

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: loadstar-l4 -c FILE [--check]\n"
    "  -c FILE    the configuration file (l4.yaml)\n"
    "  --check    load it and all that it names, print what is wrong, and exit with 0 or 1\n"
    "  --version  print the version\n"
    "  --help     print this\n"
    "Stays in the foreground and logs to stderr. SIGHUP reloads, SIGTERM drains and stops, a "
    "second\n"
    "one stops at once. See loadstar-l4(8).\n";

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

static int refuse(const char *why)
{
    fprintf(stderr, "%s%s", why, usage);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    enum { OPT_CHECK = 256, OPT_VERSION };
    static const struct option options[] = {
        {"check", no_argument, NULL, OPT_CHECK},
        {"version", no_argument, NULL, OPT_VERSION},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *path = NULL;
    bool only_check = false;
    for (int c; (c = getopt_long(argc, argv, "c:h", options, NULL)) >= 0;) {
        switch (c) {
        case 'c':
            path = optarg;
            break;
        case OPT_CHECK:
            only_check = true;
            break;
        case OPT_VERSION:
            printf("loadstar-l4 %s\n", PACKAGE_VERSION);
            return EXIT_DONE;
        case 'h':
            fputs(usage, stdout);
            return EXIT_DONE;
        default: /* getopt has said why */
            return refuse("");
        }
    }
    if (optind < argc)
        return refuse("loadstar-l4: takes options only\n");
    if (!path)
        return refuse("loadstar-l4: -c FILE is needed\n");
    if (only_check)
        return check(path);
    log_init(LOG_LEVEL_INFO);
    rights_disinherit();
    notify_open();
    process_set_up_heap();
    process_raise_file_limit();
    return forwarder_run(path, argv);
}
