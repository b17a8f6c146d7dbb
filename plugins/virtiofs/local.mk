# SPDX-License-Identifier: MIT
plugin_LTLIBRARIES += maqet-storage-virtiofs.la
maqet_storage_virtiofs_la_SOURCES = plugins/virtiofs/virtiofs.c
maqet_storage_virtiofs_la_LDFLAGS = $(AM_LDFLAGS) $(PLUGIN_FLAGS)
