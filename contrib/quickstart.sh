#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From a clone to the first answer: installs what the build needs, builds into build/, and runs
# loadstard on 127.0.0.1:5300 with the zones of zones/, the database of geoip/, and three demo web
# servers on loopback. Runs until Ctrl-C; try the printed commands in a second terminal.
#
#   sh contrib/quickstart.sh               all of it
#   sh contrib/quickstart.sh start SITE    start the demo back end of ams, iad or sin again
#   sh contrib/quickstart.sh stop SITE     stop it, and watch its answers move
set -u
cd "$(dirname "$0")/.." || exit
. contrib/packages.sh
run=contrib/quickstart/run
port=5380

address() { # site -> the loopback address of its demo back end
	case $1 in
	ams) echo 127.0.1.11 ;;
	iad) echo 127.0.2.11 ;;
	sin) echo 127.0.3.11 ;;
	*) die "no such site: $1 (ams, iad or sin)" ;;
	esac
}

is_running() { # pid file
	[ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null
}

start_backend() { # site
	addr=$(address "$1") || exit
	! is_running $run/$1.pid || { say "$1 is running already"; return; }
	build/demo-backend "$addr" $port "$1" >>$run/$1.log 2>&1 &
	echo $! >$run/$1.pid
}

stop_backend() { # site
	address "$1" >/dev/null || exit
	is_running $run/$1.pid || { say "$1 is not running"; return; }
	kill "$(cat $run/$1.pid)"
	rm -f $run/$1.pid
}

stop_all() {
	trap - EXIT INT TERM
	for f in $run/*.pid; do
		! is_running "$f" || kill "$(cat "$f")"
		rm -f "$f"
	done
	wait
}

case ${1:-all} in
start) [ $# = 2 ] || die "usage: quickstart.sh start SITE"; start_backend "$2"; exit ;;
stop) [ $# = 2 ] || die "usage: quickstart.sh stop SITE"; stop_backend "$2"; exit ;;
all) ;;
*) sed -n '3,10s/^# \{0,1\}//p' "$0"; [ "$1" = --help ] || exit 2; exit ;;
esac

# shellcheck disable=SC2086 # lists of words
install_packages $build_packages bind9-dnsutils
build_programs demo-backend || exit

mkdir -p $run/state
! is_running $run/loadstard.pid || die "it runs already: pid $(cat $run/loadstard.pid)"
trap stop_all EXIT
trap 'exit 0' INT TERM
for site in ams iad sin; do
	start_backend $site
done
say "starting loadstard on 127.0.0.1:5300 (its log: $run/loadstard.log)"
build/loadstard -c contrib/quickstart/loadstar.yaml >$run/loadstard.log 2>&1 &
echo $! >$run/loadstard.pid

tries=0
until dig +short +time=1 +tries=1 @127.0.0.1 -p 5300 www.example.com >/dev/null 2>&1; do
	tries=$((tries + 1))
	if [ $tries -ge 50 ] || ! is_running $run/loadstard.pid; then
		cat $run/loadstard.log >&2
		die "loadstard does not answer"
	fi
	sleep 0.1
done

ctl="build/loadstarctl -s $run/control.sock"
dig="dig @127.0.0.1 -p 5300 +noall +answer"
cat <<END

Loadstar answers on 127.0.0.1:5300. In a second terminal, in this directory:

  # A client in Germany, the United States, Singapore: three sites
  $dig +subnet=81.169.144.0/24 www.example.com
  $dig +subnet=12.0.1.0/24 www.example.com
  $dig +subnet=202.166.0.0/24 www.example.com

  # Why?
  $ctl explain www.example.com --client 81.169.144.1
  $ctl endpoints

  # Stop the Amsterdam web server and ask again; start it again
  sh contrib/quickstart.sh stop ams
  sh contrib/quickstart.sh start ams

  # Take Singapore out for maintenance, and put it back
  $ctl set sin drain --reason "new switch"
  $ctl set sin auto

  # Edit contrib/quickstart/pools.yaml, or break it, and see
  $ctl reload
  $ctl status

Dashboard: http://127.0.0.1:8053/    Ctrl-C stops everything.
END
while is_running $run/loadstard.pid; do
	wait "$(cat $run/loadstard.pid)"
done
cat $run/loadstard.log >&2
die "loadstard ended"
