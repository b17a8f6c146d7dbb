# SPDX-License-Identifier: MIT
plugin_LTLIBRARIES += maqet-storage-qcow2.la
maqet_storage_qcow2_la_SOURCES = \
	plugins/qcow2/backing.c plugins/qcow2/backing.h \
	plugins/qcow2/bitmaps.c plugins/qcow2/bitmaps.h \
	plugins/qcow2/encryption.c plugins/qcow2/encryption.h \
	plugins/qcow2/node.c plugins/qcow2/node.h \
	plugins/qcow2/check.c plugins/qcow2/check.h \
	plugins/qcow2/operations.c plugins/qcow2/operations.h \
	plugins/qcow2/overlay.c plugins/qcow2/overlay.h \
	plugins/qcow2/qcow2.c
maqet_storage_qcow2_la_LIBADD = libmaqet-qcow2-image.la libmaqet-blockdev.la
maqet_storage_qcow2_la_LDFLAGS = $(AM_LDFLAGS) $(PLUGIN_FLAGS)

# A library of its own, so that the unit tests link the same objects.
noinst_LTLIBRARIES += libmaqet-qcow2-image.la
libmaqet_qcow2_image_la_LDFLAGS = $(AM_LDFLAGS)
libmaqet_qcow2_image_la_SOURCES = \
	plugins/qcow2/bytes.h \
	plugins/qcow2/damage.c plugins/qcow2/damage.h \
	plugins/qcow2/header.c plugins/qcow2/header.h \
	plugins/qcow2/held.c plugins/qcow2/held.h \
	plugins/qcow2/refcounts.c plugins/qcow2/refcounts.h \
	plugins/qcow2/snapshots.c plugins/qcow2/snapshots.h \
	plugins/qcow2/usage.c plugins/qcow2/usage.h \
	plugins/qcow2/view.c plugins/qcow2/view.h
