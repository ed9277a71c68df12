# SPDX-License-Identifier: Apache-2.0
# NSD, static zones. Debian builds in RRL at 200 q/s; it is turned off here.
# shellcheck shell=bash disable=SC2034,SC2154
srv_mixes="static1k static nx"
srv_forks=1
srv_conf() {
	local z
	mkdir -p "$dir/zones"
	if [ -n "$big" ]; then cp "$data/big.$big" "$dir/zones/big.test"; else cp "$data"/zones/* "$dir/zones/"; fi
	{
		cat <<-E
		server:
		  ip-address: 127.0.0.1@$port
		  server-count: $workers
		  reuseport: $([ $workers -gt 1 ] && echo yes || echo no)
		  username: ""
		  chroot: ""
		  zonesdir: "$dir/zones"
		  database: ""
		  pidfile: "$dir/nsd.pid"
		  xfrdfile: "$dir/xfrd.state"
		  zonelistfile: "$dir/zone.list"
		  minimal-responses: yes
		  rrl-ratelimit: 0
		  rrl-whitelist-ratelimit: 0
		remote-control:
		  control-enable: no
		E
		if [ -n "$big" ]; then
			printf 'zone:\n  name: big.test\n  zonefile: big.test\n'
		else
			for z in static.test small.test; do
				printf 'zone:\n  name: %s\n  zonefile: %s\n' $z $z
			done
		fi
	} >"$dir/nsd.conf"
}
srv_reload() {
	cp "$data/big.$big$1" "$dir/next" && mv "$dir/next" "$dir/zones/big.test"
	echo "kill -HUP $srv_pid"
}
srv_exec() { exec $srv_prefix nsd -d -c "$dir/nsd.conf"; }
