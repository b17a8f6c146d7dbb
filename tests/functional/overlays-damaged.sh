#!/bin/sh
# SPDX-License-Identifier: MIT
# Damage to overlays of which the present state needs none: `check` reports it, and the VM starts. And what is missing of a
# drive that is no file of this host, and of its overlays.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-img qemu-io

vm_yaml vm <<'END'
storage:
- {name: hdd, type: raw, file: hdd.raw, size: 1M, snapshots: overlay}
END
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet snapshot vm create hdd one
qemu-io -f qcow2 -c 'write -P 2 0 64k' hdd.raw.maqet/1.qcow2 >/dev/null
expect 0 maqet snapshot vm create hdd two
qemu-io -f qcow2 -c 'write -P 3 0 64k' hdd.raw.maqet/3.qcow2 >/dev/null
expect 0 maqet snapshot vm create hdd three
# Another branch: what the guest writes to stands on the image alone.
expect 0 maqet snapshot vm load hdd one --yes
expect 0 maqet check vm
out_lacks ': damaged'
cp -pr hdd.raw.maqet whole
for file in hdd.raw.maqet/1.qcow2 hdd.raw.maqet/3.qcow2; do
    for way in header truncated content date replaced gone; do
        chmod 600 $file
        case $way in
        header) printf 'XXXX' | dd of=$file conv=notrunc bs=1 status=none ;;
        truncated) truncate -s -512 $file ;;
        # A sound image with other content.
        content) qemu-io -f qcow2 -c 'write -P 9 0 64k' $file >/dev/null ;;
        date) touch -d 2001-01-01 $file ;;
        replaced) rm $file && qemu-img create -q -f qcow2 $file 1M ;;
        gone) rm $file ;;
        esac
        expect 1 maqet check vm
        grep -F "$TMP/$file: damaged (" out >/dev/null || fail "$way: $file is not reported: $(cat out err)"
        same 1 "$(grep -c ': damaged' out)" "$way of $file: how many are damaged"
        expect 1 maqet --format json check vm hdd
        grep -F '"status": "damaged"' out >/dev/null || fail "$way of $file, as JSON: $(cat out)"
        rm -rf hdd.raw.maqet
        cp -pr whole hdd.raw.maqet
    done
done
expect 0 maqet check vm
# A file that was renamed may be the very one that is missing. So nothing is removed while one is missing, what
# killed commands may have left neither.
mv hdd.raw.maqet/3.qcow2 hdd.raw.maqet/2.qcow2
expect 0 maqet snapshot vm load hdd one --yes
[ -e hdd.raw.maqet/2.qcow2 ] || fail "a file was removed while another one was missing: $(ls hdd.raw.maqet)"
cp -p hdd.raw.maqet/2.qcow2 hdd.raw.maqet/3.qcow2
expect 0 maqet snapshot vm load hdd one --yes
[ ! -e hdd.raw.maqet/2.qcow2 ] || fail "a file of no node was left: $(ls hdd.raw.maqet)"
rm -rf hdd.raw.maqet
cp -pr whole hdd.raw.maqet
# It is no reason not to start.
chmod 600 hdd.raw.maqet/3.qcow2
printf 'XXXX' | dd of=hdd.raw.maqet/3.qcow2 conv=notrunc bs=1 status=none
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
expect 1 maqet check vm
expect 0 maqet rm vm --yes

# ---- storage that is no file ----

mkdir service
MAQET_PLUGIN_PATH="$abs_top_builddir/tests/plugins/.libs${MAQET_PLUGIN_PATH:+:$MAQET_PLUGIN_PATH}"
export MAQET_PLUGIN_PATH
vm_yaml far <<'END'
storage:
- {name: disk, type: elsewhere, image: one, service: service, size: 1M, snapshots: overlay}
END
expect 0 maqet add far.yaml
expect 0 maqet start far
put_far() { # NUMBER
    expect 0 maqet qmp far human-monitor-command \
        "{\"command-line\": \"qemu-io -d /machine/peripheral/disk/virtio-backend \\\"write -P $1 0 64k\\\"\"}"
    out_has '""'
}
put_far 1
expect 0 maqet snapshot far create disk one --live
put_far 2
expect 0 maqet stop far --timeout 0 --force
tree=data/vms/far/drives/disk.maqet/tree.json
# It has snapshots of its own, too, but with overlays it gets none.
same 0 "$(count_snapshots service/one)" "internal snapshots"
# What the overlays stand on is not created anew.
mv service/one kept
for words in "" --create-missing; do
    expect 3 maqet start far $words
    err_has missing
    [ ! -e service/one ] || fail "it was created anew: start $words"
done
err_has "its overlays in $TMP/data/vms/far/drives/disk.maqet hold only what was written since"
mv kept service/one
# The record of the tree is missing, or of an earlier time.
mv $tree kept
expect 1 maqet start far
err_has "$tree is missing, but there are overlays"
mv kept $tree
cp $tree kept
expect 0 maqet snapshot far create disk two
mv $tree newer
mv kept $tree
expect 1 maqet start far
err_has "$tree is older than the overlay"
mv newer $tree
expect 0 maqet start far
expect 0 maqet snapshot far delete disk one --live
expect 0 maqet stop far --timeout 0 --force
expect 0 maqet snapshot far delete disk two
holds service/one 2
sound service/one
expect 0 maqet rm far --yes
[ -e service/one ] || fail "the storage was deleted"
