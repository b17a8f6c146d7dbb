# SPDX-License-Identifier: MIT
# The one list of plugins that come with maqet: a folder each, a line each.
include plugins/common/local.mk
include plugins/qcow2/local.mk
include plugins/raw/local.mk
include plugins/cloud-init/local.mk
include plugins/virtfs/local.mk
include plugins/virtiofs/local.mk
include plugins/iface/local.mk
