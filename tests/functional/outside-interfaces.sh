#!/bin/sh
# SPDX-License-Identifier: MIT
# Interface plugins outside of the tree: a Linux guest finds the disks on their buses.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
. "${srcdir:-.}/tests/functional/outside-functions.sh"
requires qemu-io
outside_install
for plugin in nvme usb; do
    outside_build $plugin
    outside_check $plugin
    expect 0 maqet validate $plugin/vm.yaml
done

truncate -s 4M fast.img stick.img
printf 'on the fast one' | dd of=fast.img conv=notrunc 2>/dev/null
printf 'on the stick' | dd of=stick.img conv=notrunc 2>/dev/null
guest_yaml vm q35 <<'END'
  - {name: fast, type: raw, file: fast.img, interface: nvme, serial: NVME-1}
  - {name: stick, type: raw, file: stick.img, interface: usb, serial: USB-1}
END
expect 0 maqet add vm.yaml
boot vm
in_guest vm "/sbin/modprobe nvme; /sbin/modprobe usb"
in_guest vm "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ -b /dev/nvme0n1 ] && [ -b /dev/sda ] && exit 0; sleep 0.5; done; exit 1"
same NVME-1 "$(in_guest vm "tr -d ' ' </sys/class/nvme/nvme0/serial")" "the serial number"
same 'on the fast one' "$(in_guest vm 'head -c 15 /dev/nvme0n1')" "what is on the NVMe disk"
same 'on the stick' "$(in_guest vm 'head -c 12 /dev/sda')" "what is on the stick"
same 1 "$(in_guest vm 'cat /sys/block/sda/removable')" "whether it may be pulled out"
in_guest vm "printf 'from the guest' | dd of=/dev/nvme0n1 conv=fsync 2>/dev/null"
shut_down vm
same 'from the guest' "$(head -c 14 fast.img)" "what the guest wrote"
