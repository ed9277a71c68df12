# SPDX-License-Identifier: Apache-2.0
# Sourced by quickstart.sh, lab.sh and test.sh: names every Debian package that they need, installs the
# missing ones, and builds. Needs root (or sudo) only when something is missing.

build_packages="gcc libc6-dev make autoconf automake pkg-config libldns-dev libuv1-dev
libssl-dev libyaml-dev libmaxminddb-dev liburcu-dev libmicrohttpd-dev libjansson-dev libidn2-dev libnl-3-dev libnl-genl-3-dev"

say() { printf '==> %s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# As root: no service of an installed package may start, neither now (policy-rc.d, invoke-rc.d(8)) nor with the
# machine: daemons that listen (gobgpd on all addresses) are for the tests to start, on hosts of their own.
without_services='
policy=/usr/sbin/policy-rc.d
saved=
if [ -e $policy ]; then saved=$policy.loadstar-saved; mv $policy $saved; fi
restore() { rm -f $policy; [ -z "$saved" ] || mv "$saved" $policy; }
trap restore EXIT; trap "exit 1" INT TERM
printf "#!/bin/sh\nexit 101\n" >$policy
chmod 755 $policy
export DEBIAN_FRONTEND=noninteractive
apt-get update -q || exit
apt-get install -q -y --no-install-recommends "$@" || exit
for unit in $(dpkg -L "$@" | sed -n "s,.*/systemd/system/\\([^@/]*\\)\\.service\$,\\1,p"); do
	case " bird exabgp frr gobgpd gdnsd haproxy keepalived knot named nginx nsd prometheus unbound " in
	*" $unit "*) systemctl -q disable "$unit" 2>/dev/null || update-rc.d "$unit" disable ;;
	esac
done
exit 0
'

is_installed() { # package
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install_packages() { # package...
	missing=
	for p in "$@"; do
		is_installed "$p" || missing="$missing $p"
	done
	[ -n "$missing" ] || return 0
	command -v apt-get >/dev/null || die "please install what corresponds to Debian's:$missing"
	say "installing:$missing"
	if [ "$(id -u)" = 0 ]; then
		sh -c "$without_services" sh $missing
	elif command -v sudo >/dev/null; then
		sudo sh -c "$without_services" sh $missing
	else
		die "not root and no sudo; as root: apt-get install$missing"
	fi || die "the packages could not be installed"
}

build_programs() { # [target...]: all in build/, and these; from the top directory
	if [ ! -f build/Makefile ]; then
		say "configuring in build/"
		[ -f configure ] || autoreconf -fi >/dev/null 2>&1 || autoreconf -fi || return
		mkdir -p build
		(cd build && ../configure --quiet) || return
	fi
	say "building"
	make -s -C build -j"$(nproc)" all || return
	[ $# = 0 ] || make -s -C build "$@"
}
