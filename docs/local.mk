# SPDX-License-Identifier: MIT
# The manual page: docs/maqet.1.in, with the sections that the program itself writes.
nodist_man_MANS += docs/maqet.1
CLEANFILES += docs/maqet.1 docs/maqet.1.sections
dist_doc_DATA += docs/architecture.md docs/configuration.md docs/performance.md \
	docs/checkpoints.md docs/snapshots.md
EXTRA_DIST += docs/maqet.1.in

docs/maqet.1: $(top_srcdir)/docs/maqet.1.in maqet$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) docs && \
	./maqet$(EXEEXT) --dump-man > $@.sections && \
	$(SED) -e '/^@SECTIONS@$$/r $@.sections' -e '/^@SECTIONS@$$/d' \
	  -e 's|@RELEASE@|$(PACKAGE_VERSION)|g' \
	  -e 's|@SYSCONFDIR@|$(sysconfdir)|g' \
	  -e 's|@PLUGINDIR@|$(plugindir)|g' \
	  $(top_srcdir)/docs/maqet.1.in > $@.tmp && mv $@.tmp $@
