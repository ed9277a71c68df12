# SPDX-License-Identifier: Apache-2.0
# Knot DNS: static zones; geo and weighted answers from mod-geoip. A name
# cannot combine geo and weight, so the geow mix is not possible.
# shellcheck shell=bash disable=SC2034,SC2154
srv_mixes="static1k static nx geo geo6 weighted"
srv_conf() {
	mkdir -p "$dir/db" "$dir/zones"
	if [ -z "$big" ]; then
		cp "$data"/zones/* "$dir/zones/"
		knot_geo_conf >"$dir/geo.conf"
		knot_weighted_conf >"$dir/weighted.conf"
		# mod-geoip falls back to the zone's own record: the default datacentre
		{ cat "$data/geo.shell"; awk -v n=$n_names -v r=$n_res 'BEGIN {
			for (i = 0; i < n; i++) printf "g%02d 60 A 10.0.%d.1\n", i, i % r }'; } >"$dir/zones/geo.test"
		{ cat "$data/weighted.shell"; awk -v n=$n_names -v r=$n_res 'BEGIN {
			for (i = 0; i < n; i++) printf "w%02d 60 A 10.100.%d.1\n", i, i % r }'; } >"$dir/zones/weighted.test"
	fi
	{
		cat <<-E
		server:
		    rundir: "$dir"
		    listen: 127.0.0.1@$port
		    udp-workers: $workers
		    tcp-workers: 1
		    background-workers: 1
		    edns-client-subnet: on
		log:
		  - target: stderr
		    any: warning
		database:
		    storage: "$dir/db"
		mod-geoip:
		  - id: geo
		    config-file: "$dir/geo.conf"
		    ttl: 60
		    mode: geodb
		    geodb-file: "$data/country.mmdb"
		    geodb-key: [ continent/code, country/iso_code ]
		  - id: weighted
		    config-file: "$dir/weighted.conf"
		    ttl: 60
		    mode: weighted
		template:
		  - id: default
		    zonefile-sync: -1
		    zonefile-load: whole
		    journal-content: none
		zone:
		E
		if [ -n "$big" ]; then
			cp "$data/big.$big" "$dir/zones/big.test"
			printf '  - domain: big.test\n    file: "%s"\n' "$dir/zones/big.test"
		else
			printf '  - domain: %s\n    file: "%s"\n' \
				static.test "$dir/zones/static.test" small.test "$dir/zones/small.test"
			printf '  - domain: geo.test\n    file: "%s"\n    module: mod-geoip/geo\n' "$dir/zones/geo.test"
			printf '  - domain: weighted.test\n    file: "%s"\n    module: mod-geoip/weighted\n' "$dir/zones/weighted.test"
		fi
	} | sed '/^mod-geoip:/,/^template:/{'"${big:+/^template:/!d}"'}' >"$dir/knot.conf"
}
knot_geo_conf() {
	local n dc sel i
	for ((n = 0; n < n_names; n++)); do
		printf 'g%02d.geo.test:\n' $n
		i=0
		while read -r dc sel; do
			[[ $sel == */* ]] && sel=${sel/\//;} || sel="$sel;*"
			printf '  - geo: "%s"\n    A: %s\n' "$sel" "$(dc_addr $i $((n % n_res)) 1)"
			i=$((i + 1))
		done <<<"$geo_model"
	done
}
knot_weighted_conf() {
	local n i w
	for ((n = 0; n < n_names; n++)); do
		printf 'w%02d.weighted.test:\n' $n
		i=0
		for w in $weights; do
			i=$((i + 1))
			printf '  - weight: %d\n    A: %s\n' $w "$(dc_addr 100 $((n % n_res)) $i)"
		done
	done
}
srv_reload() {
	cp "$data/big.$big$1" "$dir/next" && mv "$dir/next" "$dir/zones/big.test"
	echo "knotc -c $dir/knot.conf zone-reload"
}
srv_exec() { exec $srv_prefix knotd -c "$dir/knot.conf"; }
