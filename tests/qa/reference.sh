#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The reference of the configuration is what mkreference prints from the tables: run by `make check`
# in the build directory, with $srcdir set.
srcdir=${srcdir:-.}
bad=0
check() { # format file
	./mkreference "$1" | cmp -s - "$srcdir/$2" || { echo "$2 is not current: make reference"; bad=1; }
}
check md contrib/doc/reference.md
check man contrib/man/loadstar.yaml.5
check man-l4 contrib/man/loadstar-l4.yaml.5
exit $bad
