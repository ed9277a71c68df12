/* SPDX-License-Identifier: Apache-2.0
 * The kernel's word on its boot, or systemd's. */
#include "base/boot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_kernel(char out[BOOT_ID_MAX])
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    bool ok = file && fscanf(file, "%39[0-9a-f-]", out) == 1;
    if (file)
        fclose(file);
    return ok;
}

static bool read_environment(char out[BOOT_ID_MAX])
{
    const char *text = getenv("LOADSTAR_BOOT_ID");
    size_t n = text ? strlen(text) : 0;
    if (n == 0 || n >= BOOT_ID_MAX || strspn(text, "0123456789abcdef-") != n)
        return false;
    memcpy(out, text, n + 1);
    return true;
}

bool boot_id(char out[BOOT_ID_MAX])
{
    if (read_kernel(out) || read_environment(out))
        return true;
    out[0] = '\0';
    return false;
}
