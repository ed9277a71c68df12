# SPDX-License-Identifier: Apache-2.0
# Run by dash in the guest of test_ipvs_guest.py: loadstard, four back ends and a client in namespaces, and
# what must be so. Prints sections ("@@ NAME") that the test reads.
set -u
say() { echo "@@ $*"; }
uptime_ms() { cut -d' ' -f1 /proc/uptime | tr -d .; } # hundredths
wait_for() { # seconds, command...: until it succeeds
	left=$(($1 * 10))
	shift
	while ! "$@"; do
		left=$((left - 1))
		[ $left -gt 0 ] || { echo "not within its time: $*"; return 1; }
		sleep 0.1
	done
}
# What is polled is read from /proc: a fork of a dynamic program costs much where all is emulated.
field() { # service, destination, column of /proc/net/ip_vs
	awk -v s="$1" -v d="$2" -v c="$3" \
		'$1 == "->" { if (ours && $2 == d) print $c } /^(TCP|UDP|SCTP|FWM)/ { ours = $2 == s }' /proc/net/ip_vs
}
weighs() { [ "$(field "$1" "$2" 4)" = "$3" ]; } # "" for absent
table() { awk '{ print $1, $2, $3, $4 }' /proc/net/ip_vs; } # without counts
changed() { # of those that were looked at last, since this loadstard runs
	echo "tiers: $(grep -c . /tmp/states) changed: $(grep -c '^      "last_change": "' /tmp/tiers)"
}
VIP=198.51.100.10:80
NAT=C633640A:0050 # the same
B1=0A00010B:1F90 B2=0A00010C:1F90 B3=0A00010D:1F90 STRANGER=0A000163:1F90 # 10.0.1.11 ..:8080
tiers_are() { # state: all of them, there being one
	loadstarctl tiers --json >/tmp/tiers 2>&1
	grep '^      "state": ' /tmp/tiers >/tmp/states && ! grep -q -v "\"$1\"" /tmp/states
}
client() { ip netns exec c "$@"; }

# ---- the network ----
# Members are on a bridge with the director (.1) and, for ways whose answers go straight back, the
# client (.100). For nat the client is behind the director, on a link of its own.
cat >/tmp/batch <<BATCH
link add br0 type bridge
addr add 10.0.1.1/24 dev br0
addr add 2001:db8:1::1/64 dev br0 nodad
link set br0 up
BATCH
for n in 1 2 3 4; do cat >>/tmp/batch <<BATCH
netns add b$n
link add v$n type veth peer name eth0 netns b$n
link set v$n up master br0
BATCH
done
cat >>/tmp/batch <<BATCH
netns add c
link add vc type veth peer name eth0 netns c
link add vd type veth peer name eth1 netns c
link set vc up
link set vd up master br0
addr add 10.0.9.1/24 dev vc
addr add 2001:db8:9::1/64 dev vc nodad
addr add 198.51.100.10/32 dev lo
addr add 198.51.100.11/32 dev lo
addr add 198.51.100.12/32 dev lo
addr add 198.51.100.13/32 dev lo
addr add 198.51.100.14/32 dev lo
addr add 2001:db8:ffff::10/128 dev lo nodad
BATCH
ip -batch /tmp/batch
for n in 1 2 3 4; do
	cat >/tmp/batch <<BATCH
link set lo up
link set eth0 up
addr add 10.0.1.1$n/24 dev eth0
addr add 2001:db8:1::1$n/64 dev eth0 nodad
route add default via 10.0.1.1
addr add 198.51.100.11/32 dev lo
addr add 198.51.100.12/32 dev lo
addr add 198.51.100.13/32 dev lo
addr add 198.51.100.14/32 dev lo
link set tunl0 up
link add gre1 type gre local 10.0.1.1$n
link set gre1 up
fou add port 6080 gue
BATCH
	ip netns exec b$n dash -c "
		ip -batch /tmp/batch; ip -6 route add default via 2001:db8:1::1
		cd /proc/sys/net/ipv4/conf
		echo 1 >all/arp_ignore; echo 2 >all/arp_announce
		for i in all tunl0 gre1 eth0; do echo 0 >\$i/rp_filter; done"
done
cat >/tmp/batch <<BATCH
link set lo up
link set eth0 up
link set eth1 up
addr add 10.0.9.2/24 dev eth0
addr add 2001:db8:9::2/64 dev eth0 nodad
addr add 10.0.1.100/24 dev eth1
route add 198.51.100.10/32 via 10.0.9.1
route add 198.51.100.11/32 via 10.0.1.1
route add 198.51.100.12/32 via 10.0.1.1
route add 198.51.100.13/32 via 10.0.1.1
route add 198.51.100.14/32 via 10.0.1.1
BATCH
client dash -c "ip -batch /tmp/batch; ip -6 route add 2001:db8:ffff::/48 via 2001:db8:9::1"
cd /proc/sys/net
echo 1 >ipv4/ip_forward
echo 1 >ipv6/conf/all/forwarding
for i in all br0 vc; do echo 0 >ipv4/conf/$i/rp_filter; echo 0 >ipv4/conf/$i/send_redirects; done
cd /

serve() { # number
	for port in 80 8080; do ip netns exec b$1 peer serve b$1 $port; done
	ip netns exec b$1 peer serve b$1 5353 udp
	ip netns exec b$1 peer serve b$1 2905 sctp
}
for n in 1 2 3; do serve $n; done # the fourth has none

