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

# A QEMU that says that it is newer.
EXTRA_DIST += tests/fake/newer-qemu.c
check_DATA += tests/fake/newer-qemu.so
CLEANFILES += tests/fake/newer-qemu.so
tests/fake/newer-qemu.so: tests/fake/newer-qemu.c
	$(AM_V_CCLD)$(MKDIR_P) $(@D) && \
	    $(CC) -std=gnu11 $(WARNING_FLAGS) -O1 -fPIC -shared -o $@ $(srcdir)/tests/fake/newer-qemu.c -ldl

# A firmware that halts: "cli; hlt; jmp" where the processor begins, at the end of 64 KB.
check_DATA += tests/fake/halt.bin
CLEANFILES += tests/fake/halt.bin
tests/fake/halt.bin:
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	    { head -c 65520 /dev/zero && printf '\372\364\353\375' && head -c 12 /dev/zero; } >$@.new && mv $@.new $@
