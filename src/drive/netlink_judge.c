/* SPDX-License-Identifier: Apache-2.0
 * What a netlink message means: data, an end with its error, or nothing. */
#include "drive/netlink.h"

#include <errno.h>
#include <limits.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>

/* Printable ASCII up to a NUL or the end: the kernel's texts are that. */
static void keep_text(char out[NETLINK_TEXT_MAX], const struct nlattr *attr)
{
    const char *p = nla_data(attr);
    int n = nla_len(attr), kept = 0;
    for (int i = 0; i < n && p[i] && kept < NETLINK_TEXT_MAX - 1; i++)
        out[kept++] = p[i] >= ' ' && p[i] < 127 ? p[i] : '?';
    out[kept] = '\0';
}

/* Attributes of an extended ack come behind `before` bytes of payload (linux/netlink.h,
 * NLM_F_ACK_TLVS). */
static void keep_ack_text(char out[NETLINK_TEXT_MAX], const struct nlmsghdr *message, size_t before)
{
    size_t n = (size_t)nlmsg_datalen(message);
    if (!(message->nlmsg_flags & NLM_F_ACK_TLVS) || NLMSG_ALIGN(before) >= n)
        return;
    const struct nlattr *text =
        nla_find((const struct nlattr *)((const char *)nlmsg_data(message) + NLMSG_ALIGN(before)),
                 (int)(n - NLMSG_ALIGN(before)), NLMSGERR_ATTR_MSG);
    if (text)
        keep_text(out, text);
}

/* An errno of the kernel's is -4095..0 (MAX_ERRNO, linux/err.h). */
static int sound_error(int error)
{
    return error <= 0 && error >= -4095 ? error : -EPROTO;
}

static void read_error(struct netlink_end *end, const struct nlmsghdr *message)
{
    struct nlmsgerr said;
    if (nlmsg_datalen(message) < (int)sizeof said) {
        end->error = -EPROTO;
        return;
    }
    memcpy(&said, nlmsg_data(message), sizeof said);
    end->error = sound_error(said.error);
    /* Without NLM_F_CAPPED the request follows, whole. */
    size_t before = sizeof said;
    if (!(message->nlmsg_flags & NLM_F_CAPPED) && said.msg.nlmsg_len > sizeof said.msg)
        before += said.msg.nlmsg_len - sizeof said.msg;
    keep_ack_text(end->text, message, before);
}

/* The end of a dump carries an error since Linux 4.14; before, or without one, it is empty. */
static void read_done(struct netlink_end *end, const struct nlmsghdr *message)
{
    int error = 0;
    if (nlmsg_datalen(message) >= (int)sizeof error) {
        memcpy(&error, nlmsg_data(message), sizeof error);
        keep_ack_text(end->text, message, sizeof error);
    }
    end->error = sound_error(error);
}

enum netlink_kind netlink_judge(const struct nlmsghdr *message, struct netlink_end *end)
{
    *end = (struct netlink_end){0};
    switch (message->nlmsg_type) {
    case NLMSG_NOOP:
        return NETLINK_KIND_NONE;
    case NLMSG_OVERRUN:
        return NETLINK_KIND_LOST;
    case NLMSG_ERROR:
        read_error(end, message);
        return NETLINK_KIND_END;
    case NLMSG_DONE:
        read_done(end, message);
        return NETLINK_KIND_END;
    default:
        return NETLINK_KIND_DATA;
    }
}
