#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Format by .clang-format, no file of src over 400 lines, of tests over 800, each file with its licence line.
cd "$(dirname "$0")/../.." || exit
# Longer ones, and why: a table in which one looks things up may be. None is.
longer=""
files=$(find src include tests contrib -name '*.[ch]')
scripts=$(find src tests contrib -name '*.mk' -o -name '*.sh' -o -name '*.py')
bad=0
# One program for many files: to start one for each takes longer than all that they do.
echo "$files" | xargs -n 100 -P "$(nproc)" clang-format --dry-run -Werror || { echo "not as clang-format has it"; bad=1; }
# shellcheck disable=SC2086 # a list of words
awk -v longer="$longer" '
	function say(what) { print file ": " what; bad = 1 }
	function judge() {
		if (!licensed) say("no SPDX line")
		if (file !~ /\.[ch]$/) return
		listed = index(" " longer " ", " " file " ")
		most = listed ? 600 : file ~ /^(src|include)\// ? 400 : 800
		if (lines > most) say("over " most " lines")
		if (listed && lines <= 400) say("no longer over 400 lines, take it off the list")
	}
	BEGIN {
		for (i = 1; i < ARGC; i++) {
			file = ARGV[i]
			lines = licensed = 0
			while ((got = (getline line <file)) > 0)
				if (++lines <= 3 && line ~ /SPDX-License-Identifier: Apache-2\.0/) licensed = 1
			if (got < 0) say("cannot be read")
			close(file)
			judge()
		}
		exit bad
	}' $files $scripts || bad=1
echo "style: $(echo "$files" | wc -l) files"
exit $bad
