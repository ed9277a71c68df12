# SPDX-License-Identifier: Apache-2.0
# gdnsd: static zone, geoip plugin over the country MMDB, weighted plugin, and
# geoip over weighted (geow). It has no DNSSEC.
# shellcheck shell=bash disable=SC2034,SC2154
srv_mixes="static1k static nx geo geo6 weighted geow"
srv_conf() {
	local r dc i w k
	mkdir -p "$dir/zones" "$dir/geoip" "$dir/run" "$dir/state"
	if [ -n "$big" ]; then
		cp "$data/big.$big" "$dir/zones/big.test"
	else
		cp "$data"/zones/*.test "$dir/zones/"
		gdnsd_zone geo g geoip geo_r
		gdnsd_zone weighted w weighted w_r
		gdnsd_zone geow m geoip geow_r
	fi
	{
		cat <<-E
		options => {
		  listen => 127.0.0.1
		  dns_port => $port
		  udp_threads => $workers
		  tcp_threads => 1
		  run_dir => $dir/run
		  state_dir => $dir/state
		  edns_client_subnet => true
		}
		E
		[ -n "$big" ] && return
		echo "plugins => {"
		echo "weighted => {"
		for ((r = 0; r < n_res; r++)); do
			printf '  w_r%d => {' $r
			i=0
			for w in $weights; do
				i=$((i + 1))
				printf ' a%d => [ %s, %d ]' $i "$(dc_addr 100 $r $i)" $w
			done
			echo " }"
		done
		echo "}"
		echo "geoip => {"
		echo "maps => { world => { geoip2_db => $data/country.mmdb, datacenters => [ ${geo_dcs// /, } ], map => {"
		gdnsd_map
		echo "}}}"
		echo "resources => {"
		for ((r = 0; r < n_res; r++)); do
			printf '  geo_r%d => { map => world, dcmap => {' $r
			i=0
			for dc in $geo_dcs; do
				printf ' %s => %s' $dc "$(dc_addr $i $r 1)"
				i=$((i + 1))
			done
			echo " }}"
			printf '  geow_r%d => { map => world, plugin => weighted, dcmap => {' $r
			i=0
			for dc in $geo_dcs; do
				printf ' %s => {' $dc
				k=0
				for w in $geow_weights; do
					k=$((k + 1))
					printf ' a%d => [ %s, %d ]' $k "$(dc_addr $i $r $k)" $w
				done
				printf ' }'
				i=$((i + 1))
			done
			echo " }}"
		done
		echo "}}}"
	} >"$dir/config"
}
gdnsd_zone() { # zone letter plugin resource-prefix
	{
		cat "$data/$1.shell"
		awk -v n=$n_names -v r=$n_res -v l=$2 -v p="$3!$4" 'BEGIN {
			for (i = 0; i < n; i++) printf "%s%02d 60 DYNA %s%d\n", l, i, p, i % r }'
	} >"$dir/zones/$1.test"
}
# Our "most specific wins, else the first datacentre" as gdnsd's nested map.
gdnsd_map() {
	awk '{ n = split($2, s, "/"); order[s[1]] = 1
		if (n == 1) cont[s[1]] = $1
		else sub_[s[1]] = sub_[s[1]] " " s[2] " => [ " $1 " ]" }
		END { for (c in order) printf "  %s => { default => [ %s ]%s }\n", c, cont[c], sub_[c] }' <<<"$geo_model"
}
srv_reload() {
	cp "$data/big.$big$1" "$dir/next" && mv "$dir/next" "$dir/zones/big.test"
	echo "gdnsdctl -c $dir reload-zones"
}
srv_exec() { exec $srv_prefix gdnsd -c "$dir" start; }
