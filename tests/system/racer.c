/* SPDX-License-Identifier: Apache-2.0
 * The attacker of test_control_race.py: as soon as `NAME` appears in DIRECTORY, a file that is
 * there already takes its place. Says what it did on standard output; ends with its standard input.
 *
 *     racer DIRECTORY NAME READY-MADE
 *
 * READY-MADE is put back by a link after each round, so that it can be used again. */
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char events[4096], target[4096];
    if (argc != 4 || chdir(argv[1]) != 0)
        return 2;
    ssize_t n = readlink(argv[3], target, sizeof target - 1);
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (n < 0 || fd < 0 || inotify_add_watch(fd, ".", IN_CREATE | IN_ATTRIB | IN_MOVED_TO) < 0)
        return 2;
    target[n] = '\0';
    puts("ready");
    fflush(stdout);
    struct pollfd ends[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    while (poll(ends, 2, -1) > 0 && !ends[1].revents) {
        bool hit = false;
        while ((n = read(fd, events, sizeof events)) > 0)
            for (const char *p = events; p < events + n;) {
                const struct inotify_event *e = (const void *)p;
                hit = hit || ((e->mask & IN_CREATE) && e->len && strcmp(e->name, argv[2]) == 0);
                p += sizeof *e + e->len;
            }
        if (!hit)
            continue;
        puts(rename(argv[3], argv[2]) == 0 ? "swapped" : "missed");
        if (symlink(target, argv[3]) != 0)
            puts("spent");
        fflush(stdout);
    }
    return 0;
}
