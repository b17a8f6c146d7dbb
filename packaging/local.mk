# SPDX-License-Identifier: MIT
# What packages of plugins get their dependencies by. The tools of distributions call it; they are
# installed by the packages of maqet, since other systems have no use for them.
pkgdata_SCRIPTS = packaging/plugin-needs
nodist_pkgdata_DATA = $(PLUGIN_SYMBOLS)
EXTRA_DIST += packaging/plugin-needs packaging/symbols.awk packaging/dh_maqetplugin \
	packaging/maqetplugin.pm packaging/maqetplugin.attr
CLEANFILES += $(PLUGIN_SYMBOLS)

$(PLUGIN_SYMBOLS): $(top_srcdir)/include/maqet-plugin.h $(top_srcdir)/packaging/symbols.awk
	$(AM_V_GEN)$(MKDIR_P) packaging && \
	abi=`echo '$(@F)' | $(SED) 's/.*-//; s/\..*//'` && \
	LC_ALL=C $(AWK) -f $(top_srcdir)/packaging/symbols.awk -v abi="$$abi" \
	  -v release=$(PACKAGE_VERSION) $(top_srcdir)/include/maqet-plugin.h > $@.tmp && mv $@.tmp $@
