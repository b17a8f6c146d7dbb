# SPDX-License-Identifier: MIT
# The manual page: docs/maqet.1.in, with the sections that the program itself writes.
nodist_man_MANS += docs/maqet.1
CLEANFILES += docs/maqet.1 docs/maqet.1.sections
# Below the README as they are here, so that its links lead to them, and theirs to the examples.
docsdir = $(docdir)/docs
dist_docs_DATA = docs/architecture.md docs/arguments.md docs/backups.md docs/cloud-images.md \
	docs/configuration.md docs/json.md \
	docs/performance.md \
	docs/checkpoints.md docs/packaging.md docs/plugins.md docs/security.md docs/services.md \
	docs/shares.md docs/snapshots.md \
	docs/firmware.md docs/images.md docs/overlays.md docs/clones.md docs/forks.md
EXTRA_DIST += docs/maqet.1.in

# The pages of all plugins, for "SEE ALSO".
CLEANFILES += docs/plugin-pages
docs/plugin-pages: $(top_srcdir)/docs/local.mk
	$(AM_V_GEN)$(MKDIR_P) docs && \
	for page in $(PLUGIN_MANUALS); do echo ".BR $${page#docs/}"; done | LC_ALL=C sort | \
	$(SED) -e 's/-/\\-/g' -e 's/\.5$$/ (5),/' > $@.tmp && mv $@.tmp $@

docs/maqet.1: $(top_srcdir)/docs/maqet.1.in docs/plugin-pages maqet$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) docs && \
	./maqet$(EXEEXT) --dump-man > $@.sections && \
	$(SED) -e '/^@SECTIONS@$$/r $@.sections' -e '/^@SECTIONS@$$/d' \
	  -e '/^@PLUGIN_PAGES@$$/r docs/plugin-pages' -e '/^@PLUGIN_PAGES@$$/d' \
	  -e 's|@RELEASE@|$(PACKAGE_VERSION)|g' \
	  -e 's|@SYSCONFDIR@|$(sysconfdir)|g' \
	  -e 's|@PLUGINDIR@|$(plugindir)|g' \
	  $(top_srcdir)/docs/maqet.1.in > $@.tmp && mv $@.tmp $@

# A page for each command, maqet-NAME(1). Which commands there are, the program knows; which pages
# of plugins there are, it does not.
all-local: docs/commands.stamp
install-data-local: install-command-pages
uninstall-local: uninstall-command-pages
CLEANFILES += docs/commands.stamp docs/commands/*.1
docs/commands.stamp: maqet$(EXEEXT) docs/plugin-pages
	$(AM_V_GEN)$(MKDIR_P) docs/commands && rm -f docs/commands/*.1 && \
	for name in `./maqet$(EXEEXT) --list-commands | cut -f 1`; do \
	  ./maqet$(EXEEXT) --dump-man-command $$name > docs/commands/maqet-$$name.1 || exit 1; \
	done && \
	$(SED) '/^\.BR maqet\\-plugin (3),$$/r docs/plugin-pages' docs/commands/maqet-plugin.1 > $@.tmp && \
	mv $@.tmp docs/commands/maqet-plugin.1 && touch $@
.PHONY: install-command-pages uninstall-command-pages
install-command-pages: docs/commands.stamp
	$(MKDIR_P) "$(DESTDIR)$(man1dir)" && \
	$(INSTALL_DATA) docs/commands/*.1 "$(DESTDIR)$(man1dir)"
uninstall-command-pages: docs/commands.stamp
	for page in docs/commands/*.1; do rm -f "$(DESTDIR)$(man1dir)/$${page##*/}"; done

# The keys of a VM's file: what docs/configuration.md says.
nodist_man_MANS += docs/maqet.yaml.5
CLEANFILES += docs/maqet.yaml.5 docs/maqet.yaml.5.sections docs/maqet.yaml.5.related
EXTRA_DIST += docs/maqet.yaml.5.in docs/configuration.awk
docs/maqet.yaml.5: $(top_srcdir)/docs/maqet.yaml.5.in $(top_srcdir)/docs/configuration.awk \
		$(top_srcdir)/docs/configuration.md docs/plugin-pages maqet$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) docs && \
	LC_ALL=C $(AWK) -f $(top_srcdir)/docs/configuration.awk $(top_srcdir)/docs/configuration.md > $@.sections && \
	./maqet$(EXEEXT) --dump-man-related 'maqet.yaml(5)' > $@.related && \
	$(SED) -e '/^@SECTIONS@$$/r $@.sections' -e '/^@SECTIONS@$$/d' \
	  -e '/^@RELATED@$$/r $@.related' -e '/^@RELATED@$$/d' \
	  -e '/^@PLUGIN_PAGES@$$/r docs/plugin-pages' -e '/^@PLUGIN_PAGES@$$/d' \
	  -e 's|@RELEASE@|$(PACKAGE_VERSION)|g' -e 's|@DOCDIR@|$(docdir)|g' \
	  $(top_srcdir)/docs/maqet.yaml.5.in > $@.tmp && mv $@.tmp $@

