/* SPDX-License-Identifier: Apache-2.0
 * The protocol of sd_notify(3): one datagram of KEY=VALUE lines to a Unix socket. */
#include "base/notify.h"

#include "base/digits.h"
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct {
    int fd; /* < 0 or never opened: there is no manager */
    struct sockaddr_un to;
    socklen_t to_len; /* 0: there is no manager */
    uint64_t watchdog_ms;
    char *variables[3]; /* "NAME=value", as they were; NULL: no more */
} manager = {.fd = -1};

/** The address as $NOTIFY_SOCKET has it: a path, or @NAME in the abstract namespace. */
static void set_address(const char *path)
{
    size_t n = path ? strlen(path) : 0;
    manager.to_len = 0;
    if (n < 2 || n > sizeof manager.to.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    manager.to = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(manager.to.sun_path, path, n);
    if (path[0] == '@')
        manager.to.sun_path[0] = '\0';
    manager.to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

/** A whole number above 0, else 0. */
static uint64_t number_in(const char *text)
{
    uint64_t n;
    return text && decimal_parse(slice_str(text), UINT64_MAX, &n) ? n : 0;
}

static uint64_t watchdog_ms(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t n = number_in(usec);
    if (n == 0 || (pid && number_in(pid) != (uint64_t)getpid()))
        return 0;
    return n / 2000 > 0 ? n / 2000 : 1;
}

static void keep_variables(void)
{
    static const char *const names[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC"};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(manager.variables); i++) {
        free(manager.variables[i]);
        manager.variables[i] = NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = getenv(names[i]);
        if (value && asprintf(&manager.variables[n], "%s=%s", names[i], value) >= 0)
            n++;
    }
}

void notify_open(void)
{
    keep_variables();
    set_address(getenv("NOTIFY_SOCKET"));
    manager.watchdog_ms = watchdog_ms();
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    if (manager.fd >= 0)
        close(manager.fd);
    manager.fd = manager.to_len > 0 ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
    if (manager.to_len > 0 && manager.fd < 0)
        log_warning("cannot tell the service manager anything: %s", strerror(errno));
}

void notify_manager(const char *fmt, ...)
{
    char text[1024];
    va_list args;
    if (manager.fd < 0)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (sendto(manager.fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
               (const struct sockaddr *)&manager.to, manager.to_len) < 0)
        log_warning("cannot tell the service manager '%.*s': %s", (int)strcspn(text, "\n"), text,
                    strerror(errno));
}

char *const *notify_variables(void)
{
    return manager.variables;
}

void notify_close(void)
{
    if (manager.fd >= 0)
        close(manager.fd);
    manager.fd = -1;
}

uint64_t notify_watchdog_ms(void)
{
    return manager.fd < 0 ? 0 : manager.watchdog_ms;
}
