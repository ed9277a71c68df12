# SPDX-License-Identifier: Apache-2.0
UNIT_anycast = libanycast.a libhealth.a libdrive.a $(LINK_config) $(NL_LIBS) $(UV_LIBS) $(OPENSSL_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/anycast/test_guard_words
tests_unit_anycast_test_guard_words_SOURCES = tests/unit/anycast/test_guard_words.c
tests_unit_anycast_test_guard_words_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_guard_client
tests_unit_anycast_test_guard_client_SOURCES = tests/unit/anycast/test_guard_client.c
tests_unit_anycast_test_guard_client_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_spec
tests_unit_anycast_test_spec_SOURCES = tests/unit/anycast/test_spec.c $(CONFIG_TEST_SUPPORT)
tests_unit_anycast_test_spec_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_set_engine
tests_unit_anycast_test_set_engine_SOURCES = tests/unit/anycast/set_engine_world.h \
	tests/unit/anycast/test_set_engine.c
tests_unit_anycast_test_set_engine_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_anycast_test_set_engine_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_set_engine_moves
tests_unit_anycast_test_set_engine_moves_SOURCES = tests/unit/anycast/set_engine_world.h \
	tests/unit/anycast/test_set_engine_moves.c
tests_unit_anycast_test_set_engine_moves_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_anycast_test_set_engine_moves_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_self_probe
tests_unit_anycast_test_self_probe_SOURCES = tests/unit/anycast/test_self_probe.c
tests_unit_anycast_test_self_probe_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_anycast_thread
tests_unit_anycast_test_anycast_thread_SOURCES = tests/unit/anycast/anycast_thread_world.h \
	tests/unit/anycast/test_anycast_thread.c
tests_unit_anycast_test_anycast_thread_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_anycast_test_anycast_thread_LDADD = $(UNIT_anycast)
LINE_WORLD = tests/unit/anycast/fake_speaker.c tests/unit/anycast/fake_speaker.h \
	tests/unit/anycast/line_world.c tests/unit/anycast/line_world.h \
	tests/unit/health/settable_clock.c tests/unit/health/settable_clock.h
check_PROGRAMS += tests/unit/anycast/test_speaker_line
tests_unit_anycast_test_speaker_line_SOURCES = tests/unit/anycast/test_speaker_line.c $(LINE_WORLD)
tests_unit_anycast_test_speaker_line_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_frr
tests_unit_anycast_test_frr_SOURCES = tests/unit/anycast/test_frr.c tests/unit/anycast/driver_ends.h tests/unit/anycast/bgpd_model.h
tests_unit_anycast_test_frr_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_frr_config
tests_unit_anycast_test_frr_config_SOURCES = tests/unit/anycast/test_frr_config.c
tests_unit_anycast_test_frr_config_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_frr_frames
tests_unit_anycast_test_frr_frames_SOURCES = tests/unit/anycast/test_frr_frames.c
tests_unit_anycast_test_frr_frames_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_frr_vty
tests_unit_anycast_test_frr_vty_SOURCES = tests/unit/anycast/test_frr_vty.c
tests_unit_anycast_test_frr_vty_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_gobgp
tests_unit_anycast_test_gobgp_SOURCES = tests/unit/anycast/test_gobgp.c tests/unit/anycast/driver_ends.h \
	tests/unit/anycast/command_world.h
tests_unit_anycast_test_gobgp_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_exec_speaker
tests_unit_anycast_test_exec_speaker_SOURCES = tests/unit/anycast/test_exec_speaker.c tests/unit/anycast/driver_ends.h \
	tests/unit/anycast/command_world.h
tests_unit_anycast_test_exec_speaker_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_hold
tests_unit_anycast_test_hold_SOURCES = tests/unit/anycast/test_hold.c
tests_unit_anycast_test_hold_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_host_address
tests_unit_anycast_test_host_address_SOURCES = tests/unit/anycast/test_host_address.c
tests_unit_anycast_test_host_address_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_hook
tests_unit_anycast_test_hook_SOURCES = tests/unit/anycast/test_hook.c
tests_unit_anycast_test_hook_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_set_inputs
tests_unit_anycast_test_set_inputs_SOURCES = tests/unit/anycast/test_set_inputs.c
tests_unit_anycast_test_set_inputs_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_announcer
tests_unit_anycast_test_announcer_SOURCES = tests/unit/anycast/test_announcer.c
tests_unit_anycast_test_announcer_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_route
tests_unit_anycast_test_route_SOURCES = tests/unit/anycast/test_route.c
tests_unit_anycast_test_route_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_announcer_random
tests_unit_anycast_test_announcer_random_SOURCES = tests/unit/anycast/test_announcer_random.c
tests_unit_anycast_test_announcer_random_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_speaker_line_random
tests_unit_anycast_test_speaker_line_random_SOURCES = \
	tests/unit/anycast/test_speaker_line_random.c $(LINE_WORLD)
tests_unit_anycast_test_speaker_line_random_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_bird
tests_unit_anycast_test_bird_SOURCES = tests/unit/anycast/test_bird.c tests/unit/anycast/driver_ends.h \
	tests/unit/anycast/bird_world.h
tests_unit_anycast_test_bird_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_bird_reply
tests_unit_anycast_test_bird_reply_SOURCES = tests/unit/anycast/test_bird_reply.c tests/unit/anycast/driver_ends.h
tests_unit_anycast_test_bird_reply_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_exabgp_text
tests_unit_anycast_test_exabgp_text_SOURCES = tests/unit/anycast/test_exabgp_text.c tests/unit/anycast/driver_ends.h
tests_unit_anycast_test_exabgp_text_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_exabgp
tests_unit_anycast_test_exabgp_SOURCES = tests/unit/anycast/test_exabgp.c tests/unit/anycast/driver_ends.h
tests_unit_anycast_test_exabgp_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_exabgp_fifo
tests_unit_anycast_test_exabgp_fifo_SOURCES = tests/unit/anycast/test_exabgp_fifo.c
tests_unit_anycast_test_exabgp_fifo_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_frr_route
tests_unit_anycast_test_frr_route_SOURCES = tests/unit/anycast/test_frr_route.c
tests_unit_anycast_test_frr_route_LDADD = $(UNIT_anycast)
check_PROGRAMS += tests/unit/anycast/test_gobgp_table
tests_unit_anycast_test_gobgp_table_SOURCES = tests/unit/anycast/test_gobgp_table.c
tests_unit_anycast_test_gobgp_table_LDADD = $(UNIT_anycast)
