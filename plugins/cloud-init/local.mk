# SPDX-License-Identifier: MIT
plugin_LTLIBRARIES += maqet-storage-cloud-init.la
maqet_storage_cloud_init_la_SOURCES = plugins/cloud-init/cloud-init.c
maqet_storage_cloud_init_la_LDFLAGS = $(AM_LDFLAGS) $(PLUGIN_FLAGS)
