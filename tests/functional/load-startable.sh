#!/bin/sh
# SPDX-License-Identifier: MIT
# A machine is not ended, and no drive reverted, before it is known that the machine could start
# again; and where it doesn't start all the same, what is left is said.
# shellcheck disable=SC2016 # words of this test for a shell
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires bash swtpm
MAQET_PLUGIN_PATH="$abs_top_builddir/tests/plugins/.libs${MAQET_PLUGIN_PATH:+:$MAQET_PLUGIN_PATH}"
export MAQET_PLUGIN_PATH

# A QEMU that can be made to fail.
real=$(command -v qemu-system-x86_64)
qemu_program() {
    # Whoever asks it for its version is answered, unless it is very broken.
    printf '#!/bin/bash\n[ ! -e %s/broken ] || { [ "$*" = --version ] && [ ! -e %s/very ]; } || { echo "I am broken" >&2; exit 1; }\nexec -a "$0" %s "$@"\n' \
        "$TMP" "$TMP" "$real" >qemu
    chmod +x qemu
}
qemu_program
mkdir share
cp /etc/hostname options
echo secret >secret
chmod 600 secret
vm_yaml other <<EOF
arguments:
  - chardev: {socket: null, id: shared, path: there, server: on, wait: off}
EOF
vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 8M, file: hdd.qcow2}
  - {name: data, type: qcow2, size: 8M, file: data.qcow2}
  - {name: folder, type: virtfs, path: share}
  - {name: cd, type: raw, media: cdrom, interface: sata, file: cd.iso}
arguments:
  - machine: q35
  - fw_cfg: "name=opt/test,file=options"
  - chardev: "socket,id=shared,path=there"
  - serial: "chardev:shared"
  - object: "secret,id=key,file=secret"
  - netdev: "hubport,id=net,hubid=0"
  - object: "filter-dump,id=dump,netdev=net,file=dumped"
EOF
sed -i 's/^binary: .*/binary: .\/qemu/' vm.yaml
truncate -s 1M cd.iso
expect 0 maqet add other.yaml
expect 0 maqet add vm.yaml
expect 0 maqet start other
expect 0 maqet start vm
expect 0 maqet snapshot vm create hdd one --live
expect 0 maqet checkpoint vm create two
pid=$(vm_pid vm)

# in_the_way WORDS: a live load, a checkpoint's and a restart leave the machine alone, and say why.
in_the_way() {
    for command in "snapshot vm load --yes hdd one --live" "snapshot vm load --yes hdd one --auto" \
        "checkpoint vm load --yes two" "checkpoint vm load --yes two --keep three" "restart vm --timeout 0 --force"; do
        # shellcheck disable=SC2086 # several words
        expect 3 maqet $command
        err_has "$1"
        same "$pid" "$(vm_pid vm)" "the PID after '$command'"
        expect 0 maqet qmp vm query-status
        [ ! -e data/vms/vm/pending.json ] || fail "'$command' is pending"
    done
    ! maqet checkpoint vm list | grep three || fail "something was kept"
}
mv options away
in_the_way "vm.yaml:12:5: -fw_cfg cannot use its file $TMP/options: No such file or directory"
mv away options
mv secret away
in_the_way "vm.yaml:15:5: -object cannot use its file $TMP/secret: No such file or directory"
mv away secret
mv cd.iso away
in_the_way "cd.iso"
mv away cd.iso
# An image that start refuses, of a drive that is not to be reverted.
mv data.qcow2 away
truncate -s 8M data.qcow2
for command in "snapshot vm load --yes hdd one --live" "restart vm --timeout 0 --force"; do
    # shellcheck disable=SC2086 # several words
    expect 3 maqet $command
    err_has "data.qcow2"
    same "$pid" "$(vm_pid vm)" "the PID after '$command'"
done
mv away data.qcow2
# One that was removed while QEMU has it open would be made anew, empty.
mv data.qcow2 away
expect 3 maqet snapshot vm load --yes hdd one --live
err_has "would not start again, so it was not stopped"
err_has "$TMP/data.qcow2 no longer exists"
[ ! -e data.qcow2 ] || fail "an image was made"
mv away data.qcow2
# QEMU's program.
mv qemu away
in_the_way "QEMU's program $TMP/qemu was not found"
mv away qemu
# The other end of a socket that QEMU connects to.
expect 0 maqet stop other --timeout 0 --force
in_the_way "vm.yaml:13:5: -chardev connects to $TMP/there, on which nobody listens"
expect 0 maqet start other
same "$pid" "$(vm_pid vm)" "the PID after all that"
# What QEMU writes need not be there; and a socket of another network namespace is connected to all
# the same, but not listed.
rm dumped
if unshare -n true 2>/dev/null; then
    expect 0 maqet stop other --timeout 0 --force
    expect 0 unshare -n "$MAQET" start other
