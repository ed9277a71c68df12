# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libctl.a
LINK_ctl = libctl.a libcontrol.a libconfig.a $(LINK_out) $(YAML_LIBS) $(IDN2_LIBS)
libctl_a_SOURCES = \
	src/ctl/action.c \
	src/ctl/action.h \
	src/ctl/action_parts.h \
	src/ctl/action_reply.c \
	src/ctl/action_target.c \
	src/ctl/copies.c \
	src/ctl/copies.h \
	src/ctl/orders_document.c \
	src/ctl/ctl.c \
	src/ctl/ctl.h \
	src/ctl/dashboard.c \
	src/ctl/dashboard.h \
	src/ctl/disk.c \
	src/ctl/disk.h \
	src/ctl/document_geo.c \
	src/ctl/documents.c \
	src/ctl/documents.h \
	src/ctl/explain.c \
	src/ctl/explain.h \
	src/ctl/explain_ask.c \
	src/ctl/explain_ask.h \
	src/ctl/explain_name.c \
	src/ctl/explain_parts.h \
	src/ctl/explain_text.c \
	src/ctl/explain_ttl.c \
	src/ctl/explain_why.c \
	src/ctl/gather.c \
	src/ctl/gather.h \
	src/ctl/host.h \
	src/ctl/http.c \
	src/ctl/http.h \
	src/ctl/http_conn.c \
	src/ctl/http_conn.h \
	src/ctl/http_fields.c \
	src/ctl/http_fields.h \
	src/ctl/http_head.c \
	src/ctl/http_head.h \
	src/ctl/http_host.c \
	src/ctl/http_host.h \
	src/ctl/http_input.c \
	src/ctl/http_input.h \
	src/ctl/http_route.c \
	src/ctl/http_route.h \
	src/ctl/page_thread.c \
	src/ctl/page_thread.h \
	src/ctl/page_write.c \
	src/ctl/page_write.h \
	src/ctl/problems.c \
	src/ctl/problems.h \
	src/ctl/quoted.c \
	src/ctl/quoted.h \
	src/ctl/render.c \
	src/ctl/render.h \
	src/ctl/render_orders.c \
	src/ctl/render_status.c \
	src/ctl/request.c \
	src/ctl/request.h \
	src/ctl/run.c \
	src/ctl/run.h \
	src/ctl/socket.c \
	src/ctl/socket.h \
	src/ctl/status.c \
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
