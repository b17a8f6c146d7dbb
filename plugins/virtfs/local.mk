# SPDX-License-Identifier: MIT
plugin_LTLIBRARIES += maqet-storage-virtfs.la
maqet_storage_virtfs_la_SOURCES = plugins/virtfs/virtfs.c
maqet_storage_virtfs_la_LDFLAGS = $(AM_LDFLAGS) $(PLUGIN_FLAGS)
