/* SPDX-License-Identifier: Apache-2.0
 * Syntax errors of libyaml in words that tell a person what to mend. */
#pragma once

#include "base/diag.h"

#include <yaml.h>

/** Reports the error that `parser` stopped at. `text` is what it was given to parse. */
void yaml_report(struct diags *diags, const yaml_parser_t *parser, const char *file,
                 struct slice text) ATTR_NONNULL;
