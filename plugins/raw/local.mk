# SPDX-License-Identifier: MIT
plugin_LTLIBRARIES += maqet-storage-raw.la
maqet_storage_raw_la_SOURCES = plugins/raw/raw.c
maqet_storage_raw_la_LIBADD = libmaqet-blockdev.la
maqet_storage_raw_la_LDFLAGS = $(AM_LDFLAGS) $(PLUGIN_FLAGS)
