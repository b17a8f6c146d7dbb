#!/bin/sh
# SPDX-License-Identifier: MIT
# An overlay format outside of the tree: snapshots of its drives are overlays of that format.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${srcdir:-.}/tests/functional/outside-functions.sh"
requires qemu-img qemu-io
qemu_required
outside_install
outside_build qed
outside_check qed
expect 0 maqet validate qed/vm.yaml

# A format that does not serve as an overlay gets those of the default type.
cat >plain.yaml <<EOF
name: plain
binary: qemu-system-x86_64
storage: [{name: hdd, type: raw, file: hdd.raw, size: 1M, snapshots: overlay}]
EOF
truncate -s 1M hdd.raw
expect 0 maqet add plain.yaml
expect 0 maqet snapshot plain create hdd one
[ -e hdd.raw.maqet/1.qcow2 ] || fail "no overlay of the default type: $(ls hdd.raw.maqet)"
