# SPDX-License-Identifier: MIT
# A QEMU that fails to order.
check_PROGRAMS += tests/fake/fake-qemu
tests_fake_fake_qemu_SOURCES = tests/fake/fake-qemu.c
tests_fake_fake_qemu_LDADD = $(JSON_LIBS)

# A debugger that stops a process.
check_PROGRAMS += tests/fake/debugger
tests_fake_debugger_SOURCES = tests/fake/debugger.c
tests_fake_debugger_LDADD =

# Somebody at a terminal.
check_PROGRAMS += tests/fake/typist
tests_fake_typist_SOURCES = tests/fake/typist.c
tests_fake_typist_LDADD = -lutil
