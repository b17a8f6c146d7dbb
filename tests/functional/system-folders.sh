#!/bin/sh
# SPDX-License-Identifier: MIT
# Nothing is made in the folders of the system, nor by way of a link into them.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

number=0
refused() { # FILE
    number=$((number + 1))
    vm_yaml "vm$number" <<EOF
storage:
  - name: hdd
    file: $1
    size: 1M
EOF
    expect 0 maqet add "vm$number.yaml"
    expect 4 maqet start "vm$number"
    err_has "a system folder; this is refused"
    err_has "vm$number.yaml:7:11: drive 'hdd' of VM 'vm$number'"
    [ ! -e "$1" ] || fail "$1 was made"
}
for folder in /etc /usr /usr/local/share /bin /sbin /lib /boot /proc /sys /dev /var /var/lib; do
    [ ! -d "$folder" ] || refused "$folder/maqet-test.qcow2"
done
ln -s /etc link
refused "$TMP/link/maqet-test.qcow2"
refused "/tmp/../etc/maqet-test.qcow2"

vm_yaml shm <<EOF
storage:
  - name: hdd
    file: /dev/shm/maqet-test-$$.qcow2
    size: 1M
EOF
if [ -d /dev/shm ] && [ -w /dev/shm ]; then
    cleanup_fn rm -f "/dev/shm/maqet-test-$$.qcow2"
    expect 0 maqet add shm.yaml
    expect 0 maqet start shm
fi

# No parent folder, an unnamed size, a missing CD-ROM, a missing read-only image.
vm_yaml parent <<EOF
storage:
  - name: hdd
    file: nowhere/disk.qcow2
    size: 1M
EOF
expect 0 maqet add parent.yaml
expect 3 maqet start parent
err_has "the folder $TMP/nowhere: No such file or directory"
err_has "mkdir -p '$TMP/nowhere'"
vm_yaml nosize <<EOF
storage:
  - name: hdd
    file: images/x.qcow2
EOF
expect 3 maqet add nosize.yaml
err_has size
vm_yaml cd <<EOF
storage:
  - name: cd
    type: raw
    interface: sata
    media: cdrom
    file: images/none.iso
EOF
expect 0 maqet add cd.yaml
expect 3 maqet start cd
err_has "the image of a CD-ROM drive is never created"
vm_yaml ro <<EOF
storage:
  - name: hdd
    file: images/none.qcow2
    size: 1M
    readonly: on
EOF
expect 0 maqet add ro.yaml
expect 3 maqet start ro
err_has "the image of a read-only drive is never created"
# A CD-ROM may lie in a folder of the system, and may be absent.
vm_yaml syscd <<EOF
storage:
  - name: cd
    type: raw
    interface: sata
    media: cdrom
    file: /usr/share/common-licenses/GPL-3
  - name: empty
    type: raw
    interface: ide
    media: cdrom
EOF
if [ -r /usr/share/common-licenses/GPL-3 ]; then
    expect 0 maqet add syscd.yaml
    expect 0 maqet start syscd
fi
