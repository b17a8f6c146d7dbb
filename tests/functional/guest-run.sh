#!/bin/sh
# SPDX-License-Identifier: MIT
# Guests that go on from a checkpoint for a test, beside their running VM and beside each other: each run
# begins at the same point, and nothing of it is kept, however it ends.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
PATH=$PATH:/sbin:/usr/sbin
requires mke2fs qemu-nbd

mke2fs -q -t ext4 -O ^metadata_csum fs.raw 24M 2>/dev/null
qemu-img convert -f raw -O qcow2 fs.raw one.qcow2
mkdir share
echo host >share/word
cat >vm.yaml <<EOF
name: vm
binary: qemu-system-x86_64
accel: tcg
memory: 256M
machine: q35
arguments:
  - kernel: $KERNEL
  - initrd: $INITRD
  - append: "$GUEST_APPEND"
  - no-reboot
storage:
  - {name: one, type: qcow2, file: one.qcow2, serial: ONE}
  - {name: two, type: qcow2, size: 8M, file: two.qcow2, serial: TWO, interface: sata}
  - {name: three, type: qcow2, size: 8M, file: three.qcow2, serial: THREE, snapshots: overlay}
  - {name: shared, type: virtfs, path: share}
EOF
console=$TMP/run/vm/console.sock
in_guest() { guest_run "$console" "$2" || fail "in the guest '$1': $2"; }
# The checkpoint's disk is larger than the one that there is when it runs.
qemu-img create -q -f qcow2 two.qcow2 8M
expect 0 maqet add vm.yaml
expect 0 maqet snapshot vm create two small
expect 0 maqet resize vm two 16M
expect 0 maqet start vm
guest_wait "$console" || fail "the guest does not answer"
one=$(disk_with_serial vm ONE)
two=$(disk_with_serial vm TWO)
three=$(disk_with_serial vm THREE)
in_guest vm "mkdir -p /mnt/one && mount -t ext4 /dev/$one /mnt/one &&
    echo A >/tmp/word && echo A >/mnt/one/word && sync"
in_guest vm "echo beyond | dd of=/dev/$two bs=1M seek=15 conv=fsync 2>/dev/null
    echo frozen | dd of=/dev/$three conv=fsync 2>/dev/null"
expect 0 maqet checkpoint vm create ready
in_guest vm "echo B >/tmp/word; echo B >/mnt/one/word; echo newer | dd of=/dev/$three conv=fsync 2>/dev/null; sync"

export TMPDIR="$TMP/tmp"
mkdir tmp
nothing_is_left() {
    same '' "$(ls -A tmp)" "temporary files"
    same vm "$(ls data/vms)" "the VMs"
    same vm "$(ls run)" "the run folders"
    [ ! -e data/vms/vm/pending.json ] || fail "an operation is pending"
}

expect 125 maqet run vm --from ready -- true
expect 125 maqet run vm --discard -- true
expect 125 maqet run vm --from raedy --discard -- true
err_has "Did you mean 'ready'?"

# The guest has what it had then, and what it writes is its own. It can mount the share, but not write to it.
cat >inside <<EOF
set -e
srcdir=$srcdir abs_top_srcdir=$abs_top_srcdir abs_top_builddir=$abs_top_builddir
MAQET_SOURCE_DIR=\$abs_top_srcdir MAQET_BUILD_DIR=\$abs_top_builddir
. "\$abs_top_srcdir/tests/guest/guest.sh"
case \$MAQET_VM in vm-run-[123]) ;; *) exit 1 ;; esac
[ -S "\$MAQET_QMP" ] && [ -S "\$MAQET_CONSOLE" ]
in_guest() { guest_run "\$MAQET_CONSOLE" "\$1"; }
words='echo \$(cat /tmp/word /mnt/one/word; head -c 6 /dev/$three)'
[ "\$(in_guest "\$words")" = "A A frozen" ]
in_guest "echo Z >/tmp/word; echo Z >/mnt/one/word; echo own-it | dd of=/dev/$three conv=fsync 2>/dev/null; sync
    dd if=/dev/urandom of=/dev/$two bs=64k count=4 conv=fsync 2>/dev/null"
