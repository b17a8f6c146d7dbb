#!/bin/sh
# SPDX-License-Identifier: MIT
# What cannot be kept or brought back with its memory is said before anything is touched; and
# what fails leaves a guest that runs, and nothing else.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io strace script

vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 8M, file: hdd.qcow2}
  - {name: data, type: qcow2, size: 8M, file: data.qcow2}
EOF
expect 0 maqet add vm.yaml
expect 3 maqet checkpoint vm create off
err_has "VM 'vm' is not running, so there is no memory to save"
err_has "maqet snapshot vm create --all NAME"
expect 0 maqet checkpoint vm list
out_has "No checkpoints found."
expect 0 maqet start vm

# Words that are wrong.
expect 3 maqet checkpoint vm
expect 3 maqet checkpoint vm create
expect 3 maqet checkpoint vm list one
expect 3 maqet checkpoint vm crate one
err_has "did you mean 'create'?"
expect 3 maqet checkpoint vm create 'a b'
err_has "invalid checkpoint name 'a b'"
expect 3 maqet checkpoint vm create one --method magic
expect 3 maqet snapshot vm create --all one --memory
err_has "--memory goes with create --all NAME --live"
expect 3 maqet snapshot vm create --all one --live --memory --overwrite
err_has "--memory does not go with --overwrite"
expect 3 maqet checkpoint vm load --yes one
err_has "There is no checkpoint 'one' of VM 'vm'"
err_has "There are: none"
expect 3 maqet checkpoint vm delete ../vm
err_has "There is no checkpoint '../vm' of VM 'vm'"

# A guest that stands still, and a drive that cannot be kept.
expect 0 maqet qmp vm stop
expect 3 maqet checkpoint vm create one
err_has "VM 'vm' is paused; checkpoints can only be created of a running VM"
expect 0 maqet qmp vm cont
vm_yaml raw <<EOF
storage:
  - {name: hdd, type: raw, size: 8M, file: hdd.raw}
  - {name: kept, type: qcow2, size: 8M, file: kept.qcow2}
EOF
expect 0 maqet add raw.yaml
expect 0 maqet start raw
expect 3 maqet checkpoint raw create one
err_has "VM 'raw' has a drive without support for snapshots: 'hdd' (raw)"
err_has "a checkpoint needs all drives that the guest can write to"
err_has "maqet snapshot raw create --all NAME --live --exclude hdd"
expect 0 maqet snapshot raw create --all kept --live --exclude hdd
expect 0 maqet stop raw --timeout 0 --force

# The snapshots of a checkpoint are listed as such, and don't go without it.
expect 0 maqet checkpoint vm create one
expect 3 maqet checkpoint vm create one
err_has "There is already a checkpoint 'one' of VM 'vm'"
expect 0 maqet snapshot vm create hdd two --live
expect 3 maqet checkpoint vm create two
err_has "There is already a snapshot 'two' of drive 'hdd' on VM 'vm'"
expect 0 maqet snapshot vm delete hdd two --live
expect 0 maqet --format plain snapshot vm list
awk -F '\t' '$1 == "one" { exit !($2 == "hdd,data" && $5 == "disk+memory" && $8 > 100000) }' out ||
    fail "listed as: $(cat out)"
expect 3 maqet snapshot vm delete hdd one --live
err_has "The snapshots 'one' of VM 'vm' belong to a checkpoint, which needs all of them"
err_has "maqet checkpoint vm delete one"
expect 3 maqet snapshot vm create --all one --live --overwrite
err_has "belong to a checkpoint"

