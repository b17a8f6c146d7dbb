# SPDX-License-Identifier: MIT
# What the interfaces share goes into each of them: a plugin links to nothing.
noinst_LTLIBRARIES += libmaqet-attach.la
libmaqet_attach_la_LDFLAGS = $(AM_LDFLAGS)
libmaqet_attach_la_SOURCES = \
	plugins/iface/ahci.c plugins/iface/ahci.h \
	plugins/iface/attach.c plugins/iface/attach.h

plugin_LTLIBRARIES += maqet-iface-virtio.la
maqet_iface_virtio_la_SOURCES = plugins/iface/virtio.c
maqet_iface_virtio_la_LIBADD = libmaqet-attach.la
maqet_iface_virtio_la_LDFLAGS = $(AM_LDFLAGS) $(PLUGIN_FLAGS)

plugin_LTLIBRARIES += maqet-iface-sata.la
maqet_iface_sata_la_SOURCES = plugins/iface/sata.c
maqet_iface_sata_la_LIBADD = libmaqet-attach.la
maqet_iface_sata_la_LDFLAGS = $(AM_LDFLAGS) $(PLUGIN_FLAGS)

plugin_LTLIBRARIES += maqet-iface-ide.la
maqet_iface_ide_la_SOURCES = plugins/iface/ide.c
maqet_iface_ide_la_LIBADD = libmaqet-attach.la
maqet_iface_ide_la_LDFLAGS = $(AM_LDFLAGS) $(PLUGIN_FLAGS)

plugin_LTLIBRARIES += maqet-iface-scsi.la
maqet_iface_scsi_la_SOURCES = plugins/iface/scsi.c
maqet_iface_scsi_la_LIBADD = libmaqet-attach.la
maqet_iface_scsi_la_LDFLAGS = $(AM_LDFLAGS) $(PLUGIN_FLAGS)
