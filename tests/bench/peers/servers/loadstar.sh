# SPDX-License-Identifier: Apache-2.0
# Loadstar: static zones, pools steered by a map over the country database, weighted pools, and both at once.
# shellcheck shell=bash disable=SC2034,SC2154
srv_mixes="static1k static nx geo geo6 weighted geow"
srv_conf() {
	local r w dc i k z
	mkdir -p "$dir/zones" "$dir/state"
	if [ -n "$big" ]; then
		cp "$data/big.$big" "$dir/zones/big.test.zone"
	else
		for z in static small; do cp "$data/zones/$z.test" "$dir/zones/$z.test.zone"; done
		for z in geo:g weighted:w geow:m; do
			{
				cat "$data/${z%:*}.shell"
				awk -v n=$n_names -v r=$n_res -v l=${z#*:} -v z=${z%:*} 'BEGIN {
					for (i = 0; i < n; i++) printf "%s%02d 60 IN POOL %s_r%d\n", l, i, z, i % r }'
			} >"$dir/zones/${z%:*}.test.zone"
		done
	fi
	cat >"$dir/loadstar.yaml" <<-E
	server: {listen: ["127.0.0.1:$port"], workers: $workers, state_dir: $dir/state}
	control: $dir/control.sock
	zones: zones/
	E
	[ -n "$big" ] && return
	printf 'geo: {databases: [%s]}\npools: pools.yaml\n' "$data/country.mmdb" >>"$dir/loadstar.yaml"
	{
		echo "sites:"
		for dc in $geo_dcs; do echo "  $dc: {location: [0, 0]}"; done
		echo "maps:"
		echo "  world:"
		echo "    default: [${geo_dcs%% *}]"
		echo "    continents:"
		awk 'split($2, s, "/") == 1 { printf "      %s: [%s]\n", s[1], $1 }' <<<"$geo_model"
		echo "    countries:"
		awk 'split($2, s, "/") == 2 { printf "      %s: [%s]\n", s[2], $1 }' <<<"$geo_model"
		echo "pools:"
		for ((r = 0; r < n_res; r++)); do
			echo "  geo_r$r:"
			echo "    {ttl: 60s, steer: {map: world}, sites: {$(i=0; for dc in $geo_dcs; do
				printf '%s%s: [%s]' "${sep:-}" $dc "$(dc_addr $i $r 1)"; sep=', '; i=$((i + 1)); done)}}"
			echo "  weighted_r$r:"
			echo "    {ttl: 60s, steer: all, pick: weighted, sites: {${geo_dcs%% *}: [$(i=0; for w in $weights; do i=$((i + 1))
				printf '%s{address: %s, weight: %d}' "${sep:-}" "$(dc_addr 100 $r $i)" $w; sep=', '; done)]}}"
			echo "  geow_r$r:"
			echo "    {ttl: 60s, steer: {map: world}, pick: weighted, sites: {$(i=0; for dc in $geo_dcs; do
				printf '%s%s: [' "${sep:-}" $dc; sep=', '; s=; k=0
				for w in $geow_weights; do k=$((k + 1)); printf '%s{address: %s, weight: %d}' "$s" "$(dc_addr $i $r $k)" $w; s=', '; done
				printf ']'; i=$((i + 1)); done)}}"
		done
	} >"$dir/pools.yaml"
}
srv_reload() {
	cp "$data/big.$big$1" "$dir/next" && mv "$dir/next" "$dir/zones/big.test.zone"
	echo "kill -HUP $srv_pid"
}
srv_exec() { exec $srv_prefix "${LOADSTARD:-$build/loadstard}" -c "$dir/loadstar.yaml"; }
