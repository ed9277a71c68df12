/* SPDX-License-Identifier: Apache-2.0
 * Options that daemons share. */
#include "base/daemon_args.h"

#include "base/log.h"
#include "base/notify.h"
#include "base/process.h"
#include "config.h"

#include <getopt.h>
#include <stdio.h>

enum { OPT_CHECK = 256, OPT_VERSION };

static struct daemon_args refuse(const char *program, const char *why, const char *usage)
{
    if (why)
        fprintf(stderr, "%s: %s\n", program, why);
    fputs(usage, stderr);
    return (struct daemon_args){.done = true, .status = EXIT_USAGE};
}

struct daemon_args daemon_args_read(int argc, char **argv, const char *program, const char *usage)
{
    static const struct option options[] = {
        {"check", no_argument, NULL, OPT_CHECK},
        {"version", no_argument, NULL, OPT_VERSION},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct daemon_args args = {.status = EXIT_DONE};
    for (int c; (c = getopt_long(argc, argv, "c:h", options, NULL)) >= 0;) {
        switch (c) {
        case 'c':
            args.path = optarg;
            break;
        case OPT_CHECK:
            args.check = true;
            break;
        case OPT_VERSION:
            printf("%s %s\n", program, PACKAGE_VERSION);
            return (struct daemon_args){.done = true};
        case 'h':
            fputs(usage, stdout);
            return (struct daemon_args){.done = true};
        default: /* getopt has said why */
            return refuse(program, NULL, usage);
        }
    }
    if (optind < argc)
        return refuse(program, "takes options only", usage);
    if (!args.path)
        return refuse(program, "-c FILE is needed", usage);
    return args;
}

void daemon_set_up(void)
{
    log_init(LOG_LEVEL_INFO);
    rights_disinherit();
    notify_open();
    process_set_up_heap();
    process_raise_file_limit();
}
