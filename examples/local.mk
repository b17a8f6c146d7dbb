# SPDX-License-Identifier: MIT
examplesdir = $(docdir)/examples
dist_examples_DATA = \
	examples/development-vm.yaml \
	examples/overlay.yaml

# The plugins are projects of their own, installed as they are, to be copied.
exampleplugindir = $(examplesdir)/plugins
EXAMPLE_PLUGINS = \
	examples/plugins/maqet-plugin-template/Makefile \
	examples/plugins/maqet-plugin-template/README.md \
	examples/plugins/maqet-plugin-template/check.sh \
	examples/plugins/maqet-plugin-template/rename \
	examples/plugins/maqet-plugin-template/template.c \
	examples/plugins/maqet-plugin-template/template.man \
	examples/plugins/maqet-plugin-template/debian/changelog \
	examples/plugins/maqet-plugin-template/debian/control \
	examples/plugins/maqet-plugin-template/debian/copyright \
	examples/plugins/maqet-plugin-template/debian/rules \
	examples/plugins/maqet-plugin-template/debian/source/format \
	examples/plugins/luks/Makefile examples/plugins/luks/README.md \
	examples/plugins/luks/check.sh examples/plugins/luks/luks.c \
	examples/plugins/luks/vm.yaml \
	examples/plugins/nbd/Makefile examples/plugins/nbd/README.md \
	examples/plugins/nbd/check.sh examples/plugins/nbd/nbd.c \
	examples/plugins/nbd/vm.yaml \
	examples/plugins/nvme/Makefile examples/plugins/nvme/README.md \
	examples/plugins/nvme/check.sh examples/plugins/nvme/nvme.c \
	examples/plugins/nvme/vm.yaml \
	examples/plugins/qed/Makefile examples/plugins/qed/README.md \
	examples/plugins/qed/check.sh examples/plugins/qed/header.c \
	examples/plugins/qed/header.h examples/plugins/qed/qed.c \
	examples/plugins/qed/vm.yaml \
	examples/plugins/rbd/Makefile examples/plugins/rbd/README.md \
	examples/plugins/rbd/check.sh examples/plugins/rbd/check-drives.sh \
	examples/plugins/rbd/check-hanging.sh examples/plugins/rbd/check-options.sh \
	examples/plugins/rbd/check-snapshots.sh \
	examples/plugins/rbd/check-users.sh examples/plugins/rbd/cluster.c \
	examples/plugins/rbd/rbd.c examples/plugins/rbd/rbd.h \
	examples/plugins/rbd/snapshots.c examples/plugins/rbd/test-cluster.sh \
	examples/plugins/rbd/vm.yaml \
	examples/plugins/throttled/Makefile examples/plugins/throttled/README.md \
	examples/plugins/throttled/check.sh examples/plugins/throttled/plugin.map \
	examples/plugins/throttled/throttled.cc examples/plugins/throttled/vm.yaml \
	examples/plugins/usb/Makefile examples/plugins/usb/README.md \
	examples/plugins/usb/check.sh examples/plugins/usb/usb.c \
	examples/plugins/usb/vm.yaml \
	examples/plugins/vdi/Makefile examples/plugins/vdi/README.md \
	examples/plugins/vdi/vdi.c examples/plugins/vdi/vm.yaml \
	examples/plugins/vmdk/Cargo.toml \
	examples/plugins/vmdk/Makefile examples/plugins/vmdk/README.md \
	examples/plugins/vmdk/check.sh examples/plugins/vmdk/maqet.rs \
	examples/plugins/vmdk/vm.yaml examples/plugins/vmdk/vmdk.rs
EXTRA_DIST += $(EXAMPLE_PLUGINS)
install-data-local: install-example-plugins
uninstall-local: uninstall-example-plugins
install-example-plugins:
	@for file in $(EXAMPLE_PLUGINS); do \
	  part="$${file#examples/plugins/}" && folder="$(DESTDIR)$(exampleplugindir)/$${part%/*}" && \
	  $(MKDIR_P) "$$folder" && \
	  if test -x "$(srcdir)/$$file"; then $(INSTALL_SCRIPT) "$(srcdir)/$$file" "$$folder"; \
	  else $(INSTALL_DATA) "$(srcdir)/$$file" "$$folder"; fi || exit 1; \
	done
uninstall-example-plugins:
	rm -rf "$(DESTDIR)$(exampleplugindir)"
.PHONY: install-example-plugins uninstall-example-plugins
