#!/bin/sh
# SPDX-License-Identifier: MIT
# The storage guide's complete example, in a size for tests: two disks, a CD-ROM on sata and a
# shared folder, used from inside the guest, through a stop by the power button and a new start.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
requires genisoimage

mkdir iso work
echo 'from the CD' >iso/file
genisoimage -quiet -R -o cd.iso iso
cp cd.iso cd.before
echo 'from the host' >work/host
for machine in pc q35; do
    vm=guide-$machine
    guest_yaml "$vm" "$machine" <<EOF
  - name: system
    type: qcow2
    file: $vm-system.qcow2
    size: 64M
    interface: virtio
    serial: SYSTEM1
  - name: data
    type: raw
    file: $vm-data.raw
    size: 32M
    interface: virtio
    serial: DATA1
  - name: cdrom
    type: raw
    file: cd.iso
    interface: sata
    media: cdrom
  - name: workspace
    type: virtfs
    path: work
    mount_tag: workspace
    security_model: mapped-xattr
    readonly: false
  - name: looking
    type: virtfs
    path: work
    readonly: true
  - name: plain
    type: virtfs
    path: work
    security_model: none
EOF
    expect 0 maqet add "$vm.yaml"
    boot "$vm"

    # The machine's UUID is also the guest's.
    uuid=$(maqet --format json status "$vm" | sed -n 's/.*"uuid": *"\([^"]*\)".*/\1/p' | head -1)
    same "$uuid" "$(in_guest "$vm" 'cat /sys/class/dmi/id/product_uuid')" "UUID in the guest"
    same 131072 "$(in_guest "$vm" 'cat /sys/block/vda/size')" "sectors of the first disk"
    same 65536 "$(in_guest "$vm" 'cat /sys/block/vdb/size')" "sectors of the second disk"
    same vda "$(disk_with_serial "$vm" SYSTEM1)" "the disk with the serial SYSTEM1"
    same vdb "$(disk_with_serial "$vm" DATA1)" "the disk with the serial DATA1"
    same ahci "$(driver_of "$vm" sr0)" "the CD-ROM's controller"

    # The raw image takes its full size at once.
    [ "$(du -k "$vm-data.raw" | cut -f1)" -ge 32768 ] || fail "the raw image is sparse"

    for disk in vda vdb; do
        in_guest "$vm" "mkfs.ext2 /dev/$disk >/dev/null 2>&1 && mkdir -p /mnt/$disk &&
            mount /dev/$disk /mnt/$disk && echo 'kept on $disk' >/mnt/$disk/file"
    done

    in_guest "$vm" 'mkdir -p /mnt/cd && mount -t iso9660 -o ro /dev/sr0 /mnt/cd'
    same 'from the CD' "$(in_guest "$vm" 'cat /mnt/cd/file')" "the file on the CD-ROM"
    same 1 "$(in_guest "$vm" 'cat /sys/block/sr0/ro 2>/dev/null || echo 1')" "read-only CD-ROM"
    not_in_guest "$vm" 'dd if=/dev/zero of=/dev/sr0 bs=2048 count=1 conv=fsync'

    in_guest "$vm" 'mkdir -p /mnt/share /mnt/look &&
        mount -t 9p -o trans=virtio,version=9p2000.L workspace /mnt/share &&
        mount -t 9p -o trans=virtio,version=9p2000.L looking /mnt/look'
    same 'from the host' "$(in_guest "$vm" 'cat /mnt/share/host')" "the host's file"
    in_guest "$vm" "echo 'from $vm' >/mnt/share/guest-$vm"
    same "from $vm" "$(cat "work/guest-$vm")" "the guest's file"
    same "from $vm" "$(in_guest "$vm" "cat /mnt/look/guest-$vm")" "the same by the other share"
    not_in_guest "$vm" 'echo x >/mnt/look/nothing'
    [ ! -e work/nothing ] || fail "a read-only share was written"

    # A link that the host has made: with a mapped model the guest sees it, but not where it
    # leads, since QEMU keeps the links of such a share as files. Once is enough.
    if [ "$machine" = pc ]; then
        ln -sfn host work/link-host
        in_guest "$vm" 'mkdir -p /mnt/plain &&
            mount -t 9p -o trans=virtio,version=9p2000.L plain /mnt/plain'
        in_guest "$vm" 'test -L /mnt/share/link-host'
        not_in_guest "$vm" 'readlink /mnt/share/link-host'
        not_in_guest "$vm" 'cat /mnt/share/link-host'
        same host "$(in_guest "$vm" 'readlink /mnt/plain/link-host')" "a link of the host"
        same 'from the host' "$(in_guest "$vm" 'cat /mnt/plain/link-host')" "where it leads"
        in_guest "$vm" 'ln -sfn host /mnt/share/link-guest'
        same host "$(in_guest "$vm" 'readlink /mnt/share/link-guest')" "a link of the guest"
        [ -f work/link-guest ] && [ ! -L work/link-guest ] || fail "the guest's link is no file"
    fi

    # The power button, and again.
    shut_down "$vm"
    same stopped "$(vm_status "$vm")"
    boot "$vm"
    for disk in vda vdb; do
        in_guest "$vm" "mkdir -p /mnt/$disk && mount /dev/$disk /mnt/$disk"
        same "kept on $disk" "$(in_guest "$vm" "cat /mnt/$disk/file")" "what was written"
    done
    shut_down "$vm"
    # A guest that is still booting misses its power button, which is pressed again.
    expect 0 maqet start "$vm"
    shut_down "$vm"
    qemu-img check -q "$vm-system.qcow2"
done
# A QEMU that stays when its guest has powered off is told to go.
expect 0 maqet apply guide-q35 guide-q35.yaml --set arguments.no-shutdown=null
boot guide-q35
shut_down guide-q35
cmp cd.iso cd.before || fail "the CD-ROM's image was changed"
