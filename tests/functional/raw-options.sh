#!/bin/sh
# SPDX-License-Identifier: MIT
# raw: the full size at once, sparse when asked for or when the file system can do no better;
# block devices, which are used and never made.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

drive() { # NAME FILE, then lines of the drive
    vm_yaml "$1" <<EOF
storage:
  - name: hdd
    type: raw
    file: $2
$(sed 's/^/    /')
EOF
    expect 0 maqet add "$1.yaml"
    expect 0 maqet start "$1"
    cp err "$1.err"
    expect 0 maqet stop "$1" --timeout 0 --force
}
size_of() {
    stat -c %s "$1"
}
taken() { # KiB
    du -k "$1" | cut -f1
}

drive falloc images/falloc.raw <<EOF
size: 4M
EOF
same 4194304 "$(size_of images/falloc.raw)" "size"
[ "$(taken images/falloc.raw)" -ge 4096 ] || fail "the default is not the full size at once"
drive full images/full.raw <<EOF
size: 4M
preallocation: full
EOF
[ "$(taken images/full.raw)" -ge 4096 ] || fail "full is not full"
drive sparse images/sparse.raw <<EOF
size: 4M
preallocation: off
discard: unmap
cache: none
EOF
same 4194304 "$(size_of images/sparse.raw)" "size"
[ "$(taken images/sparse.raw)" -lt 4096 ] || fail "off is not sparse"

if mkdir ramfs && mount -t ramfs ramfs ramfs 2>/dev/null; then
    cleanup_fn umount "$TMP/ramfs"
    drive ramfs ramfs/disk.raw <<EOF
size: 4M
EOF
    grep -q "WARNING: Drive 'hdd' of VM 'ramfs'" ramfs.err || fail "no warning"
    grep -q "can't reserve space" ramfs.err || fail "the warning does not say why"
    same 4194304 "$(size_of ramfs/disk.raw)" "size"
fi

# A block device: its size is its own, and nothing is made.
truncate -s 8M images/backing
loop=$(losetup --show -f images/backing 2>/dev/null) || exit 0
cleanup_fn losetup -d "$loop"
drive block "$loop" <<EOF
cache: none
aio: native
EOF
! grep -q Creating block.err || fail "a block device was made"
expect 0 maqet start block
expect 0 maqet qmp block query-named-block-nodes
out_has '"drv": "host_device"'
expect 0 maqet --format json status block
out_has 8388608
expect 0 maqet stop block --timeout 0 --force
expect 0 maqet rm block --yes --delete-storage
[ -b "$loop" ] || fail "the block device is gone"
