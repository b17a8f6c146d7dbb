#!/bin/sh
# SPDX-License-Identifier: MIT
# What overlay snapshots are refused for, and that no guest runs on nodes that have changed.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-img qemu-io

vm_yaml vm <<'END'
storage:
- {name: hdd, type: raw, file: hdd.raw, size: 1M, snapshots: overlay}
END
vm_yaml plain <<'END'
storage:
- {name: hdd, type: raw, file: hdd.raw, size: 1M}
END
expect 0 maqet add vm.yaml
expect 0 maqet add plain.yaml

# Without the key, a raw image has no snapshots, and the key is the hint.
expect 3 maqet snapshot plain create hdd one
err_has 'which does not support snapshots'
err_has 'add `snapshots: overlay`'
expect 3 maqet snapshot vm create hdd early
err_has 'does not exist'
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
qemu-io -f raw -c 'write -P 1 0 64k' hdd.raw >/dev/null

# A snapshot freezes the file, also for other machines that have it.
expect 0 maqet snapshot vm create hdd one
same 400 "$(stat -c %a hdd.raw)" "permissions of a frozen file"
expect 3 maqet start plain
err_has 'has overlay snapshots, which the configuration does not say'
err_has 'Add `snapshots: overlay`'
expect 3 maqet apply vm plain.yaml
expect 0 maqet snapshot vm create hdd two
expect 0 maqet validate vm.yaml

# Whatever happens to a file that the present state stands on, no guest runs on it.
cp -pr hdd.raw hdd.raw.maqet "$TMP/images"
restore() {
    rm -rf hdd.raw hdd.raw.maqet
    cp -pr images/hdd.raw images/hdd.raw.maqet .
}
refused() { # WHAT
    code=0
    maqet start vm >out 2>err || code=$?
    [ "$code" -ne 0 ] || fail "it starts with a file that $1"
    grep -qE 'hdd\.raw' err || fail "$1: the file is not named: $(cat err)"
    same stopped "$(vm_status vm | sed 's/crashed/stopped/')" "$1"
    restore
}
chmod 600 hdd.raw
printf x | dd of=hdd.raw conv=notrunc bs=1 seek=1000 status=none
refused 'was written to'
truncate -s 512K hdd.raw
refused 'was truncated'
truncate -s 2M hdd.raw
refused 'has grown'
: >hdd.raw
refused 'was emptied'
rm hdd.raw
refused 'is gone'
rm hdd.raw
mkdir hdd.raw
refused 'is a folder'
rm hdd.raw
cp images/hdd.raw other.raw
printf y | dd of=other.raw conv=notrunc bs=1 seek=5 status=none
ln -s other.raw hdd.raw
refused 'is another one'
rm hdd.raw
ln -s gone hdd.raw
refused 'is a dangling link'
node=hdd.raw.maqet/1.qcow2
chmod 600 $node
qemu-io -f qcow2 -c 'write -P 9 0 64k' $node >/dev/null
refused 'was written to in the middle'
rm $node
refused 'is gone in the middle'
touch -d '2001-01-01' hdd.raw
refused 'has another date'
# It can be accepted, if one knows better. The same content at another place is the same.
touch -d '2001-01-01' hdd.raw
expect 0 maqet start vm --accept-base
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
restore
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force

# Without its tree, it is not known what stands on what.
cp hdd.raw.maqet/tree.json tree
echo '{' >hdd.raw.maqet/tree.json
expect 1 maqet start vm
err_has 'tree.json'
sed 's/"parent":1/"parent":3/' tree >hdd.raw.maqet/tree.json
expect 1 maqet snapshot vm list hdd
err_has 'is damaged'
sed 's/"format":1/"format":2/' tree >hdd.raw.maqet/tree.json
expect 1 maqet start vm
cp tree hdd.raw.maqet/tree.json
expect 0 maqet snapshot vm list hdd

# One kind of snapshots for each drive, and none that would not be encrypted.
vm_yaml mixed <<'END'
storage:
- {name: hdd, type: qcow2, file: mixed.qcow2, size: 1M}
END
expect 0 maqet add mixed.yaml
expect 0 maqet start mixed
expect 0 maqet stop mixed --timeout 0 --force
expect 0 maqet snapshot mixed create hdd internal
expect 0 maqet apply mixed mixed.yaml --set storage.hdd.snapshots=overlay
expect 3 maqet snapshot mixed create hdd overlay
err_has 'has internal snapshots, which cannot be mixed with overlays'
err_has 'remove `snapshots: overlay`'
(umask 077 && echo secret >key)
vm_yaml locked <<'END'
storage:
- {name: hdd, type: qcow2, file: locked.qcow2, size: 1M, snapshots: overlay, encryption: {format: luks, key_file: key}}
END
expect 0 maqet add locked.yaml
expect 0 maqet start locked
expect 0 maqet stop locked --timeout 0 --force
expect 3 maqet snapshot locked create hdd one
err_has 'the drive is encrypted, and overlays are not'

# With the image, its overlays are deleted: by rm, and later by `storage rm`.
for how in --delete-storage --yes; do
    vm_yaml fresh <<'END'
storage:
- {name: hdd, type: raw, file: fresh.raw, size: 1M, snapshots: overlay}
END
    expect 0 maqet add fresh.yaml
    expect 0 maqet start fresh
    expect 0 maqet snapshot fresh create hdd one --live
    expect 0 maqet stop fresh --timeout 0 --force
    [ -e fresh.raw.maqet/tree.json ] || fail "there are no overlays"
    expect 0 maqet rm fresh $how --yes
    [ $how = --delete-storage ] || expect 0 maqet storage rm "$TMP/fresh.raw" --yes
    [ ! -e fresh.raw ] || fail "the image is left: $(cat out)"
    [ ! -e fresh.raw.maqet ] || fail "overlays are left: $(ls fresh.raw.maqet)"
done
