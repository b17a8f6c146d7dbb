# SPDX-License-Identifier: MIT
# What qcow2 and raw share. It goes into each of them: a plugin links to nothing.
noinst_LTLIBRARIES += libmaqet-blockdev.la
libmaqet_blockdev_la_LDFLAGS = $(AM_LDFLAGS)
libmaqet_blockdev_la_SOURCES = \
	plugins/common/blockdev.c plugins/common/blockdev.h \
	plugins/common/probe.c plugins/common/probe.h \
	plugins/common/quote.h