# A machine that is another one by now: what differs is named, and it runs on.
pid=$(vm_pid vm)
expect 0 maqet stop vm --timeout 0 --force
sed 's/memory: 64M/memory: 65M/' vm.yaml >changed.yaml
expect 0 maqet apply vm changed.yaml
expect 3 maqet start vm --yes --from one
err_has "The checkpoint 'one' no longer fits VM 'vm': its argument -m was 64M, and is now 65M"
err_has "maqet snapshot vm load --all one"
expect 0 maqet apply vm vm.yaml
then=$(qemu-system-x86_64 --version | sed -n 's/^QEMU emulator version \([0-9.]*[0-9]\).*/\1/p')
mkdir bin
cat >bin/qemu-system-x86_64 <<EOF
#!/bin/sh
[ "\$1" != --version ] || { echo "QEMU emulator version 99.1.0"; exit; }
exec "$(command -v qemu-system-x86_64)" "\$@"
EOF
chmod +x bin/qemu-system-x86_64
PATH=$TMP/bin:$PATH expect 3 maqet start vm --yes --from one
err_has "its QEMU was"
err_has "and is now 99.1"
err_has "Use QEMU $then again, for example with \`binary\` in the definition of VM 'vm'"
err_has "maqet snapshot vm load --all one"
err_lacks 'maqet apply'
sed -i 's/QEMU emulator version 99.1.0/I say no version/' bin/qemu-system-x86_64
PATH=$TMP/bin:$PATH expect 1 maqet start vm --yes --from one
err_has "Whether the checkpoint 'one' fits VM 'vm' is not known: it was created with QEMU"
err_has "qemu-system-x86_64 --version\` print its version again"
err_has "maqet snapshot vm load --all one"
cp data/vms/vm/checkpoints/one.state kept
truncate -s -1 data/vms/vm/checkpoints/one.state
expect 1 maqet start vm --yes --from one
err_has "data/vms/vm/checkpoints/one.state is damaged"
same created-or-stopped "$(vm_status vm | sed 's/^stopped$/created-or-stopped/')" "the status"
cp kept data/vms/vm/checkpoints/one.state
# QEMU itself finds another damage, where no checksum is recorded: said, the machine is stopped,
# and nothing is lost.
cp data/vms/vm/checkpoints/one.json kept.json
sed -i 's/"checksum":/"was":/' data/vms/vm/checkpoints/one.json
printf 'XXXXXXXX' | dd of=data/vms/vm/checkpoints/one.state conv=notrunc 2>/dev/null
expect 1 maqet start vm --yes --from one
err_has "VM 'vm' did not start"
err_has "maqet start vm --from one"
sound hdd.qcow2 data.qcow2
cp kept data/vms/vm/checkpoints/one.state
# An earlier maqet did not tell QEMU to keep what is cached of the images.
sed 's/,\\"drop-cache\\":false//g' kept.json >data/vms/vm/checkpoints/one.json
! cmp -s kept.json data/vms/vm/checkpoints/one.json || fail "it was told nothing now either"
expect 0 maqet start vm --yes --from one
[ "$(vm_pid vm)" -ne "$pid" ] || fail "the same QEMU"

# One of its snapshots is gone, by the hand of another program.
expect 0 maqet stop vm --timeout 0 --force
qemu-img snapshot -d one data.qcow2
expect 3 maqet start vm --yes --from one
err_has "There is no snapshot 'one' of drive 'data' on VM 'vm'"
expect 0 maqet checkpoint vm delete one
same '' "$(ls -A data/vms/vm/checkpoints)" "what is left"

# No room: known beforehand, or in the middle.
mkdir small
if mount -t tmpfs -o size=3m tmpfs small 2>/dev/null; then
    cleanup_fn umount "$TMP/small"
    mv data/vms/vm small/vm
    ln -s "$TMP/small/vm" data/vms/vm
    expect 0 maqet start vm
    expect 1 maqet checkpoint vm create big
    err_has "Insufficient disk space for the memory of VM 'vm'. Required: 64.0MB"
    rm data/vms/vm
    mv small/vm data/vms/vm
else
    expect 0 maqet start vm
fi
# written_badly WHAT METHOD: a checkpoint while the calls that write its file go wrong. It is
# compressed where a newer QEMU would write the file itself.
written_badly() {
    options="--method $2"
    [ "$2" = background ] || options="$options --compress"
    code=0
    # shellcheck disable=SC2086
    ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o trace -P "$TMP/data/vms/vm/checkpoints/.big.state.new" \
        -e trace=write -e "inject=write:$1" \
        "$MAQET" checkpoint vm create big $options >out 2>err || code=$?
    same 1 $code "the exit code ($1, $2)"
    maqet --format plain qmp vm query-status | grep -q '"running":true' ||
        fail "the guest does not run ($1, $2)"
    same '' "$(find data/vms/vm/checkpoints -type f)" "what is left ($1, $2)"
}
# The disk is full when a part of it is written already, or the process that writes is killed.
methods='background stop'
if precopy_sound; then
    methods="$methods precopy"
