# SPDX-License-Identifier: MIT
examplesdir = $(docdir)/examples
dist_examples_DATA = \
	examples/development-vm.yaml \
	examples/overlay.yaml

examplevdidir = $(examplesdir)/plugins/vdi
dist_examplevdi_DATA = \
	examples/plugins/vdi/Makefile \
	examples/plugins/vdi/README.md \
	examples/plugins/vdi/vdi.c \
	examples/plugins/vdi/vm.yaml
