# SPDX-License-Identifier: Apache-2.0
# PowerDNS: bind backend for static zones, geoip backend (YAML) for geo, weighted and geow; packet and query
# caches on, subnets processed. pdns:nocache has the caches off.
# shellcheck shell=bash disable=SC2034,SC2154
srv_mixes="static1k static nx geo geo6 weighted geow"
srv_conf() {
	local cache=20 z
	[ "$variant" = nocache ] && cache=0
	cat >"$dir/pdns.conf" <<-E
	launch=bind$([ -n "$big" ] || echo ,geoip)
	module-dir=/usr/lib/$(uname -m)-linux-gnu/pdns
	local-address=127.0.0.1
	local-port=$port
	socket-dir=$dir
	receiver-threads=$workers
	distributor-threads=1
	edns-subnet-processing=yes
	cache-ttl=$cache
	query-cache-ttl=$cache
	negquery-cache-ttl=$cache
	disable-syslog=yes
	loglevel=3
	bind-config=$dir/named.conf
	E
	if [ -n "$big" ]; then
		cp "$data/big.$big" "$dir/big.test"
		echo "zone \"big.test\" { type master; file \"$dir/big.test\"; };" >"$dir/named.conf"
		return
	fi
	printf 'geoip-database-files=mmdb:%s\ngeoip-zones-file=%s\n' "$data/country.mmdb" "$dir/geo.yaml" >>"$dir/pdns.conf"
	for z in static small; do
		echo "zone \"$z.test\" { type master; file \"$data/zones/$z.test\"; };"
	done >"$dir/named.conf"
	{
		echo "domains:"
		pdns_yaml_geo geo g 1
		pdns_yaml_weighted
		pdns_yaml_geo geow m 3
	} >"$dir/geo.yaml"
}
pdns_yaml_head() {
	printf '  - domain: %s.test\n    ttl: 60\n    records:\n' $1
	printf '      %s.test:\n        - soa: ns1.%s.test hostmaster.%s.test 1 3600 900 604800 300\n        - ns: ns1.%s.test\n' $1 $1 $1 $1
}
pdns_yaml_rr() { # name, then address:weight...
	local a
	printf '      %s:\n' "$1"
	shift
	for a; do
		printf '        - a: { content: %s, weight: %s }\n' ${a%:*} ${a#*:}
	done
}
pdns_yaml_geo() { # zone letter addresses-per-datacentre
	local r i k dc sel args w
	pdns_yaml_head $1
	for ((r = 0; r < n_res; r++)); do
		i=0
		while read -r dc sel; do
			args=() k=0
			for w in $([ $3 = 1 ] && echo 100 || echo $geow_weights); do
				k=$((k + 1))
				args+=("$(dc_addr $i $r $k):$w")
			done
			[[ $sel == */* ]] && sel="${sel#*/}.${sel%/*}"
			pdns_yaml_rr "${sel,,}.r$r.$1.test" "${args[@]}"
			[ $i = 0 ] && pdns_yaml_rr "default.r$r.$1.test" "${args[@]}"
			i=$((i + 1))
		done <<<"$geo_model"
	done
	printf '    services:\n'
	for ((i = 0; i < n_names; i++)); do
		r=r$((i % n_res)).$1.test
		printf "      %s%02d.%s.test: [ '%%cc.%%cn.%s', '%%cn.%s', 'default.%s' ]\n" $2 $i $1 $r $r $r
	done
}
pdns_yaml_weighted() {
	local n i w args
	pdns_yaml_head weighted
	for ((n = 0; n < n_names; n++)); do
		args=() i=0
		for w in $weights; do
			i=$((i + 1))
			args+=("$(dc_addr 100 $((n % n_res)) $i):$w")
		done
		pdns_yaml_rr "$(printf 'w%02d' $n).weighted.test" "${args[@]}"
	done
	printf '    services: {}\n'
}
srv_reload() { # cached answers would hide the new zone for 20 s
	cp "$data/big.$big$1" "$dir/next" && mv "$dir/next" "$dir/big.test"
	echo "pdns_control --config-dir=$dir bind-reload-now big.test && pdns_control --config-dir=$dir purge"
}
srv_exec() { exec $srv_prefix pdns_server --config-dir="$dir" --daemon=no --guardian=no --write-pid=no; }
