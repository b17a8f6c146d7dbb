#!/bin/sh
# SPDX-License-Identifier: MIT
# A guest can write the beginning of another format to its raw disk. That neither keeps its
# machine from starting, nor has anybody read what the guest made up.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires qemu-io

# A header that names a file of the host, as a guest would write it.
qemu-img create -q -f qcow2 -u -b /etc/hostname -F raw header 1M
forge() { # IMAGE
    dd if=header of="$1" bs=64k count=1 conv=notrunc status=none
}
halt() {
    expect 0 maqet stop "$1" --timeout 0 --force
}

# Created by maqet.
vm_yaml made <<EOF
storage:
  - {name: hdd, type: raw, size: 1M, file: made.img}
EOF
expect 0 maqet add made.yaml
expect 0 maqet start made
halt made
forge made.img
expect 0 maqet start made
maqet --format json qmp made query-named-block-nodes '{"flat": true}' >nodes
! grep -q hostname nodes || fail "QEMU has opened what the header names"
halt made
expect 0 maqet validate made.yaml
expect 0 maqet apply made made.yaml
expect 0 maqet resize made hdd 2M

# Not created by maqet, but run once.
truncate -s 1M mine.img
sed 's/made/mine/' made.yaml >mine.yaml
expect 0 maqet add mine.yaml
expect 0 maqet start mine
halt mine
forge mine.img
expect 0 maqet start mine
halt mine

# Another file in its place was never run: it is looked at, and what to do is said without
# the advice to let QEMU read it.
cp header mine.new
mv mine.new mine.img
expect 3 maqet start mine
err_has "begins like an image of the format 'qcow2', and its type is raw"
err_has '`format: raw`'
err_lacks 'Say `type: qcow2`'
sed 's/file: mine.img/file: mine.img, format: raw/' mine.yaml >forced.yaml
expect 0 maqet apply mine forced.yaml
expect 0 maqet start mine
halt mine
# A qcow2 image stays one: a record does not make raw data of a type that has a header.
vm_yaml cow <<EOF
storage:
  - {name: hdd, size: 1M, file: cow.qcow2}
EOF
expect 0 maqet add cow.yaml
expect 0 maqet start cow
halt cow
dd if=/dev/zero of=cow.qcow2 bs=512 count=1 conv=notrunc status=none
expect 3 maqet start cow
err_has "is an image of the format 'raw', not 'qcow2'"
