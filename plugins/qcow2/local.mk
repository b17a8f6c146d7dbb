# SPDX-License-Identifier: MIT
plugin_LTLIBRARIES += maqet-storage-qcow2.la
maqet_storage_qcow2_la_SOURCES = \
	plugins/qcow2/backing.c plugins/qcow2/backing.h \
	plugins/qcow2/qcow2.c
maqet_storage_qcow2_la_LIBADD = libmaqet-qcow2-header.la libmaqet-blockdev.la
maqet_storage_qcow2_la_LDFLAGS = $(AM_LDFLAGS) $(PLUGIN_FLAGS)

# A library of its own, so that its unit test links the same object.
noinst_LTLIBRARIES += libmaqet-qcow2-header.la
libmaqet_qcow2_header_la_SOURCES = plugins/qcow2/header.c plugins/qcow2/header.h
