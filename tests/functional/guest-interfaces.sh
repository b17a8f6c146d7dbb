#!/bin/sh
# SPDX-License-Identifier: MIT
# The guest finds each disk on the bus that was asked for, with its size and serial number, and
# what is written to it survives a stop and a start; on added controllers too.
. "${srcdir:-.}/tests/functional/guest-functions.sh"

for machine in q35 pc; do
    vm=buses-$machine
    guest_yaml "$vm" "$machine" <<EOF
  - {name: v, type: qcow2, file: $vm-v.qcow2, size: 8M, interface: virtio, serial: SERIALV}
  - {name: s, type: raw, file: $vm-s.raw, size: 9M, interface: sata, serial: SERIALS}
  - {name: i, type: qcow2, file: $vm-i.qcow2, size: 10M, interface: ide, serial: SERIALI}
  - {name: c, type: raw, file: $vm-c.raw, size: 11M, interface: scsi, serial: SERIALC}
  - {name: c2, type: qcow2, file: $vm-c2.qcow2, size: 12M, interface: scsi, serial: SERIALD}
  - {name: ro, type: raw, file: $vm-c.ro, readonly: on, interface: virtio, serial: SERIALR}
$(for i in 1 2 3 4 5 6; do
        printf '  - {name: s%d, type: raw, file: %s-s%d.raw, size: 1M, interface: sata}\n' $i "$vm" $i
    done)
EOF
    truncate -s 1M "$vm-c.ro"
    expect 0 maqet add "$vm.yaml"
    boot "$vm"
    # Serial number, MiB, driver of the PCI device.
    while read -r serial size driver; do
        disk=$(disk_with_serial "$vm" "$serial" </dev/null)
        [ -n "$disk" ] || fail "no disk with the serial $serial on $machine"
        same "$((size * 2048))" "$(in_guest "$vm" "cat /sys/block/$disk/size" </dev/null)" "size of $serial"
        same "$driver" "$(driver_of "$vm" "$disk" </dev/null)" "driver of $serial on $machine"
        in_guest "$vm" "echo 'written to $serial' | dd of=/dev/$disk bs=512 conv=sync,fsync 2>/dev/null" </dev/null
    done <<EOF
SERIALV 8 virtio-pci
SERIALS 9 ahci
SERIALI 10 ata_piix
SERIALC 11 virtio-pci
SERIALD 12 virtio-pci
EOF
    # Eight more drives than buses: seven on AHCI in all, one of them on a second controller.
    same 7 "$(in_guest "$vm" 'for d in /sys/block/sd*; do readlink -f $d; done | grep -c /ata' |
        awk '{ print $1 - 1 }')" "disks on AHCI"
    ro=$(disk_with_serial "$vm" SERIALR)
    same 1 "$(in_guest "$vm" "cat /sys/block/$ro/ro")" "a read-only disk"
    not_in_guest "$vm" "dd if=/dev/zero of=/dev/$ro bs=512 count=1 conv=fsync"
    shut_down "$vm"
    boot "$vm"
    for serial in SERIALV SERIALS SERIALI SERIALC SERIALD; do
        disk=$(disk_with_serial "$vm" $serial)
        same "written to $serial" "$(in_guest "$vm" "head -n 1 /dev/$disk")" "what was written"
    done
    shut_down "$vm"
    for image in "$vm"-*.qcow2; do
        qemu-img check -q "$image"
    done
done