# The checks of `maqet plugin check`: the prose, and what the program says of each.
nodist_man_MANS += docs/maqet-plugin-check.1
CLEANFILES += docs/maqet-plugin-check.1 docs/maqet-plugin-check.1.sections
EXTRA_DIST += docs/maqet-plugin-check.1.in
docs/maqet-plugin-check.1: $(top_srcdir)/docs/maqet-plugin-check.1.in maqet$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) docs && \
	./maqet$(EXEEXT) --dump-man-checks > $@.sections && \
	$(SED) -e '/^@SECTIONS@$$/r $@.sections' -e '/^@SECTIONS@$$/d' \
	  -e 's|@RELEASE@|$(PACKAGE_VERSION)|g' \
	  $(top_srcdir)/docs/maqet-plugin-check.1.in > $@.tmp && mv $@.tmp $@

# The author's reference: the prose, and what the public header says of each symbol.
nodist_man_MANS += docs/maqet-plugin.3
CLEANFILES += docs/maqet-plugin.3 docs/maqet-plugin.3.sections
EXTRA_DIST += docs/maqet-plugin.3.in docs/reference.awk
docs/maqet-plugin.3: $(top_srcdir)/docs/maqet-plugin.3.in $(top_srcdir)/docs/reference.awk \
		$(top_srcdir)/include/maqet-plugin.h docs/plugin-pages
	$(AM_V_GEN)$(MKDIR_P) docs && \
	LC_ALL=C $(AWK) -f $(top_srcdir)/docs/reference.awk $(top_srcdir)/include/maqet-plugin.h > $@.sections && \
	$(SED) -e '/^@SECTIONS@$$/r $@.sections' -e '/^@SECTIONS@$$/d' \
	  -e '/^@PLUGIN_PAGES@$$/r docs/plugin-pages' -e '/^@PLUGIN_PAGES@$$/d' \
	  -e 's|@RELEASE@|$(PACKAGE_VERSION)|g' -e 's|@ABI@|$(PLUGIN_ABI)|g' \
	  -e 's|@PLUGINDIR@|$(plugindir)|g' \
	  $(top_srcdir)/docs/maqet-plugin.3.in > $@.tmp && mv $@.tmp $@

# A page for each plugin: the program asks it for its options, and the prose stands before them.
# After that, those of all others are in "SEE ALSO".
# The plugins are copied to a folder that nobody else can write, since from another one the
# program would not load them.
PLUGIN_MANUALS = docs/maqet-storage-qcow2.5 docs/maqet-storage-raw.5 docs/maqet-storage-virtfs.5 \
	docs/maqet-storage-cloud-init.5 docs/maqet-storage-virtiofs.5 \
	docs/maqet-iface-virtio.5 docs/maqet-iface-sata.5 docs/maqet-iface-ide.5 \
	docs/maqet-iface-scsi.5
nodist_man_MANS += $(PLUGIN_MANUALS)
CLEANFILES += $(PLUGIN_MANUALS)
PLUGIN_PROSE = docs/plugins/storage-qcow2.man docs/plugins/storage-raw.man \
	docs/plugins/storage-virtfs.man docs/plugins/storage-virtiofs.man \
	docs/plugins/storage-cloud-init.man \
	docs/plugins/iface-virtio.man docs/plugins/iface-sata.man \
	docs/plugins/iface-ide.man docs/plugins/iface-scsi.man
EXTRA_DIST += $(PLUGIN_PROSE)
$(PLUGIN_MANUALS): maqet$(EXEEXT) $(plugin_LTLIBRARIES) $(PLUGIN_PROSE) docs/plugin-pages
	$(AM_V_GEN)$(MKDIR_P) docs && \
	page=`echo '$(@F)' | $(SED) 's/^maqet-//; s/\.5$$//'` && folder=`mktemp -d` && \
	cp ".libs/maqet-$$page.so" "$$folder" && chmod go-w "$$folder"/* && \
	MAQET_PLUGIN_PATH="$$folder" ./maqet$(EXEEXT) --format plain plugin manual "$${page#*-}" \
	  --prose "$(top_srcdir)/docs/plugins/$$page.man" > $@.alone; status=$$?; \
	rm -rf "$$folder"; test $$status = 0 && \
	$(SED) 's/\\//g' docs/plugin-pages | grep -vF ".BR maqet-$$page (" | $(SED) 's/-/\\-/g' > $@.others && \
	$(SED) '/^\.BR maqet\\-plugin (3),$$/r $@.others' $@.alone > $@.tmp && \
	rm -f $@.alone $@.others && mv $@.tmp $@
