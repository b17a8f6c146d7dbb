#!/bin/sh
# SPDX-License-Identifier: MIT
# Snapshots of a storage type that somebody else has made, with the least that a plugin must do:
# all that is not in its table is said to be missing, and the rest works as for any type.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires strace
MAQET_PLUGIN_PATH="$abs_top_builddir/tests/plugins/.libs${MAQET_PLUGIN_PATH:+:$MAQET_PLUGIN_PATH}"
export MAQET_PLUGIN_PATH

vm_yaml vm <<EOF
storage:
  - {name: hdd, type: copies, size: 1M, file: hdd.img}
  - {name: data, type: qcow2, size: 8M, file: data.qcow2}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 3 maqet snapshot vm create hdd one --live
err_has "Drive 'hdd' on VM 'vm': the type copies has no snapshots while the VM is running"
expect 3 maqet snapshot vm create --all one --live
err_has "the type copies has no snapshots while the VM is running"
expect 0 maqet snapshot vm list
! grep -q one out || fail "half a set remains"
expect 0 maqet stop vm --timeout 0 --force

write() {
    printf '%-16s' "$1" | dd of=hdd.img conv=notrunc 2>/dev/null
}
reads() {
    same "$1" "$(head -c 16 hdd.img | tr -d ' ')" "what the image holds"
}
write A
expect 0 maqet snapshot vm create --all one
write B
expect 0 maqet snapshot vm create hdd two
write C
expect 0 maqet snapshot vm list hdd
out_has '- one ('
out_has '- two ('
expect 0 maqet snapshot vm tree hdd
out_has '   └─ two'
expect 0 maqet snapshot vm load --yes hdd two
reads B
expect 0 maqet snapshot vm load --yes --all one
reads A
expect 3 maqet snapshot vm export hdd one out.img
err_has "Drive 'hdd' on VM 'vm': the type copies cannot export snapshots"
err_has "copies"
[ ! -e out.img ] || fail "a file in spite of that"

# Replacing works without renaming; and where it is killed, the stand-in keeps its own name in
# the image, and is known by the other one for ever.
write D
expect 0 maqet snapshot vm create hdd one --overwrite
write E
step=1
until [ -e hdd.img.at-.ne ] && [ ! -e hdd.img.at-one ]; do
    [ ! -e data/vms/vm/pending.json ] || expect 0 maqet recover vm
    traced clone "signal=KILL:when=$step" snapshot vm create hdd one --overwrite >out 2>err || :
    step=$((step + 1))
    [ $step -lt 20 ] || fail "the stand-in was never alone"
done
expect 0 maqet recover vm
err_has "the new one was complete under a temporary name"
expect 0 maqet snapshot vm list hdd
out_has '- one ('
expect 0 maqet snapshot vm list hdd
err_lacks "interrupted"
out_has '- one ('
[ -e hdd.img.at-.ne ] || fail "the stand-in is gone"
write F
expect 0 maqet snapshot vm load --yes hdd one
reads E
expect 0 maqet snapshot vm delete hdd one
[ ! -e hdd.img.at-.ne ] || fail "the stand-in remains"
expect 0 maqet snapshot vm delete hdd two
same '' "$(find . -name 'hdd.img.*')" "what is left"