fi
expect 0 maqet snapshot vm load --yes hdd one --live

# It would start, and then doesn't: what was loaded is loaded, and no memory is lost.
touch broken
expect 1 maqet snapshot vm load --yes hdd one --live
err_has "The snapshot is loaded, but VM 'vm' is stopped"
err_has "I am broken"
err_has "Once it can start, start it: maqet start vm"
rm broken
expect 0 maqet start vm
# A QEMU that does not even say which one it is does not get that far.
touch broken very
pid=$(vm_pid vm)
expect 1 maqet checkpoint vm load --yes two
err_has "Whether the checkpoint 'two' fits VM 'vm' is not known"
same "$pid" "$(vm_pid vm)" "the PID after a load that was refused"
rm very
expect 1 maqet checkpoint vm load --yes two
err_has "I am broken"
err_has "the checkpoint is intact"
err_has "maqet start vm --from two"
rm broken
expect 0 maqet start vm --yes --from two
expect 0 maqet qmp vm query-status
out_has running
# A machine that is stopped: no drive is reverted for a memory that could not be loaded.
expect 0 maqet stop vm --timeout 0 --force
fill hdd.qcow2 7
expect 0 maqet stop other --timeout 0 --force
expect 3 maqet start vm --yes --from two
err_has "VM 'vm' would not start: "
err_has "on which nobody listens"
holds hdd.qcow2 7
expect 0 maqet start other
expect 0 maqet start vm --yes --from two
expect 0 maqet restart vm --timeout 0 --force
expect 0 maqet snapshot vm load --yes hdd one --live
expect 0 maqet stop vm --timeout 0 --force

# A program that a plugin has run beside QEMU.
mkdir bin
printf '#!/bin/sh\nexec sleep 1000\n' >bin/beside
chmod +x bin/beside
vm_yaml beside <<EOF
storage:
  - {name: hdd, type: qcow2, size: 8M, file: beside.qcow2}
  - {name: extra, type: beside, program: $TMP/bin/beside}
EOF
expect 0 maqet add beside.yaml
expect 0 maqet start beside
expect 0 maqet snapshot beside create hdd one --live
pid=$(vm_pid beside)
mv bin/beside away
expect 1 maqet snapshot beside load --yes hdd one --live
err_has "the program $TMP/bin/beside, which must run beside QEMU for it, was not found"
same "$pid" "$(vm_pid beside)" "the PID"
mv away bin/beside
expect 0 maqet snapshot beside load --yes hdd one --live
expect 0 maqet stop beside --timeout 0 --force

# The emulator of a TPM ends with QEMU.
mkdir tpm
emulator() {
    swtpm socket --tpm2 --tpmstate dir=tpm --ctrl type=unixio,path=tpm/sock &
    emulator=$!
    cleanup_fn "kill $emulator 2>/dev/null"
    eventually 10 test -S tpm/sock
}
vm_yaml tpm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 8M, file: tpm.qcow2}
arguments:
  - chardev: "socket,id=chrtpm,path=tpm/sock"
  - tpmdev: {type: emulator, id: tpm0, chardev: chrtpm}
  - device: "tpm-tis,tpmdev=tpm0"
EOF
expect 0 maqet add tpm.yaml
emulator
expect 0 maqet start tpm
expect 0 maqet snapshot tpm create hdd one --live
expect 0 maqet checkpoint tpm create two
pid=$(vm_pid tpm)
for command in "snapshot tpm load --yes hdd one --live" "checkpoint tpm load --yes two"; do
    # shellcheck disable=SC2086 # several words
    expect 3 maqet $command
    err_has "VM 'tpm' would not start again, so it was not stopped: the emulator of its TPM 'tpm0' ends with QEMU, so QEMU could not be restarted"
    same "$pid" "$(vm_pid tpm)" "the PID after '$command'"
done
expect 0 maqet stop tpm --timeout 0 --force
wait "$emulator" || :
expect 0 maqet snapshot tpm load --yes hdd one
expect 3 maqet start tpm --yes --from two
err_has "-chardev connects to $TMP/tpm/sock, on which nobody listens"
emulator
expect 0 maqet start tpm --yes --from two
expect 0 maqet stop tpm --timeout 0 --force
sound hdd.qcow2 data.qcow2 beside.qcow2 tpm.qcow2
