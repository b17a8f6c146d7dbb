#!/bin/sh
# SPDX-License-Identifier: MIT
# Drives are attached to a VM and detached from it, running or not: what is checked, what QEMU gets,
# and who knows of it. QEMU's own SCSI disks come and go without a guest.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
requires qemu-img qemu-io
qemu_required

vm_yaml vm <<'END'
storage:
  - {name: one, type: qcow2, file: one.qcow2, size: 1M}
END
cp vm.yaml spare.yaml
expect 0 maqet add vm.yaml
defined() { # DRIVE
    expect 0 maqet status vm --format plain
    grep -q "$1" out
}

# Its keys are checked as those of a YAML file.
expect 3 maqet attach vm
err_has "The drive needs a name: --name DRIVE"
expect 3 maqet attach vm --name two --size 10 file=two.qcow2
err_has "command line: "
expect 3 maqet attach vm --name two --size 1M fil=two.qcow2
err_has "command line: unknown key 'fil' in drive 'two' of VM 'vm'; did you mean 'file'?"
expect 3 maqet attach vm --name two nothing
err_has "command line: 'nothing' is not KEY=VALUE, such as size=20G"
expect 3 maqet attach vm --name two --type qcow3 --size 1M
err_has "command line: drive 'two' of VM 'vm'"
expect 3 maqet attach vm --name one --size 1M
err_has "VM 'vm' has a drive 'one' already"
expect 3 maqet attach vm --name two --size 1M file=one.qcow2
err_has "its image $TMP/one.qcow2 is already used by the drive 'one'"
expect 3 maqet detach vm tow
err_has "There is no drive 'tow' on VM 'vm'"

# While the VM is stopped, the definition changes.
expect 3 maqet attach vm --name two --size 1M --transient
err_has "VM 'vm' is not running, so a drive cannot be attached until it stops"
expect 0 maqet attach vm --name two --size 1M file=two.qcow2
out_has "Drive 'two' is attached to VM 'vm', from its next start on"
[ ! -e two.qcow2 ] || fail "the image was created already"
expect 3 maqet detach vm two --transient
err_has "VM 'vm' is not running, so a drive cannot be detached until it stops"
expect 0 maqet detach vm two
out_has "Drive 'two' is detached from VM 'vm'; its image $TMP/two.qcow2 is kept."

expect 0 maqet start vm
expect 3 maqet attach vm --name two --size 1M interface=sata
err_has "a drive with the interface 'sata' cannot be attached or detached while the VM is running"
err_has '`interface: scsi` or `interface: virtio`'
expect 3 maqet attach vm --name two --size 1M interface=none
err_has "a drive with the interface 'none' cannot be attached or detached"
mkdir shared
expect 3 maqet attach vm --name two --type virtfs path=shared
err_has "a drive with the type 'virtfs' cannot be attached or detached while the VM is running"
expect 3 maqet attach vm --name two --type raw file=missing.raw
err_has "missing.raw"
[ ! -e data/vms/vm/pending.json ] || fail "a job is left"

# The controller is added first. QEMU is confined to the files that it was started with, so it
# gets descriptors, of a backing file a read-only one.
expect 0 qemu-img create -q -f qcow2 base.qcow2 2M
expect 0 maqet attach vm --name two interface=scsi file=two.qcow2 backing_file=base.qcow2 backing_format=qcow2
out_has "Drive 'two' is attached to VM 'vm'"
expect 0 maqet qmp vm query-fdsets
same 3 "$(grep -c '"opaque": "maqet drive two"' out)" "the descriptors"
pid=$(vm_pid vm)
for fd in "/proc/$pid/fd"/*; do
    [ "$(readlink "$fd")" = "$TMP/base.qcow2" ] || continue
    same 100000 "$(awk '$1 == "flags:" { print int($2 % 10) == 0 ? 100000 : $2 }' "/proc/$pid/fdinfo/${fd##*/}")" \
        "how the base is open"