else
    # It would be corrupt: said before anything is begun.
    expect 3 maqet checkpoint vm create big --method precopy
    err_has "QEMU $(qemu-system-x86_64 --version | sed -n 's/.*version \([0-9.]*\).*/\1/p') misses writes of an emulated guest (TCG) to its memory while precopy copies it"
    err_has "precopy is safe with KVM, and with QEMU 10.0"
    err_has "background or stop"
    same '' "$(ls -A data/vms/vm/checkpoints)" "what is left of it"
fi
for method in $methods; do
    written_badly error=ENOSPC:when=2+ "$method"
    err_has "No space left on device"
    written_badly signal=KILL "$method"
    err_has "The process that wrote the guest's memory was killed"
    expect 0 maqet --format plain snapshot vm list
    same '' "$(cat out)" "the snapshots ($method)"
done
# As large as a file may be, which is less than it takes.
(ulimit -f 8 && "$MAQET" checkpoint vm create big >out 2>err) && fail "no limit held"
err_has "File too large"
maqet --format plain qmp vm query-status | grep -q '"running":true' || fail "the guest does not run"
expect 0 maqet checkpoint vm create big

# A machine that was started while it was asked whether to go on is not ended.
expect 0 maqet stop vm --timeout 0 --force
{
    until grep -aq 'Go on' screen 2>/dev/null; do sleep 0.1; done
    maqet start vm >out
    echo y
} | TERM=vt100 script -qefc "'$MAQET' start vm --from big" screen >/dev/null && fail "it was ended"
grep -q "is running: it was started in the meantime" screen || { cat screen >&2; fail "not said"; }
expect 0 maqet checkpoint vm delete big
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet snapshot vm list
sound hdd.qcow2 data.qcow2

# What the guest writes to besides its drives would not come back with its memory.
truncate -s 1M other.raw
vm_yaml other <<END
storage:
  - {name: hdd, type: qcow2, size: 8M, file: other.qcow2}
arguments:
  - drive: "file=$TMP/other.raw,format=raw,if=ide"
END
expect 0 maqet add other.yaml
expect 0 maqet start other
expect 3 maqet checkpoint other create one
err_has "VM 'other' cannot be saved with its memory: the guest can write to $TMP/other.raw"
err_has "maqet snapshot other create --all NAME --live"
expect 0 maqet stop other --timeout 0 --force

# But flash memory is a device, whose content comes back; so for a test it is no good. A share is only read in one.
head -c 65536 /dev/zero >flash.raw
vm_yaml flash <<END
storage:
  - {name: hdd, type: qcow2, size: 8M, file: flash.qcow2}
arguments:
  - drive: "file=$TMP/flash.raw,format=raw,if=pflash"
END
mkdir share
vm_yaml share <<END
storage:
  - {name: hdd, type: qcow2, size: 8M, file: share.qcow2}
  - {name: folder, type: virtfs, path: share}
END
for vm in flash share; do
    expect 0 maqet add $vm.yaml
    expect 0 maqet start $vm
    expect 0 maqet checkpoint $vm create one
    expect 0 maqet stop $vm --timeout 0 --force
    if [ $vm = flash ]; then
        expect 125 maqet run $vm --from one --discard -- true
        err_has "cannot be discarded"
        err_has 'say `firmware: uefi` in its definition'
        expect 3 maqet fork $vm new --from one
        err_has "flash memory that the guest writes to"
        err_has 'Say `firmware: uefi` in its definition instead, so that the variables of UEFI are a drive, start it again'
    else
        # shellcheck disable=SC2016 # for the command's shell
        expect 0 maqet run $vm --from one --discard -- \
            sh -c 'tr "\0" "\n" <"/proc/$(cat "$MAQET_RUNTIME_DIR/$MAQET_VM/run")/cmdline" | grep "^local,.*readonly=on"'
    fi
    expect 0 maqet checkpoint $vm load --yes one --keep two
    expect 0 maqet stop $vm --timeout 0 --force
done
