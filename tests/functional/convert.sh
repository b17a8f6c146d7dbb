#!/bin/sh
# SPDX-License-Identifier: MIT
# The image of a drive is converted to another type and back, stopped and running: what the guest sees
# stays the same, and so do the drive's place and its size. Snapshots, backing files and encryption
# are never lost by it.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io

# The slot of each drive, and its port.
places() {
    tr -d ' \n' <data/vms/vm/slots.json | grep -o '"ports":\[[^]]*\]'
    tr -d ' \n' <data/vms/vm/slots.json | grep -o '{"drive":[^}]*}' | LC_ALL=C sort
}

mkdir a
printf secret >key
chmod 600 key
vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 8M, file: a/hdd.qcow2, cluster_size: 128K}
  - {name: secret, type: qcow2, size: 1M, file: a/secret.qcow2, encryption: {format: luks, key_file: key}}
  - {name: own, type: raw, file: a/own.img}
EOF
truncate -s 4M a/own.img
qemu-io -f raw -c "write -q -P 7 1M 64k" a/own.img
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
fill a/hdd.qcow2 1
places >slots

# is TYPE IMAGE: the drive hdd.
is() {
    [ -f "$2" ] || fail "$2 does not exist"
    expect 0 maqet --format json status vm
    grep -qF "\"$TMP/$2\"" out || fail "status does not have $2"
    grep -qF "\"$TMP/$2\"" data/vms/vm/vm.json || fail "the stored definition does not have $2"
    if [ "$(vm_status vm)" = running ]; then
        expect 0 maqet qmp vm query-block
        grep -qF "\"drv\": \"$1\"" out || fail "QEMU does not have $1"
    else
        expect 0 maqet args vm
        grep -qF "\"driver\":\"$1\"" out || fail "hdd is not $1"
    fi
    places | cmp slots - || fail "the drives have other places"
}
only() {
    same "$*" "$(cd a && find . -type f | sed 's,^\./,,' | LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//')" "the files"
}

# ---- stopped ----

expect 0 maqet convert vm hdd raw
out_has "Drive 'hdd' of VM 'vm' is of the type raw now: $TMP/a/hdd.raw."
out_has "cluster_size"
is raw a/hdd.raw
only hdd.raw own.img secret.qcow2
qemu-io -f raw -c "read -P 1 0 64k" a/hdd.raw | grep -q failed && fail "the content has changed"
same $((8 << 20)) "$(stat -c %s a/hdd.raw)" "the size"
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet rm vm --dry-run --delete-storage
removed "$TMP/a/hdd.raw"
expect 3 maqet convert vm hdd raw
err_has "already"
: >a/hdd.qcow2
expect 3 maqet convert vm hdd qcow2
err_has "a/hdd.qcow2 exists already, and is not replaced"
rm a/hdd.qcow2
expect 0 maqet convert vm hdd qcow2
is qcow2 a/hdd.qcow2
holds a/hdd.qcow2 1
sound a/hdd.qcow2
# qemu-img that cannot write the last of an image when it closes it says so, and exits with 0.
wrap_qemu_img 'convert*' "'$(command -v qemu-img)' \"\$@\"
    echo 'qemu-img: Failed to flush the refcount block cache: Input/output error' >&2
    exit 0"
expect 1 wrapped maqet convert vm hdd raw
err_has "Failed to flush the refcount block cache"
is qcow2 a/hdd.qcow2
holds a/hdd.qcow2 1
only hdd.qcow2 own.img secret.qcow2
only hdd.qcow2 own.img secret.qcow2

# What maqet did not create is kept.
expect 0 maqet convert vm own qcow2
out_has "The old image $TMP/a/own.img is kept: it was not created by maqet."
qemu-img compare -q -f raw -F qcow2 a/own.img a/own.img.qcow2 || fail "own has changed"
rm a/own.img

# ---- what is refused ----

expect 3 maqet convert vm secret raw
err_has "the type raw has no 'encryption'"
expect 0 maqet snapshot vm create hdd first
expect 3 maqet convert vm hdd raw
err_has "it has the snapshot 'first', which the new image would not have"
err_has "maqet snapshot vm export hdd NAME FILE"
expect 0 maqet snapshot vm delete hdd first --yes
expect 3 maqet convert vm hdd none
only hdd.qcow2 own.img.qcow2 secret.qcow2

# ---- running ----

expect 0 maqet start vm
for type in raw qcow2 raw; do
    image=$(find a -name 'hdd.*')
    ln "$image" a/old
    old=${image##*.}
    expect 0 maqet convert vm hdd $type
    is $type a/hdd.$type
    expect 0 maqet qmp vm query-named-block-nodes
    ! grep "\"maqet-move\." out || fail "a node is left"
    same running "$(vm_status vm)" "the guest"
    qemu-img compare -U -q -f "$old" -F $type a/old a/hdd.$type || fail "$type: not the same"
    rm a/old
    only hdd.$type own.img.qcow2 secret.qcow2
done
expect 3 maqet convert vm secret raw
expect 3 maqet move vm secret .
err_has "encrypted"
expect 0 maqet resize vm hdd 12M
expect 0 maqet convert vm hdd qcow2
same $((12 << 20)) "$(qemu-img info -U --output json a/hdd.qcow2 | sed -n 's/.*"virtual-size": \([0-9]*\).*/\1/p' | tail -n 1)" "the size"
expect 0 maqet snapshot vm create hdd live --live
expect 0 maqet stop vm --timeout 0 --force
sound a/hdd.qcow2
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
holds a/hdd.qcow2 1
