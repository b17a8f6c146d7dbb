#!/bin/sh
# SPDX-License-Identifier: MIT
# A checkpoint of a guest whose drives were attached and detached while it was running is loaded with
# the same devices at the same places, whether the guest is running then or not.
. "${srcdir:-.}/tests/functional/guest-functions.sh"

find_disk() { # NAME SERIAL
    disk=$(disk_with_serial "$1" "$2")
    [ -n "$disk" ]
}
places() { # NAME
    in_guest "$1" "for disk in /sys/block/vd*; do readlink -f \$disk; done | sort"
}
# The guest goes on where it was, and still uses the drive.
check_loaded() {
    same running "$(in_guest "$vm" 'cat /tmp/state')" "the guest's memory on $machine"
    same "$before" "$(places "$vm")" "the places on $machine"
    find_disk "$vm" THIRD || fail "the drive is missing"
    same kept "$(in_guest "$vm" "echo 3 >/proc/sys/vm/drop_caches; head -n 1 /dev/$disk")" "its content"
    in_guest "$vm" "echo more | dd of=/dev/$disk bs=512 seek=1 conv=sync,fsync 2>/dev/null"
}

for machine in q35 pc; do
    vm=mid-$machine
    guest_yaml "$vm" "$machine" <<END
  - {name: first, type: qcow2, file: $vm-1.qcow2, size: 8M, serial: FIRST}
  - {name: second, type: qcow2, file: $vm-2.qcow2, size: 8M, serial: SECOND}
  - {name: last, type: qcow2, file: $vm-3.qcow2, size: 8M, serial: LAST}
END
    echo 'hotplug_slots: 1' >>"$vm.yaml"
    expect 0 maqet add "$vm.yaml"
    boot "$vm"
    expect 0 maqet attach "$vm" --name third --size 8M serial=THIRD
    eventually 60 find_disk "$vm" THIRD
    in_guest "$vm" "echo kept | dd of=/dev/$disk bs=512 conv=sync,fsync 2>/dev/null"
    expect 0 maqet detach "$vm" second --timeout "$(patience 30)"
    in_guest "$vm" "echo running >/tmp/state"
    before=$(places "$vm")
    expect 0 maqet checkpoint "$vm" create mid
    in_guest "$vm" "echo lost | dd of=/dev/$disk bs=512 conv=sync,fsync 2>/dev/null; echo no >/tmp/state"
    expect 0 maqet checkpoint "$vm" load mid --yes
    check_loaded
    # One that was loaded can be saved again.
    expect 0 maqet checkpoint "$vm" create again
    shut_down "$vm"
    expect 0 maqet start "$vm" --from again --yes
    check_loaded
    # The drive can still go, and then the checkpoint does not fit.
    expect 0 maqet detach "$vm" third --timeout "$(patience 30)"
    expect 3 maqet checkpoint "$vm" load mid --yes
    err_has "it includes the drive 'third', which the VM does not have"
    shut_down "$vm"
    boot "$vm"
    shut_down "$vm"
done
