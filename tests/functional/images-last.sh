#!/bin/sh
# SPDX-License-Identifier: MIT
# A start that cannot come to anything makes no image; and where KVM cannot be used it says why.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

# refused CODE WORDS: the start of the machine on stdin fails with these words, and makes nothing.
refused() {
    { printf 'name: vm\n' && cat && printf 'storage:\n  - {name: hdd, size: 16M, file: hdd.qcow2}\n'; } >vm.yaml
    expect 0 maqet apply vm vm.yaml
    expect "$1" $within "$MAQET" start vm
    err_has "$2"
    [ ! -e hdd.qcow2 ] || fail "an image was made by a start that failed: $2"
}
within=
tcg='accel: tcg
memory: 64M
display: none'

refused 3 "QEMU's program qemu-system-nothing was not found" <<END
binary: qemu-system-nothing
$tcg
END
: >no-program
refused 4 "QEMU's program $TMP/no-program cannot be run" <<END
binary: ./no-program
$tcg
END
err_has "chmod +x"
refused 3 "$TMP/nothing" <<END
binary: qemu-system-x86_64
$tcg
arguments: [kernel: nothing]
END
refused 3 "$TMP/socket" <<END
binary: qemu-system-x86_64
$tcg
arguments: [chardev: "socket,id=c,path=$TMP/socket"]
END

# Someone who holds another image of the machine.
qemu-img create -q -f qcow2 held.qcow2 1M
mkfifo words
qemu-io -f qcow2 held.qcow2 <words >said 2>&1 &
holder=$!
cleanup_fn "kill $holder 2>/dev/null"
exec 9>words
echo "read 0 512" >&9
until grep -q "read 512" said; do
    kill -0 $holder || fail "no holder"
    sleep 0.1
done
cat >vm.yaml <<END
name: vm
binary: qemu-system-x86_64
$tcg
storage:
  - {name: hdd, size: 16M, file: hdd.qcow2}
  - {name: held, file: held.qcow2}
END
expect 0 maqet apply vm vm.yaml
expect 1 maqet start vm
err_has "is in use by"
[ ! -e hdd.qcow2 ] || fail "an image was made beside one that is held"
exec 9>&-
wait $holder

# ---- KVM, in a /dev of our own ----

requires unshare setpriv mount
[ "$(id -u)" -eq 0 ] || skip_always "only root can have a /dev of his own"
mkdir dev
for node in null zero random urandom tty; do
    cp -a "/dev/$node" dev/ || skip_always "no device can be made here"
done
cat >in-dev <<END
#!/bin/sh
mount --bind "$TMP/dev" /dev && exec setpriv --bounding-set=-dac_override,-dac_read_search "\$@"
END
chmod +x in-dev
unshare -m ./in-dev true || skip_always "no /dev of our own can be mounted"
within="unshare -m $TMP/in-dev"
insists='binary: qemu-system-x86_64
memory: 64M
display: none
accel: kvm'

arch=$(uname -m)
[ "$arch" = x86_64 ] || skip_always "KVM runs no x86_64 on $arch"
refused 3 "VM 'vm': KVM cannot be used: there is no /dev/kvm" <<END
$insists
END
err_has "modprobe kvm_intel"
err_has "Or say \`accel: tcg\`, which is slow"
refused 3 "KVM cannot be used: there is no /dev/kvm" <<END
binary: qemu-system-x86_64
memory: 64M
display: none
arguments: [enable-kvm]
END
cp -a /dev/null dev/kvm
refused 3 "KVM cannot be used: /dev/kvm does not work" <<END
$insists
END
chown 1:1 dev/kvm
chmod 660 dev/kvm
group=$(stat -c %G dev/kvm)
refused 4 "KVM cannot be used: you are not allowed to open /dev/kvm, which belongs to the group '$group'" <<END
$insists
END
err_has "Join the group, and log in again: sudo usermod -aG $group root"
chmod 600 dev/kvm
refused 4 "KVM cannot be used: you are not allowed to open /dev/kvm" <<END
$insists
END
err_has "As root, give the group kvm access"

# Where it is left to maqet, the machine starts, and the reason is a warning.
printf 'name: vm\nbinary: qemu-system-x86_64\nmemory: 64M\ndisplay: none\n' >vm.yaml
expect 0 maqet apply vm vm.yaml
expect 0 $within "$MAQET" start vm
err_has "WARNING: VM 'vm' runs without KVM (TCG), which is slow. KVM cannot be used: you are not allowed to open /dev/kvm"
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet apply vm vm.yaml --set accel=tcg
expect 0 $within "$MAQET" start vm
err_lacks TCG
expect 0 maqet stop vm --timeout 0 --force
