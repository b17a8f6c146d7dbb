#!/bin/sh
# SPDX-License-Identifier: MIT
# A guest writes to a folder of the host's system only where the machine says so.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

share() { # PATH [LINE]: a machine that shares it
    vm_yaml vm <<EOF
storage:
  - {name: share, type: virtfs, security_model: none, path: "$1"${2:+, $2}}
EOF
}
refused() { # PATH FOLDER: for that is what it leads to
    share "$1"
    expect 4 maqet validate vm.yaml
    err_has "drive 'share' of VM 'vm': the guest could write to $2, a system folder of the host"
    err_has "allow_system: on"
    for key in "readonly: on" "allow_system: on"; do
        share "$1" "$key"
        expect 0 maqet validate vm.yaml
    done
}
ln -s /etc link
mkdir inside
refused / /etc
refused /etc /etc
refused "$TMP/link" /etc
refused "$TMP/inside/../../../../../../../etc" /etc
refused /usr/share /usr
refused /proc /proc
refused /var /var
refused /boot /boot

# What is like one is none.
for path in "$TMP" "$TMP/inside" /var/tmp; do
    share "$path"
    expect 0 maqet validate vm.yaml
done
share "$TMP/inside" "readonly: off"
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force

# By arguments.
for item in "virtfs: 'local,path=/etc,mount_tag=t,security_model=none'" \
    "fsdev: {local: null, id: f, path: link, security_model: none}" \
    "drive: 'file=fat:rw:/etc,format=raw'"; do
    vm_yaml vm <<EOF
arguments:
  - $item
EOF
    expect 4 maqet validate vm.yaml
    err_has "vm.yaml:6:5: -"
    err_has "the guest could write to /etc, a system folder of the host"
done
vm_yaml vm <<EOF
arguments:
  - virtfs: 'local,path=/etc,mount_tag=t,security_model=none,readonly=on'
EOF
expect 0 maqet validate vm.yaml

# A bind mount shows it elsewhere, also a part of it, or all.
mount_and_validate() { # FOLDER: it is mounted on `inside`
    unshare -m sh -c "mount --make-rprivate / && mount --bind '$1' inside && exec '$MAQET' validate vm.yaml"
}
share "$TMP/inside"
if [ "$(id -u)" = 0 ] && unshare -m mount --bind /etc inside 2>/dev/null; then
    for folder in / /etc /etc/default; do
        expect 4 mount_and_validate "$folder"
        err_has "the guest could write to /etc"
    done
    mkdir other
    expect 0 mount_and_validate "$TMP/other"
fi
