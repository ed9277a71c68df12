# SPDX-License-Identifier: Apache-2.0
# Built by `make demo-backend` only: the quick start's web servers.
EXTRA_PROGRAMS += demo-backend
demo_backend_SOURCES = contrib/demo/backend.c
demo_backend_CFLAGS = $(AM_CFLAGS) $(MICROHTTPD_CFLAGS)
demo_backend_LDADD = $(MICROHTTPD_LIBS) $(LINK_base)
CLEANFILES += demo-backend
EXTRA_DIST += contrib/packages.sh contrib/quickstart.sh contrib/test.sh contrib/quickstart/loadstar.yaml \
	contrib/quickstart/pools.yaml

dist_man_MANS += contrib/man/loadstard.8

EXTRA_DIST += contrib/systemd/loadstard.service.in contrib/systemd/loadstar.sysusers.conf
if HAVE_SYSTEMD
systemdsystemunit_DATA = contrib/systemd/loadstard.service
sysusersdir = $(prefix)/lib/sysusers.d
sysusers_DATA = contrib/systemd/loadstar.conf
endif
CLEANFILES += contrib/systemd/loadstar.conf
contrib/systemd/loadstar.conf: contrib/systemd/loadstar.sysusers.conf
	$(AM_V_GEN)$(MKDIR_P) contrib/systemd && cp $(srcdir)/contrib/systemd/loadstar.sysusers.conf $@

# What one starts from, and what one reads: /usr/share/doc/loadstar.
dist_doc_DATA = README.md CHANGELOG.md LICENSE contrib/doc/api.md contrib/doc/health.md contrib/doc/reference.md
examplesdir = $(docdir)/examples
dist_examples_DATA = contrib/systemd/xdp.conf contrib/systemd/credentials.conf contrib/doc/loadstar.example.yaml \
	contrib/doc/pools.example.yaml contrib/doc/networks.example.yaml
firstdir = $(examplesdir)/first
dist_first_DATA = contrib/example/loadstar.yaml contrib/example/pools.yaml
firstzonesdir = $(firstdir)/zones
dist_firstzones_DATA = contrib/example/zones/example.com.yaml
CLEANFILES += contrib/systemd/loadstard.service
contrib/systemd/loadstard.service: contrib/systemd/loadstard.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) contrib/systemd && sed -e 's|[@]sbindir[@]|$(sbindir)|' -e 's|[@]sysconfdir[@]|$(sysconfdir)|' \
		$(srcdir)/contrib/systemd/loadstard.service.in >$@

# The reference of the configuration, printed from the tables in src/config.
noinst_PROGRAMS += mkreference
mkreference_SOURCES = contrib/doc/mkreference.c
mkreference_LDADD = $(LINK_config)
dist_man_MANS += contrib/man/loadstar.yaml.5
TESTS += tests/qa/reference.sh
.PHONY: reference
reference: mkreference
	./mkreference md >$(srcdir)/contrib/doc/reference.md
	./mkreference man >$(srcdir)/contrib/man/loadstar.yaml.5

dist_man_MANS += contrib/man/loadstarctl.8
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = contrib/completion/loadstarctl
zshcompletiondir = $(datadir)/zsh/site-functions
dist_zshcompletion_DATA = contrib/completion/_loadstarctl
# Whole folders only where neither a build nor Python leaves anything.
EXTRA_DIST += contrib/adr zones .ci tests/run.py tests/over_xdp.py $(wildcard $(srcdir)/contrib/doc/*.md $(srcdir)/contrib/doc/*.yaml \
	$(srcdir)/tests/qa/*.py $(srcdir)/tests/qa/*.sh $(srcdir)/tests/system/*.py \
	$(srcdir)/tests/interop/*.py $(srcdir)/tests/interop/*.zone)
