/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: the commands of the control socket, for the server that takes its requests. */
#pragma once

#include "control/server.h"
#include "ctl/run.h"

/** Hands requests to the service, which is borrowed, and its outcomes back. */
struct control_handler socket_handler(const struct run_service *service) ATTR_NONNULL;
