#!/bin/sh
# SPDX-License-Identifier: MIT
# Options of QEMU's that cannot be used, or do nothing: refused, or warned of, and what to use.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

with() { # the items of `arguments` by stdin
    {
        echo 'storage:'
        echo '  - {name: hdd, file: hdd.qcow2, size: 1M}'
        echo 'arguments:'
        cat
    } | vm_yaml vm
}

# refused ITEM MESSAGE: when the file is read, whoever reads it.
refused() {
    with <<EOF
  - $1
EOF
    expect 3 maqet validate vm.yaml
    err_has "vm.yaml:8:5: $2"
    expect 3 maqet add vm.yaml
    err_has "vm.yaml:8:5: $2"
}
refused snapshot "-snapshot cannot be used: it has no effect on the VM's drives"
err_has "maqet run VM --from CHECKPOINT --discard"
refused --snapshot "-snapshot cannot be used"
refused "loadvm: x" "-loadvm cannot be used"
refused preconfig "-preconfig cannot be used"
refused "dump-vmstate: x" "-dump-vmstate cannot be used"
refused "add-fd: 'fd=5,set=1'" "-add-fd cannot be used"
refused "set: drive.x.file=y" "-set cannot be used"
refused "chardev: 'socket,id=c,fd=3,server=on,wait=off'" "-chardev fd= cannot be used"
refused "device: help" "-device help cannot be used"
refused "icount: 'shift=auto,rr=record,rrfile=r'" "-icount rr= cannot be used"
refused "netdev: 'user,id=n,guestfwd=tcp:10.0.2.100:1234-cmd:cat'" \
    "-netdev user,guestfwd=-cmd: cannot be used: QEMU's sandbox does not allow"
err_has "sandbox: off"
refused "netdev: 'tap,id=n,ifname=t,script=no'" "-netdev tap without downscript=no cannot be used"

# A machine that was stored before this was known is not started with it, either.
with <<EOF
  - no-reboot
EOF
expect 0 maqet add vm.yaml
stored=$TMP/data/vms/vm/vm.json
grep -q no-reboot "$stored" || fail "the stored machine has no such argument"
sed -i 's/no-reboot/snapshot/' "$stored"
expect 3 maqet start vm
err_has "-snapshot cannot be used"
[ ! -e hdd.qcow2 ] || fail "an image was made for a machine that cannot start"
expect 0 maqet status vm

# A running machine is not ended for a start that would be refused.
expect 0 maqet apply vm vm.yaml
expect 0 maqet start vm
sed -i 's/no-reboot/snapshot/' "$stored"
expect 3 maqet restart vm --timeout 0 --force
err_has "-snapshot cannot be used"
same running "$(vm_status vm)"
expect 0 maqet stop vm --timeout 0 --force

# Without a terminal there is no console on it.
for item in nographic "serial: stdio" "serial: mon:stdio" "monitor: stdio"; do
    with <<EOF
  - $item
EOF
    expect 0 maqet apply vm vm.yaml
    expect 0 maqet start vm
    err_has "WARNING: $TMP/vm.yaml:8:5: -"
    err_has "QEMU is detached and has no terminal, so nobody sees it"
    expect 0 maqet stop vm --timeout 0 --force
done
with <<EOF
  - display: curses
EOF
expect 0 maqet apply vm vm.yaml
expect 3 maqet start vm
err_has "-display curses cannot be used: QEMU is detached and has no terminal"
err_has "--foreground"
# With one there is.
with <<EOF
  - serial: stdio
  - device: no-such-device
EOF
expect 0 maqet apply vm vm.yaml
expect 1 maqet start vm --foreground
err_has "no-such-device"
err_lacks "no terminal"

# Without the sandbox, what needs other programs is QEMU's own to start.
with <<EOF
  - netdev: 'user,id=n,guestfwd=tcp:10.0.2.100:1234-cmd:cat'
EOF
expect 0 maqet apply vm vm.yaml --set sandbox=off
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
