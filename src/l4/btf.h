/* SPDX-License-Identifier: Apache-2.0
 * The kernel's description of its own types (BTF), for a BPF program that reads members of them:
 * where these are is another in each build of a kernel. */
#pragma once

#include "base/attr.h"
#include "base/slice.h"

/** Where struct `type` has `member`: a number of bytes; or -1 where there is no such struct or
 *  member, the member is a bit field, or the bytes are no BTF. What is in unnamed structs within is
 *  not looked for. */
int64_t btf_member_offset(struct slice btf, const char *type, const char *member) ATTR_MUST_USE;
