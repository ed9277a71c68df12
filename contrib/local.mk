# SPDX-License-Identifier: Apache-2.0
# Built by `make demo-backend` only: the quick start's web servers.
EXTRA_PROGRAMS += demo-backend
demo_backend_SOURCES = contrib/demo/backend.c
demo_backend_CFLAGS = $(AM_CFLAGS) $(MICROHTTPD_CFLAGS)
demo_backend_LDADD = $(MICROHTTPD_LIBS) $(LINK_base)
CLEANFILES += demo-backend
EXTRA_DIST += contrib/packages.sh contrib/quickstart.sh contrib/test.sh contrib/quickstart/loadstar.yaml \
	contrib/quickstart/pools.yaml
EXTRA_DIST += contrib/lab.sh contrib/lab/backend.py contrib/lab/client.py contrib/lab/crowd.py contrib/lab/janitor.py \
	contrib/lab/lab.py contrib/lab/story.py contrib/lab/timeline.py contrib/lab/world.py contrib/lab/config

dist_man_MANS += contrib/man/loadstard.8 contrib/man/loadstar-l4.8

EXTRA_DIST += contrib/prometheus/tiers.rules.yml contrib/prometheus/tiers.rules.test.yml \
	contrib/prometheus/anycast.rules.yml contrib/prometheus/anycast.rules.test.yml
EXTRA_DIST += contrib/systemd/loadstard.service.in contrib/systemd/loadstar-l4.service.in contrib/systemd/loadstar.sysusers.conf
if HAVE_SYSTEMD
systemdsystemunit_DATA = contrib/systemd/loadstard.service contrib/systemd/loadstar-l4.service
sysusersdir = $(prefix)/lib/sysusers.d
sysusers_DATA = contrib/systemd/loadstar.conf
endif
CLEANFILES += contrib/systemd/loadstar.conf
contrib/systemd/loadstar.conf: contrib/systemd/loadstar.sysusers.conf
	$(AM_V_GEN)$(MKDIR_P) contrib/systemd && cp $(srcdir)/contrib/systemd/loadstar.sysusers.conf $@

# What one starts from, and what one reads: /usr/share/doc/loadstar.
dist_doc_DATA = README.md CHANGELOG.md LICENSE contrib/doc/api.md contrib/doc/health.md contrib/doc/reference.md \
	contrib/doc/tiers.md contrib/doc/anycast.md contrib/doc/l4.md
examplesdir = $(docdir)/examples
dist_examples_DATA = contrib/systemd/anycast.conf contrib/systemd/l4-sockhash.conf contrib/systemd/xdp.conf contrib/systemd/credentials.conf contrib/systemd/tier-envoy.conf \
	contrib/systemd/tier-exec.conf contrib/systemd/tier-haproxy.conf contrib/systemd/tier-ipvs.conf \
	contrib/systemd/tier-keepalived.conf contrib/systemd/tier-nginx.conf contrib/systemd/loadstar-nginx-test.service \
	contrib/polkit/50-loadstar-nginx.rules contrib/doc/loadstar.example.yaml \
	contrib/doc/pools.example.yaml contrib/doc/networks.example.yaml contrib/doc/tiers.example.yaml \
	contrib/doc/anycast.example.yaml
automationdir = $(examplesdir)/automation
dist_automation_SCRIPTS = contrib/automation/loadstar-dataplaneapi contrib/automation/loadstar-template
dist_automation_DATA = contrib/automation/tiers.yml
keepaliveddir = $(examplesdir)/keepalived
dist_keepalived_DATA = contrib/example/keepalived/a.conf contrib/example/keepalived/b.conf
anycastdir = $(examplesdir)/anycast
dist_anycast_SCRIPTS = contrib/example/anycast/announce.sh
dist_anycast_DATA = contrib/example/anycast/bird.conf contrib/example/anycast/bird-loadstar.conf \
	contrib/example/anycast/exabgp.conf contrib/example/anycast/frr.conf contrib/example/anycast/gobgpd.toml \
	contrib/example/anycast/router-bird.conf contrib/example/anycast/router-frr.conf \
	contrib/example/anycast/60-anycast.conf contrib/example/anycast/lo.network
l4dir = $(examplesdir)/l4
dist_l4_DATA = contrib/example/l4/below.yaml contrib/example/l4/l4.yaml contrib/example/l4/pools.yaml
anycasttrydir = $(anycastdir)/try
dist_anycasttry_DATA = contrib/example/anycast/try/anycast.yaml contrib/example/anycast/try/loadstar.yaml \
	contrib/example/anycast/try/router.conf contrib/example/anycast/try/site.conf
anycastzonesdir = $(anycasttrydir)/zones
dist_anycastzones_DATA = contrib/example/anycast/try/zones/example.test.yaml
firstdir = $(examplesdir)/first
dist_first_DATA = contrib/example/loadstar.yaml contrib/example/pools.yaml
firstzonesdir = $(firstdir)/zones
dist_firstzones_DATA = contrib/example/zones/example.com.yaml
CLEANFILES += contrib/systemd/loadstard.service contrib/systemd/loadstar-l4.service
contrib/systemd/loadstar-l4.service: contrib/systemd/loadstar-l4.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) contrib/systemd && sed -e 's|[@]sbindir[@]|$(sbindir)|' -e 's|[@]sysconfdir[@]|$(sysconfdir)|' \
		$(srcdir)/contrib/systemd/loadstar-l4.service.in >$@
contrib/systemd/loadstard.service: contrib/systemd/loadstard.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) contrib/systemd && sed -e 's|[@]sbindir[@]|$(sbindir)|' -e 's|[@]sysconfdir[@]|$(sysconfdir)|' \
		$(srcdir)/contrib/systemd/loadstard.service.in >$@

# The reference of the configuration, printed from the tables in src/config.
noinst_PROGRAMS += mkreference
mkreference_SOURCES = contrib/doc/mkreference.c
mkreference_LDADD = $(LINK_config)
dist_man_MANS += contrib/man/loadstar.yaml.5 contrib/man/loadstar-l4.yaml.5
TESTS += tests/qa/reference.sh
.PHONY: reference
reference: mkreference
	./mkreference md >$(srcdir)/contrib/doc/reference.md
	./mkreference man >$(srcdir)/contrib/man/loadstar.yaml.5
	./mkreference man-l4 >$(srcdir)/contrib/man/loadstar-l4.yaml.5

dist_man_MANS += contrib/man/loadstarctl.8
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = contrib/completion/loadstarctl
zshcompletiondir = $(datadir)/zsh/site-functions
dist_zshcompletion_DATA = contrib/completion/_loadstarctl
EXTRA_DIST += tests/system/misconfig/cases.py tests/system/misconfig/expected.txt tests/interop/zscanner_wire.c
EXTRA_DIST += tests/bench/peers/plot.py tests/bench/peers/report.py
# Whole folders only where neither a build nor Python leaves anything.
EXTRA_DIST += contrib/adr zones .ci tests/run.py tests/over_xdp.py $(wildcard $(srcdir)/contrib/doc/*.md $(srcdir)/contrib/doc/*.yaml \
	$(srcdir)/tests/qa/*.py $(srcdir)/tests/qa/*.sh $(srcdir)/tests/qa/*.c $(srcdir)/tests/system/*.py \
	$(srcdir)/tests/interop/*.py $(srcdir)/tests/interop/*.zone)
