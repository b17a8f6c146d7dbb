#!/bin/sh
# SPDX-License-Identifier: MIT
# A drive is attached to a running guest and detached from it, on both machine types: the guest
# uses it, all commands know it, and it is at the same place after the next start.
. "${srcdir:-.}/tests/functional/guest-functions.sh"

# The PCI path of a disk.
place_of() { # NAME DISK
    in_guest "$1" "readlink -f /sys/block/$2/device | sed 's|/sys/devices/||; s|/virtio[0-9]*\$||'"
}

# Sets $disk to the disk with a serial number, which the guest may only be about to see.
find_disk() { # NAME SERIAL
    disk=$(disk_with_serial "$1" "$2")
    [ -n "$disk" ]
}

# The first look after a change may fail.
has_disc_two() { guest_run "$TMP/$vm.serial" 'head -n 1 /dev/sr0' | tr -d '\0' | grep -qxF 'disc two'; }

for disc in one two; do
    truncate -s 1M $disc.iso
    echo "disc $disc" | dd of=$disc.iso conv=notrunc 2>/dev/null
done

for machine in q35 pc; do
    vm=hot-$machine
    guest_yaml "$vm" "$machine" <<EOF
  - {name: first, type: qcow2, file: $vm-first.qcow2, size: 8M, serial: FIRST}
  - {name: cd, type: raw, media: cdrom, interface: sata, file: one.iso}
EOF
    echo 'hotplug_slots: 2' >>"$vm.yaml"
    expect 0 maqet add "$vm.yaml"
    boot "$vm"
    same "$(maqet --format plain status "$vm" | sed -n 's/^uuid	//p')" \
        "$(in_guest "$vm" 'cat /sys/class/dmi/id/product_uuid')" "the guest's UUID"

    expect 0 maqet attach "$vm" --name second --size 9M serial=SECOND
    out_has "Drive 'second' is attached to VM '$vm'"
    eventually 60 find_disk "$vm" SECOND
    in_guest "$vm" "echo hello | dd of=/dev/$disk bs=512 conv=sync,fsync 2>/dev/null"
    place=$(place_of "$vm" "$disk")
    expect 0 maqet status "$vm"
    out_has "second"
    expect 0 maqet snapshot "$vm" create --all --live both
    expect 0 maqet snapshot "$vm" list second
    out_has both
    expect 0 maqet resize "$vm" second 12M

    # After the next start it is where it was.
    shut_down "$vm"
    boot "$vm"
    disk=$(disk_with_serial "$vm" SECOND)
    same hello "$(in_guest "$vm" "head -n 1 /dev/$disk")" "what was written"
    same "$((12 * 2048))" "$(in_guest "$vm" "cat /sys/block/$disk/size")" "its size"
    same "$place" "$(place_of "$vm" "$disk")" "its place"

    expect 0 maqet detach "$vm" second --timeout "$(patience 30)"
    out_has "its image "
    out_has " is kept."
    same "" "$(disk_with_serial "$vm" SECOND)" "the drive in the guest"
    expect 3 maqet resize "$vm" second 20M
    err_has "There is no drive 'second'"
    expect 0 maqet qmp "$vm" query-named-block-nodes
    out_lacks second
    expect 0 maqet qmp "$vm" query-fdsets
    out_lacks second

    # A guest that uses a CD-ROM has locked the tray.
    same "disc one" "$(in_guest "$vm" 'head -n 1 /dev/sr0')" "the CD-ROM"
    in_guest "$vm" '(sleep 600 </dev/sr0 >/dev/null 2>&1 & echo $! >/tmp/user)'
    expect 2 maqet cdrom "$vm" cd insert two.iso --timeout 1
    err_has "the guest has locked its tray, and did not open it within 1 s"
    err_has "--force"
    same "disc one" "$(in_guest "$vm" 'head -n 1 /dev/sr0')" "the CD-ROM"
    expect 0 maqet cdrom "$vm" cd insert two.iso --force
    in_guest "$vm" 'kill $(cat /tmp/user)'
    eventually 60 has_disc_two
    expect 0 maqet cdrom "$vm" cd eject
    not_in_guest "$vm" 'head -n 1 /dev/sr0'
    shut_down "$vm"
done
