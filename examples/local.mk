# SPDX-License-Identifier: MIT
examplesdir = $(docdir)/examples
dist_examples_DATA = \
	examples/development-vm.yaml \
	examples/overlay.yaml
