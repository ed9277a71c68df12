# SPDX-License-Identifier: Apache-2.0
geoipdir = $(pkgdatadir)/geoip
dist_geoip_DATA = geoip/README.md geoip/country.LICENSE geoip/country.mmdb geoip/country.version
EXTRA_DIST += geoip/refresh.sh
