/* SPDX-License-Identifier: Apache-2.0
 * Threads that can wait, beside threads that answer. */
#pragma once

/** Lets the calling thread, and those that it starts from now on, give way to threads of usual
 *  priority on their cores: for good, as it takes rights to undo it. They get all that the others
 *  leave, and about a tenth when these leave nothing, so that no one starves. */
void give_way(void);
