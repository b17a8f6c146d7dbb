#!/bin/sh
# SPDX-License-Identifier: MIT
# raw: the full size at once, sparse when asked for or when the file system can do no better;
# block devices, which are used and never made.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires strace

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

# Where no space can be reserved there is none, and the image is not made sparse instead. Only a
# file system that cannot reserve any is left to do its best.
vm_yaml nospace <<EOF
storage:
  - {name: hdd, type: raw, file: images/nospace.raw, size: 4M}
EOF
expect 0 maqet add nospace.yaml
expect 1 traced fallocate error=ENOSPC start nospace
err_has "cannot reserve 4194304 bytes for"
err_has "No space left on device"
[ ! -e images/nospace.raw ] || fail "an image is left"
expect 0 traced fallocate error=EOPNOTSUPP start nospace
err_has "cannot reserve space, so the image is created sparse"
expect 0 maqet stop nospace --timeout 0 --force
same 4194304 "$(size_of images/nospace.raw)" "size"

if mkdir ramfs && mount -t ramfs ramfs ramfs 2>/dev/null; then
    cleanup_fn umount "$TMP/ramfs"
    drive ramfs ramfs/disk.raw <<EOF
size: 4M
EOF
    grep -q "WARNING: Drive 'hdd' of VM 'ramfs'" ramfs.err || fail "no warning"
    grep -q "cannot reserve space" ramfs.err || fail "the warning does not say why"
    same 4194304 "$(size_of ramfs/disk.raw)" "size"
fi

# A disk whose guest has written the beginning of an image of another format, which names a file of
# the host. It stays a raw disk where the user says so; QEMU doesn't read that beginning.
echo secret >secret
qemu-img create -q -f qcow2 -u -b "$TMP/secret" -F raw header 1M
truncate -s 4M images/guest.raw
dd if=header of=images/guest.raw conv=notrunc status=none
vm_yaml guest <<EOF
storage:
  - {name: hdd, type: raw, file: images/guest.raw}
EOF
expect 3 maqet add guest.yaml
err_has "begins like an image of the format 'qcow2', and its type is raw"
err_has '1. If it is a raw disk whose guest wrote that beginning: `format: raw`'
err_has '2. If you know that it was created as such an image: `type: qcow2`'
sed -i 's/type: raw/type: raw, format: raw/' guest.yaml
expect 0 maqet add guest.yaml
expect 0 maqet start guest
expect 0 maqet qmp guest query-named-block-nodes
! grep -qE '"drv": "qcow2"|secret' out || fail "QEMU has read what the guest wrote: $(cat out)"
grep -q '"drv": "raw"' out || fail "the disk is not raw: $(cat out)"
expect 0 maqet --format json status guest
out_has 4194304
expect 0 maqet stop guest --timeout 0 --force
expect 0 maqet rm guest --yes
sed 's/format: raw/format: qcow2/; s/name: guest/name: wrong/' guest.yaml >wrong.yaml
expect 3 maqet add wrong.yaml
err_has 'raw'

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

# Overlays of a block device would be in memory; beside a link to it they are kept.
maqet rm block --yes >/dev/null 2>&1 || :
vm_yaml device <<EOF
storage:
- {name: hdd, type: raw, file: $loop, snapshots: overlay}
EOF
expect 3 maqet add device.yaml
err_has "its overlays would be beside $loop, and no image is created in /dev"
err_has 'Name a symbolic link to it'
mkdir kept
ln -s "$loop" kept/disk
vm_yaml device <<EOF
storage:
- {name: hdd, type: raw, file: kept/disk, snapshots: overlay}
EOF
expect 0 maqet add device.yaml
qemu-io -f raw -c 'write -q -P 1 0 64k' kept/disk
expect 0 maqet snapshot device create hdd one
[ -e kept/disk.maqet/tree.json ] || fail "no overlay is kept: $(find kept "$loop"*)"
expect 0 maqet start device
expect 0 maqet snapshot device create hdd two --live
expect 0 maqet stop device --timeout 0 --force
expect 0 maqet snapshot device load hdd one --yes
expect 0 maqet snapshot device delete hdd two --yes
qemu-io -r -f raw -c 'read -q -P 1 0 64k' "$loop" || fail "the device has changed"
expect 0 maqet rm device --yes --delete-storage
[ -b "$loop" ] || fail "the block device is gone"
