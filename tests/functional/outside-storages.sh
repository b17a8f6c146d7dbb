#!/bin/sh
# SPDX-License-Identifier: MIT
# Storage plugins outside of the tree: a disk from a server, and an encrypted one.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${srcdir:-.}/tests/functional/outside-functions.sh"
qemu_required
outside_install
for plugin in nbd luks; do
    outside_build $plugin
    outside_check $plugin
done
# What they say of themselves, and the example beside each.
expect 0 maqet plugin info luks
out_has live-resize
for plugin in nbd luks; do
    ! grep -q key_file $plugin/vm.yaml || (umask 077 && printf key >$plugin/disk.key)
    expect 0 maqet validate $plugin/vm.yaml
done