[ "\$(in_guest "\$words")" = "Z Z own-it" ]
[ "\$(in_guest 'dd if=/dev/$two bs=1M skip=15 2>/dev/null | head -c 6; dd if=/dev/$two of=/dev/null bs=1M 2>&1 | grep -ci error || :')" = "beyond0" ]
[ "\$(in_guest 'mkdir -p /mnt/s && mount -t 9p -o trans=virtio shared /mnt/s && cat /mnt/s/word')" = host ]
in_guest '! echo guest >/mnt/s/word' >/dev/null
exit 7
EOF
run_inside() {
    code=0
    "$MAQET" run vm --from ready --discard -- sh inside >"$1" 2>&1 </dev/null || code=$?
    echo $code >>"$1"
}
run_inside first &
other=$!
run_inside second
wait $other
same '7 7' "$(echo $(tail -qn 1 first second))" "exit codes of two at a time: $(cat first second)"
same 'B B newer' "$(in_guest vm "echo \$(cat /tmp/word /mnt/one/word; head -c 5 /dev/$three)")" "what the VM has"
same host "$(cat share/word)" "the share"
nothing_is_left
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet snapshot vm load two small --yes
sha256sum one.qcow2 two.qcow2 three.qcow2 three.qcow2.maqet/*.qcow2 >sums

# The images are never written to.
untouched() {
    sha256sum -c --quiet sums || fail "an image was written to"
    nothing_is_left
}
rounds=${MAQET_TEST_ROUNDS:-3}
i=0
while [ $((i += 1)) -le "$rounds" ]; do
    expect 7 maqet run vm --from ready --discard -- sh inside
    same stopped "$(vm_status vm)" "the status"
    untouched
done

# What takes too long, what cannot be run, and what is killed.
expect 124 maqet run vm --from ready --discard --timeout 1 -- sleep 1000
err_has "sleep took longer than 1 s"
untouched
expect 127 maqet run vm --from ready --discard -- no-such-program
err_has "Cannot run no-such-program: No such file or directory"
untouched
expect 126 maqet run vm --from ready --discard -- ./sums
err_has "Cannot run ./sums: Permission denied"
untouched
expect 125 maqet run vm --from ready --nonsense
expect 125 maqet run nobody --from ready --discard
expect 124 maqet run vm --from ready --discard --timeout 1
err_has "The guest took longer than 1 s"
untouched
"$MAQET" run vm --from ready --discard -- sh -c ': >began; exec sleep 1000' &
command=$!
eventually 30 test -e began
pid=$(vm_pid vm-run-1)
children=$(cat "/proc/$command/task/$command/children")
kill -9 "$command"
wait "$command" || :
for child in $pid $children; do
    eventually 10 sh -c "! kill -0 $child"
done
sha256sum -c --quiet sums || fail "an image was written to"
same '' "$(ls -A tmp)" "temporary files"
# The next command with the VM's lock removes what is stored of the run.
expect 3 maqet checkpoint vm delete nonsense
untouched

# Nor is anything left by a signal that asks for the end: the command gets it too.
"$MAQET" run vm --from ready --discard -- sh -c 'trap "echo told >told; exit" TERM; : >asked
    sleep 1000 & wait' </dev/null &
command=$!
eventually 30 test -e asked
kill "$command"
code=0
wait "$command" || code=$?
same 143 $code "the exit code after SIGTERM"
same told "$(cat told)" "what the command got"
untouched

# All that a command has started ends with it, where it cannot be one of a terminal's.
seconds=1
until [ -s grandchild ]; do
    # However slow the machine is, there is a time in which the command gets that far.
    seconds=$((2 * seconds))
    expect 124 maqet run vm --from ready --discard --timeout "$seconds" -- \
        sh -c 'sleep 1000 & echo $! >grandchild; wait' </dev/null
done
eventually 10 sh -c "! kill -0 $(cat grandchild)"
untouched

# A QEMU that dies is no success.
"$MAQET" run vm --from ready --discard 2>err &
command=$!
eventually 60 sh -c "'$MAQET' --format plain qmp vm-run-1 query-status 2>/dev/null | grep -q '\"running\":true'"
kill -9 "$(vm_pid vm-run-1)"
code=0
wait "$command" || code=$?
same 125 $code "the exit code after QEMU's death"
err_has "QEMU of VM 'vm-run-1' was killed by signal 9"
untouched

# A guest that another error of a drive has paused is one that a command may look at; without a command, the run ends.
cat >breaks <<'EOF'
call() { "$MAQET" --format plain qmp vm-run-1 "$@"; }
call blockdev-add '{"driver": "blkdebug", "node-name": "broken", "image": {"driver": "null-co", "size": 1048576},
    "inject-error": [{"event": "none", "iotype": "read", "errno": 5}]}' &&
    for port in $(call qom-list '{"path": "/machine/peripheral"}' | grep -o 'maqet-port-[0-9]*' | sort -ruV); do
        call device_add '{"driver": "virtio-blk-pci", "drive": "broken", "id": "broken", "rerror": "stop", "bus": "'"$port"'"}' &&
            exit
    done
exit 1
EOF
paused="'$MAQET' --format plain qmp vm-run-1 query-status 2>/dev/null | grep -q io-error"
cat >looks <<EOF
sh breaks || exit 1
until $paused; do sleep 0.1; done
sleep 6
$paused
EOF
expect 0 maqet run vm --from ready --discard -- sh looks
untouched
"$MAQET" run vm --from ready --discard >out 2>err &
command=$!
eventually 60 sh -c "'$MAQET' --format plain qmp vm-run-1 query-status 2>/dev/null | grep -q '\"running\":true'"
sh breaks || fail "no drive that is broken"
code=0
wait "$command" || code=$?
same 125 $code "the exit code of a run whose drive has failed"
err_has "The guest of VM 'vm-run-1' is paused and was ended: it could not read or write drive 'broken'"
err_has "Repair what that drive is stored on, and run it again"
untouched

# And the checkpoint is what it was.
expect 2 maqet start vm --from ready </dev/null
err_has "Nothing was loaded: there is no terminal on which to ask"
expect 2 maqet checkpoint load vm ready </dev/null
err_has "discards all changes made after it on the drives of VM 'vm'"
same stopped "$(vm_status vm)" "the status"
expect 0 maqet start vm --yes --from ready
same "A A" "$(in_guest vm 'echo $(cat /tmp/word /mnt/one/word)')" "what the guest has"
shut_down vm
sound one.qcow2 two.qcow2 three.qcow2

# Where there is no room for what the guest writes, QEMU pauses it: the run ends, with a command and without one.
sha256sum one.qcow2 two.qcow2 three.qcow2 three.qcow2.maqet/*.qcow2 >sums # the VM has run since
mkdir small
mount -t tmpfs -o size=4m,mode=1777 tmpfs small 2>/dev/null || skip_always "may not mount a tmpfs here"
cleanup_fn umount "'$TMP/small'"
fill_up="dd if=/dev/zero bs=1M count=12 2>/dev/null | tr '\\0' x | dd of=/dev/$two bs=1M conv=fsync 2>/dev/null"
cat >fills <<EOF
srcdir=$srcdir abs_top_srcdir=$abs_top_srcdir abs_top_builddir=$abs_top_builddir
MAQET_SOURCE_DIR=\$abs_top_srcdir MAQET_BUILD_DIR=\$abs_top_builddir
. "\$abs_top_srcdir/tests/guest/guest.sh"
guest_run "\$MAQET_CONSOLE" "($fill_up) >/dev/null 2>&1 &"
sleep 1000
EOF
ended_for_space() {
    err_has "The guest of VM 'vm-run-1' is paused and was ended: there is no space in $TMP/small for what it writes to drive 'two'"
    err_has "Free up disk space in $TMP/small, or set TMPDIR to another folder, and run it again"
    same '' "$(ls -A small)" "files in the folder that was full"
    untouched
}
TMPDIR=$TMP/small expect 125 maqet run vm --from ready --discard -- sh fills
ended_for_space
TMPDIR=$TMP/small "$MAQET" run vm --from ready --discard >out 2>err &
command=$!
eventually 60 sh -c "'$MAQET' --format plain qmp vm-run-1 query-status 2>/dev/null | grep -q '\"running\":true'"
guest_run "$TMP/run/vm-run-1/console.sock" "($fill_up) >/dev/null 2>&1 &" || fail "nothing was written"
code=0
wait "$command" || code=$?
same 125 $code "the exit code of a run without a command"
ended_for_space
