# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libctl.a
LINK_ctl = libctl.a libcontrol.a libconfig.a $(LINK_out) $(YAML_LIBS) $(IDN2_LIBS)
libctl_a_SOURCES = \
	src/ctl/action.c \
	src/ctl/action.h \
	src/ctl/action_parts.h \
	src/ctl/action_reply.c \
	src/ctl/action_sets.c \
	src/ctl/action_target.c \
	src/ctl/anycast_document.c \
	src/ctl/copies.c \
	src/ctl/copies.h \
	src/ctl/orders_document.c \
	src/ctl/ctl.c \
	src/ctl/ctl.h \
	src/ctl/dashboard.c \
	src/ctl/dashboard.h \
	src/ctl/disk.c \
	src/ctl/disk.h \
	src/ctl/document_endpoints.c \
	src/ctl/document_geo.c \
	src/ctl/documents.c \
	src/ctl/documents.h \
	src/ctl/eds.c \
	src/ctl/eds.h \
	src/ctl/drain.c \
	src/ctl/drain.h \
	src/ctl/drain_sets.c \
	src/ctl/drain_sets.h \
	src/ctl/drain_watch.c \
	src/ctl/drain_watch.h \
	src/ctl/explain.c \
	src/ctl/explain.h \
	src/ctl/explain_ask.c \
	src/ctl/explain_ask.h \
	src/ctl/explain_name.c \
	src/ctl/explain_parts.h \
	src/ctl/explain_set.c \
	src/ctl/explain_set.h \
	src/ctl/explain_text.c \
	src/ctl/explain_ttl.c \
	src/ctl/explain_why.c \
	src/ctl/gather.c \
	src/ctl/gather.h \
	src/ctl/healthy.c \
	src/ctl/healthy.h \
	src/ctl/healthy_set.c \
	src/ctl/host.h \
	src/ctl/http.c \
	src/ctl/http.h \
	src/ctl/http_conn.c \
	src/ctl/http_conn.h \
	src/ctl/http_fields.c \
	src/ctl/http_fields.h \
	src/ctl/http_host.c \
	src/ctl/http_host.h \
	src/ctl/http_input.c \
	src/ctl/http_input.h \
	src/ctl/http_path.c \
	src/ctl/http_path.h \
	src/ctl/http_route.c \
	src/ctl/http_route.h \
	src/ctl/page_thread.c \
	src/ctl/page_thread.h \
	src/ctl/page_write.c \
	src/ctl/page_write.h \
	src/ctl/poll.c \
	src/ctl/poll.h \
	src/ctl/problems.c \
	src/ctl/problems.h \
	src/ctl/problems_anycast.c \
	src/ctl/problems_tiers.c \
	src/ctl/quoted.c \
	src/ctl/quoted.h \
	src/ctl/render.c \
	src/ctl/render.h \
	src/ctl/render_anycast.c \
	src/ctl/render_geo.c \
	src/ctl/render_ipvs.c \
	src/ctl/render_l4.c \
	src/ctl/render_orders.c \
	src/ctl/render_status.c \
	src/ctl/render_tiers.c \
	src/ctl/request.c \
	src/ctl/request.h \
	src/ctl/request_check.c \
	src/ctl/request_check.h \
	src/ctl/rtt_document.c \
	src/ctl/run.c \
	src/ctl/run.h \
	src/ctl/run_ipvs.c \
	src/ctl/run_orders.c \
	src/ctl/run_parts.h \
	src/ctl/run_polls.c \
	src/ctl/socket.c \
	src/ctl/socket.h \
	src/ctl/status.c \
	src/ctl/tiers_document.c \
	src/ctl/window.c \
	src/ctl/window.h

# The page as C: one string literal a line.
EXTRA_DIST += src/ctl/dashboard.html
CLEANFILES += src/ctl/dashboard_html.inc
src/ctl/dashboard_html.inc: src/ctl/dashboard.html
	$(AM_V_GEN)$(MKDIR_P) src/ctl && \
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $(srcdir)/src/ctl/dashboard.html >$@.tmp && \
	mv $@.tmp $@
src/ctl/dashboard.$(OBJEXT): src/ctl/dashboard_html.inc
