# SPDX-License-Identifier: Apache-2.0
UNIT_drive = $(LINK_drive) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/drive/test_drive
tests_unit_drive_test_drive_SOURCES = tests/unit/drive/test_drive.c
tests_unit_drive_test_drive_LDADD = $(UNIT_drive)
check_PROGRAMS += tests/unit/drive/test_backoff
tests_unit_drive_test_backoff_SOURCES = tests/unit/drive/test_backoff.c
tests_unit_drive_test_backoff_LDADD = $(UNIT_drive)
check_PROGRAMS += tests/unit/drive/test_descriptors
tests_unit_drive_test_descriptors_SOURCES = tests/unit/drive/test_descriptors.c tests/unit/free_port.h
tests_unit_drive_test_descriptors_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_unit_drive_test_descriptors_LDADD = $(UNIT_drive)
check_PROGRAMS += tests/unit/drive/test_line_split
tests_unit_drive_test_line_split_SOURCES = tests/unit/drive/test_line_split.c
tests_unit_drive_test_line_split_LDADD = $(UNIT_drive)
check_PROGRAMS += tests/unit/drive/test_netlink
tests_unit_drive_test_netlink_SOURCES = tests/unit/drive/test_netlink.c
tests_unit_drive_test_netlink_LDADD = $(UNIT_drive)
tests_unit_drive_test_netlink_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=socket,--wrap=bind,--wrap=sendto,--wrap=recvmsg
check_PROGRAMS += tests/unit/drive/test_talk
tests_unit_drive_test_talk_SOURCES = tests/unit/drive/test_talk.c tests/unit/drive/wait.h
tests_unit_drive_test_talk_LDADD = $(UNIT_drive)
check_PROGRAMS += tests/unit/drive/test_sock_diag
tests_unit_drive_test_sock_diag_SOURCES = tests/unit/drive/test_sock_diag.c
tests_unit_drive_test_sock_diag_LDADD = $(UNIT_drive)
check_PROGRAMS += tests/unit/drive/test_command
tests_unit_drive_test_command_SOURCES = tests/unit/drive/test_command.c tests/unit/drive/wait.h
tests_unit_drive_test_command_LDADD = $(UNIT_drive)
check_PROGRAMS += tests/unit/drive/test_files
tests_unit_drive_test_files_SOURCES = tests/unit/drive/test_files.c tests/unit/drive/wait.h
tests_unit_drive_test_files_LDADD = $(UNIT_drive)
tests_unit_drive_test_files_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fsync,--wrap=write
check_PROGRAMS += tests/unit/drive/test_process
tests_unit_drive_test_process_SOURCES = tests/unit/drive/test_process.c tests/unit/drive/wait.h
tests_unit_drive_test_process_LDADD = $(UNIT_drive)
tests_unit_drive_test_process_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=posix_spawn
check_PROGRAMS += tests/unit/drive/test_reload
tests_unit_drive_test_reload_SOURCES = tests/unit/drive/test_reload.c
tests_unit_drive_test_reload_LDADD = $(UNIT_drive)
check_PROGRAMS += tests/unit/drive/test_turn_watch
tests_unit_drive_test_turn_watch_SOURCES = tests/unit/drive/test_turn_watch.c
tests_unit_drive_test_turn_watch_LDADD = $(UNIT_drive)
