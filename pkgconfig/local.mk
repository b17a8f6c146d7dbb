# SPDX-License-Identifier: MIT
# What tells the builds of plugins where this maqet is: maqet.pc is installed, and
# maqet-uninstalled.pc beside it, which pkg-config prefers, is this build tree.
pkgconfigdir = $(libdir)/pkgconfig
nodist_pkgconfig_DATA = pkgconfig/maqet.pc
