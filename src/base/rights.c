/* SPDX-License-Identifier: Apache-2.0
 * Capabilities by their system calls: four calls are not worth a library. */
#include "base/rights.h"

#include "base/diag.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/** The three sets of the calling thread. */
struct sets {
    rights_set effective, permitted, inheritable;
};

static int get_sets(struct sets *sets)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct v[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &head, v) != 0)
        return E_SYSTEM;
    *sets = (struct sets){
        .effective = v[0].effective | (rights_set)v[1].effective << 32,
        .permitted = v[0].permitted | (rights_set)v[1].permitted << 32,
        .inheritable = v[0].inheritable | (rights_set)v[1].inheritable << 32,
    };
    return 0;
}

static int set_sets(const struct sets *sets)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct v[_LINUX_CAPABILITY_U32S_3];
    for (unsigned i = 0; i < 2; i++)
        v[i] = (struct __user_cap_data_struct){
            .effective = (uint32_t)(sets->effective >> 32 * i),
            .permitted = (uint32_t)(sets->permitted >> 32 * i),
            .inheritable = (uint32_t)(sets->inheritable >> 32 * i),
        };
    return syscall(SYS_capset, &head, v) != 0 ? E_SYSTEM : 0;
}

rights_set rights_held(void)
{
    struct sets sets;
    return get_sets(&sets) == 0 ? sets.effective : 0;
}

void rights_disinherit(void)
{
    struct sets sets;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (get_sets(&sets) == 0) {
        sets.inheritable = 0;
        (void)!set_sets(&sets); /* to have less takes no right */
    }
}

int rights_lend(rights_set lend)
{
    struct sets sets;
    if (get_sets(&sets) != 0)
        return E_SYSTEM;
    lend &= sets.permitted;
    sets.inheritable |= lend;
    if (set_sets(&sets) != 0)
        return E_SYSTEM;
    for (unsigned long c = 0; c < 64; c++)
        if ((lend & RIGHT(c)) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0) != 0)
            return E_SYSTEM;
    return 0;
}

void rights_empty_bounding_set(void)
{
    for (unsigned long c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
        prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
}

int rights_confine(rights_set keep)
{
    struct sets sets;
    if (get_sets(&sets) != 0)
        return E_SYSTEM;
    keep &= sets.permitted;
    /* A filter of system calls may forbid capset() to one who has no more than this anyway. */
    bool is_so = sets.permitted == keep && sets.effective == keep;
    sets = (struct sets){.effective = keep, .permitted = keep};
    if (set_sets(&sets) != 0 && !is_so)
        return E_SYSTEM;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ? E_SYSTEM : 0;
}

int rights_drop(rights_set drop)
{
    struct sets sets;
    if (get_sets(&sets) != 0)
        return E_SYSTEM;
    if (!((sets.permitted | sets.effective | sets.inheritable) & drop))
        return 0; /* where a filter may forbid capset() */
    sets = (struct sets){.effective = sets.effective & ~drop,
                         .permitted = sets.permitted & ~drop,
                         .inheritable = sets.inheritable & ~drop};
    return set_sets(&sets);
}
