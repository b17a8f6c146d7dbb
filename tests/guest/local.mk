# SPDX-License-Identifier: MIT
check_PROGRAMS += tests/guest/guest-console
tests_guest_guest_console_SOURCES = tests/guest/guest-console.c
tests_guest_guest_console_LDADD =
TESTS += tests/guest/guest-itself.sh
EXTRA_DIST += tests/guest/build tests/guest/build-cloud tests/guest/modules.sh tests/guest/fetch tests/guest/guest.sh tests/guest/guest-itself.sh \
	tests/guest/rewriter.c \
	tests/guest/cloud/init tests/guest/cloud/grub.cfg tests/guest/cloud/cloud.cfg \
	tests/guest/rootfs/init tests/guest/rootfs/etc/filesystems \
	tests/guest/rootfs/etc/group tests/guest/rootfs/etc/passwd \
	tests/guest/rootfs/sbin/interpreter tests/guest/rootfs/sbin/mkfs.ext2 \
	tests/guest/rootfs/sbin/modprobe tests/guest/rootfs/sbin/network