start() { # how it is started...
	"$@" loadstard -c /etc/loadstar/loadstar.yaml >>/tmp/log 2>&1 &
	daemon=$!
	wait_for 20 loadstarctl status >/dev/null 2>&1
}
in_force() { weighs $NAT $B1 50 && weighs $NAT $B2 100; }

say start
mkdir -p /var/lib/loadstar
chown nobody /var/lib/loadstar
start env
wait_for 30 in_force
wait_for 10 tiers_are ok
changed
ipvsadm -Ln
say document
loadstarctl ipvs >/tmp/ours; ipvsadm -Ln --stats >/tmp/theirs; diff /tmp/ours /tmp/theirs && echo same
loadstarctl ipvs --weights >/tmp/ours; ipvsadm -Ln >/tmp/theirs; diff /tmp/ours /tmp/theirs && echo same
say rights
grep CapEff /proc/$daemon/task/*/status | sed 's/.*://' | sort -u
grep Uid /proc/$daemon/status

# ---- ways ----
say nat; client peer get 198.51.100.10 80 24
say dr; client peer get 198.51.100.11 80 12
say ipip; client peer get 198.51.100.12 80 12
say gue; client peer get 198.51.100.13 80 12
say gre; client peer get 198.51.100.14 80 12
say nat6; client peer get 2001:db8:ffff::10 80 12
say udp; client peer get 198.51.100.10 53 12 udp
say sctp; client peer get 198.51.100.10 2905 6 sctp
say counted; sleep 2; ipvsadm -Ln --stats; loadstarctl tiers nat

# ---- a back end is killed, under load ----
say kill
client peer load 198.51.100.10 80 /tmp/stop_load >/tmp/load &
sleep 1
begun=$(uptime_ms)
kill -9 $(ip netns pids b1)
wait_for 20 weighs $NAT $B1 0
echo "left after $((($(uptime_ms) - begun) * 10)) ms"
sleep 1
touch /tmp/stop_load
wait_for 10 test -s /tmp/load
cat /tmp/load
client peer get 198.51.100.10 80 12
serve 1
wait_for 20 in_force

# ---- a drain ----
say drain
rm -f /tmp/stop_*
for i in 1 2 3 4 5 6; do client peer hold 198.51.100.10 80 /tmp/stop_hold >/tmp/hold$i & done
all_held() { [ "$(grep -l . /tmp/hold? 2>/dev/null | grep -c .)" = 6 ]; }
wait_for 20 all_held
echo "active before $(field $NAT $B2 5)"
loadstarctl set web/ams/b2 drain >/dev/null
wait_for 10 weighs $NAT $B2 0
client peer get 198.51.100.10 80 12
sleep 3
echo "still there: weight $(field $NAT $B2 4) active $(field $NAT $B2 5)"
say drained
touch /tmp/stop_hold
all_ended() { [ "$(grep -l "held\|broken" /tmp/hold? | grep -c .)" = 6 ]; }
wait_for 20 all_ended
cat /tmp/hold?
wait_for 60 weighs $NAT $B2 "" && echo removed
say undrained
loadstarctl set web/ams/b2 auto >/dev/null
wait_for 20 in_force && echo back
wait_for 10 tiers_are ok

# ---- restarts, under load and with open connections ----
watch_weights() { # until /tmp/stop_watch is there: every state of the table without its counts
	while [ ! -e /tmp/stop_watch ]; do table | md5sum; sleep 0.1; done | sort -u | grep -c .
}
for signal in TERM KILL; do
	say restart $signal
	rm -f /tmp/stop_*
	client peer hold 198.51.100.10 80 /tmp/stop_hold >/tmp/held &
	client peer load 198.51.100.10 80 /tmp/stop_load >/tmp/load &
	watch_weights >/tmp/tables &
	sleep 0.5
	kill -$signal $daemon
	wait $daemon
	echo "ended $?"
	sleep 0.5
	start env
	wait_for 40 tiers_are ok
	sleep 3 # an interval
	touch /tmp/stop_hold /tmp/stop_load /tmp/stop_watch
	wait_for 10 test -s /tmp/load
	wait_for 10 grep -q "held\|broken" /tmp/held
	wait_for 10 test -s /tmp/tables
	cat /tmp/load /tmp/held
	echo "tables seen: $(cat /tmp/tables)"
	changed
done

# ---- somebody else ----
say others
ipvsadm -e -t $VIP -r 10.0.1.13:8080 -m -w 7
wait_for 20 weighs $NAT $B3 50 && echo "weight reverted"
ipvsadm -a -t $VIP -r 10.0.1.99:8080 -m -w 0
ipvsadm -E -t $VIP -s rr
is_wrr() { grep -q "^TCP *$NAT wrr" /proc/net/ip_vs; }
wait_for 20 is_wrr && echo "scheduler reverted"
weighs $NAT $STRANGER 0 && echo "stranger kept"
ipvsadm -D -t $VIP
wait_for 20 in_force && echo "service back"
ipvsadm -C
wait_for 20 in_force && echo "all back"
wait_for 20 tiers_are ok
ipvsadm -Ln

# ---- a slow path ----
say slow
tc qdisc add dev v3 root netem delay 2s
wait_for 30 weighs $NAT $B3 0 && echo "left"
tc qdisc del dev v3 root
wait_for 30 weighs $NAT $B3 50 && echo "came back"

# ---- without the right ----
say denied
ipvsadm -Sn | sort >/tmp/before
kill $daemon; wait $daemon
start setpriv --bounding-set -net_admin
sleep 2
loadstarctl tiers
ipvsadm -Sn | sort | diff - /tmp/before && echo "table untouched"
kill $daemon; wait $daemon
say log
cat /tmp/log
