# SPDX-License-Identifier: MIT
# Images as no tool makes them.
check_PROGRAMS += tests/images/spoil-qcow2
tests_images_spoil_qcow2_SOURCES = tests/images/spoil-qcow2.c
tests_images_spoil_qcow2_LDADD =
