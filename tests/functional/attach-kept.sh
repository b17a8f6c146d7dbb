#!/bin/sh
# SPDX-License-Identifier: MIT
# What an attach has created is kept if anybody needs it by the time that the attach is undone; if
# QEMU's answer is lost, it is not taken for a refusal; and what a drive keeps in its folder outlives
# a detachment until the VM stops.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires strace

vm_yaml vm <<END
storage:
  - {name: one, type: qcow2, file: one.qcow2, size: 1M, interface: scsi}
END
vm_yaml other <<END
storage:
  - {name: disk, type: qcow2, file: two.qcow2, size: 1M}
END
expect 0 maqet add vm.yaml
expect 0 maqet start vm
attach="attach vm --name two --size 1M interface=scsi file=$TMP/two.qcow2 --create-missing"

# Kills an attach when the image has got its name, and QEMU does not have the drive yet.
interrupt() {
    step=0
    while [ ! -e two.qcow2 ]; do
        step=$((step + 1))
        expect 0 maqet recover vm
        code=0
        # shellcheck disable=SC2086
        traced rename "signal=KILL:when=$step" $attach >out 2>err || code=$?
        same 137 "$code" "exit code of an attach killed at rename $step"
    done
    grep -q '"create"' data/vms/vm/pending.json || { cat data/vms/vm/pending.json; fail "the phase"; }
}

# Another VM has got the image.
interrupt
expect 0 maqet add other.yaml
expect 0 maqet recover vm
err_has "$TMP/two.qcow2, which was created for it, is kept: VM 'other' uses it"
[ -e two.qcow2 ] || fail "the image of another VM is deleted"
grep -q two.qcow2 data/vms/vm/images.json || fail "the record is dropped"
[ ! -e data/vms/vm/pending.json ] || fail "the job is pending"
expect 0 maqet rm other --yes
rm two.qcow2

# Another program has it open.
interrupt
mkfifo hold
qemu-io two.qcow2 <hold >/dev/null &
holder=$!
exec 9>hold
eventually 20 sh -c "ls -l /proc/$holder/fd | grep -q two.qcow2"
expect 0 maqet recover vm
err_has "is kept: it is in use by"
[ -e two.qcow2 ] || fail "an image that is in use is deleted"
exec 9>&-
wait "$holder"
rm two.qcow2

# This VM's stored definition has it.
interrupt
cp data/vms/vm/vm.json before.json
sed "s|$TMP/one.qcow2|$TMP/two.qcow2|" before.json >data/vms/vm/vm.json
grep -q two.qcow2 data/vms/vm/vm.json || sed 's|one.qcow2|two.qcow2|' before.json >data/vms/vm/vm.json
expect 0 maqet recover vm
err_has "is kept: VM 'vm' uses it"
[ -e two.qcow2 ] || fail "the VM's own image is deleted"
cp before.json data/vms/vm/vm.json
rm two.qcow2

# Nobody has it any more, but another VM's guest may have written to it meanwhile.
interrupt
expect 0 maqet add other.yaml
expect 0 maqet start other
expect 0 maqet stop other --timeout 0 --force
qemu-io -c 'write -P 7 0 64k' two.qcow2 >/dev/null
expect 0 maqet rm other --yes
expect 0 maqet recover vm
err_has "$TMP/two.qcow2, which was created for it, is kept: it was written to since"
[ -e two.qcow2 ] || fail "an image that a guest wrote to is deleted"
qemu-io -r -c 'read -P 7 0 64k' two.qcow2 | grep -q 'read 65536' || fail "its content"
rm two.qcow2

# Nobody needs it.
interrupt
expect 0 maqet recover vm
err_has "nothing is left of it"
[ ! -e two.qcow2 ] || fail "the image is left"

# A drive that is detached until the VM stops keeps its folder.
# shellcheck disable=SC2086
expect 0 maqet $attach
mkdir -p data/vms/vm/drives/two@qcow2
echo kept >data/vms/vm/drives/two@qcow2/file
cp data/vms/vm/slots.json wanted.json
expect 0 maqet detach vm two --transient
expect 0 maqet attach vm --name three --size 1M interface=scsi --transient
same kept "$(cat data/vms/vm/drives/two@qcow2/file)" "the file in the drive's folder"