done
# Everybody knows it.
expect 0 maqet snapshot vm create --all --live both
expect 0 maqet snapshot vm list two
out_has both
expect 0 maqet resize vm two 3M
expect 3 maqet attach vm --name two --size 1M
err_has "VM 'vm' has a drive 'two' already"
# What others use is not attached, and nothing stays.
expect 0 maqet add spare.yaml --name spare
expect 3 maqet attach vm --name three file=one.qcow2 --size 1M interface=scsi
err_has "is already used by the drive 'one'"

# Not persistent: the next start does not have it.
expect 0 maqet attach vm --name three --size 1M file=three.qcow2 interface=scsi --transient
out_has "until that stops"
expect 0 maqet resize vm three 2M
grep -q '"three"' run/vm/vm.json || fail "the running definition lacks the drive"
! grep -q '"three"' data/vms/vm/vm.json || fail "the definition has the drive"
expect 0 maqet detach vm two --transient
grep -q '"two"' data/vms/vm/vm.json || fail "the definition lacks the drive"
expect 3 maqet resize vm two 4M
expect 0 maqet qmp vm query-fdsets
out_lacks "maqet drive two"
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet start vm
expect 0 maqet resize vm two 4M
expect 3 maqet resize vm three 3M

# An encrypted image, whose key QEMU cannot read by itself.
printf secret >key
chmod 600 key
expect 0 maqet attach vm --name four --size 1M file=four.qcow2 interface=scsi \
    encryption.format=luks encryption.key_file=key
expect 0 maqet qmp vm query-block
out_has '"encrypted": true'
expect 0 maqet detach vm four
expect 0 maqet qmp vm qom-list '{"path": "/objects"}'
out_lacks four

# What has no image of the user's: it is created for the drive, and goes with it.
expect 0 maqet attach vm --name seed --type cloud-init interface=scsi 'user_data=#cloud-config'
expect 0 maqet qmp vm query-block
out_has '"qdev": "seed"'
[ "$(find data/vms/vm/drives -name seed.iso)" ] || fail "the disk for cloud-init was not created"
expect 0 maqet detach vm seed
expect 0 maqet qmp vm query-named-block-nodes
out_lacks seed

# No guest answers for a PCI device: it stays.
expect 0 maqet attach vm --name five --size 1M file=five.qcow2
expect 2 maqet detach vm five --timeout 1
err_has "Cannot detach drive 'five' of VM 'vm'"
err_has "the guest did not release it within 1 s"
err_has "The drive is still attached"
expect 0 maqet resize vm five 2M
[ ! -e data/vms/vm/pending.json ] || fail "a job is left"
expect 0 maqet qmp vm system_reset
eventually 20 sh -c "! '$MAQET' qmp vm qom-list '{\"path\": \"/machine/peripheral\"}' | grep -q '\"five\"'"
expect 0 maqet detach vm five
expect 0 maqet qmp vm query-named-block-nodes
out_lacks five
expect 0 maqet stop vm --timeout 0 --force

# On q35, a drive needs a free port.
cat >ports.yaml <<END
name: ports
memory: 64M
accel: tcg
hotplug_slots: 1
arguments:
  - machine: q35
END
expect 0 maqet add ports.yaml
expect 0 maqet start ports
expect 0 maqet attach ports --name a --size 1M file=a.qcow2
expect 3 maqet attach ports --name b --size 1M file=b.qcow2
err_has "drive 'b' of VM 'ports': all 1 slots for devices that can be attached while the VM is running are in use"
err_has 'A restart frees 1 again; `hotplug_slots: N` sets how many'
[ ! -e b.qcow2 ] || fail "the image of a drive that was not attached is left"
expect 0 maqet stop ports --timeout 0 --force
expect 0 maqet start ports
expect 0 maqet attach ports --name b --size 1M file=b.qcow2
expect 0 maqet stop ports --timeout 0 --force
expect 0 maqet apply ports ports.yaml --set hotplug_slots=0
expect 0 maqet start ports
expect 3 maqet attach ports --name c --size 1M file=c.qcow2
err_has "the VM was started without slots for devices that are attached while it is running"
err_has 'Add `hotplug_slots: N` to the VM, and start it again'
