/* SPDX-License-Identifier: Apache-2.0
 * Errors of IPVS in words. */
#include "tier/ipvs_errors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HOW_TO_ALLOW "which the drop-in contrib/systemd/tier-ipvs.conf gives"

static enum tier_error reason_of(int error)
{
    switch (-error) {
    case EPERM:
    case EACCES:
        return TIER_ERROR_DENIED;
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return TIER_ERROR_UNREACHABLE;
    case ETIMEDOUT:
        return TIER_ERROR_TIMEOUT;
    case ENOBUFS:
    case EINTR:
    case EMSGSIZE:
    case EPROTO:
    case EIO:
        return TIER_ERROR_PROTOCOL;
    default:
        return TIER_ERROR_REJECTED;
    }
}

static const char *meaning_of(int error)
{
    switch (-error) {
    case EPERM:
    case EACCES:
        return "CAP_NET_ADMIN is missing, " HOW_TO_ALLOW;
    case EPROTONOSUPPORT:
        return "no netlink socket, or a protocol that the kernel does not have";
    case EAFNOSUPPORT:
        return "no netlink socket, or no IPv6 in the kernel's IPVS: it takes "
               "RestrictAddressFamilies=AF_NETLINK, " HOW_TO_ALLOW;
    case ETIMEDOUT:
        return "the kernel does not answer";
    case ENOBUFS:
        return "answers of the kernel were lost";
    case EINTR:
        return "it changes faster than it can be read";
    case EMSGSIZE:
    case EPROTO:
        return "the kernel's answer is not what it can be";
    default:
        return strerror(-error);
    }
}

void ipvs_explain(struct ipvs_error *out, int error, const char *said, const char *what)
{
    out->reason = reason_of(error);
    snprintf(out->text, sizeof out->text, "%s: %s%s%s%s", what, meaning_of(error),
             said[0] ? " (" : "", said, said[0] ? ")" : "");
}

void ipvs_explain_absent(struct ipvs_error *out)
{
    out->reason = TIER_ERROR_UNREACHABLE;
    snprintf(out->text, sizeof out->text, "the kernel has no IPVS: modprobe ip_vs");
}

void ipvs_explain_scheduler(struct ipvs_error *out, const char *scheduler)
{
    out->reason = TIER_ERROR_REJECTED;
    snprintf(out->text, sizeof out->text, "scheduler '%s' is not available: modprobe ip_vs_%s",
             scheduler, scheduler);
}
