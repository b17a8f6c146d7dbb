#!/bin/sh
# SPDX-License-Identifier: MIT
# A guest that goes on from a checkpoint for a test: each run begins at the same point, and
# nothing of it is kept, however it ends.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
PATH=$PATH:/sbin:/usr/sbin
requires mke2fs qemu-nbd

mke2fs -q -t ext4 -O ^metadata_csum fs.raw 24M 2>/dev/null
qemu-img convert -f raw -O qcow2 fs.raw one.qcow2
guest_yaml vm q35 <<EOF
  - {name: one, type: qcow2, file: one.qcow2, serial: ONE}
  - {name: two, type: qcow2, size: 8M, file: two.qcow2, serial: TWO, interface: sata}
EOF
# The checkpoint's disk is larger than the one that there is when it runs.
qemu-img create -q -f qcow2 two.qcow2 8M
expect 0 maqet add vm.yaml
expect 0 maqet snapshot vm create two small
expect 0 maqet resize vm two 16M
boot vm
one=$(disk_with_serial vm ONE)
two=$(disk_with_serial vm TWO)
in_guest vm "mkdir -p /mnt/one && mount -t ext4 /dev/$one /mnt/one &&
    echo A >/tmp/word && echo A >/mnt/one/word && sync"
in_guest vm "echo beyond | dd of=/dev/$two bs=1M seek=15 conv=fsync 2>/dev/null"
expect 0 maqet checkpoint vm create ready
in_guest vm 'echo B >/tmp/word; echo B >/mnt/one/word; sync'

# The images are never written to: neither now nor at any time below.
export TMPDIR="$TMP/tmp"
mkdir tmp
expect 125 maqet run vm --from ready --discard -- true
err_has "VM 'vm' is running"
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet snapshot vm load two small --yes
sha256sum one.qcow2 two.qcow2 >sums
untouched() {
    sha256sum -c --quiet sums || fail "an image was written to"
    same '' "$(ls -A tmp)" "temporary files"
    same 'owner qemu.log qmp.lock rules vm.json' "$(find run/vm -type f -o -type s | sed 's|.*/||' |
        sort | tr '\n' ' ' | sed 's/ $//')" "what is left in the run folder"
    [ ! -e data/vms/vm/pending.json ] || fail "an operation is pending"
}

expect 125 maqet run vm --from ready -- true
expect 125 maqet run vm --discard -- true
expect 125 maqet run vm --from raedy --discard -- true
err_has "Did you mean 'ready'?"

cat >inside <<EOF
set -e
srcdir=$srcdir abs_top_srcdir=$abs_top_srcdir abs_top_builddir=$abs_top_builddir
MAQET_SOURCE_DIR=\$abs_top_srcdir MAQET_BUILD_DIR=\$abs_top_builddir
. "\$abs_top_srcdir/tests/guest/guest.sh"
[ "\$MAQET_VM" = vm ] && [ -S "\$MAQET_QMP" ] && [ -S "\$MAQET_CONSOLE" ]
[ "\$(guest_run "\$MAQET_CONSOLE" 'echo \$(cat /tmp/word /mnt/one/word)')" = "A A" ]
guest_run "\$MAQET_CONSOLE" "echo Z >/tmp/word; echo Z >/mnt/one/word; sync; sha256sum /mnt/one/word >/dev/null
    dd if=/dev/urandom of=/dev/$two bs=64k count=4 conv=fsync 2>/dev/null"
[ "\$(guest_run "\$MAQET_CONSOLE" 'echo \$(cat /tmp/word /mnt/one/word)')" = "Z Z" ]
[ "\$(guest_run "\$MAQET_CONSOLE" 'dd if=/dev/$two bs=1M skip=15 2>/dev/null | head -c 6; dd if=/dev/$two of=/dev/null bs=1M 2>&1 | grep -ci error || :')" = "beyond0" ]
exit 7
EOF
rounds=${MAQET_TEST_ROUNDS:-10}
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
pid=$(vm_pid vm)
children=$(cat "/proc/$command/task/$command/children")
kill -9 "$command"
wait "$command" || :
for child in $pid $children; do
    eventually 10 sh -c "! kill -0 $child"
done
sha256sum -c --quiet sums || fail "an image was written to"
same '' "$(ls -A tmp)" "temporary files"

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
eventually 60 sh -c "'$MAQET' --format plain qmp vm query-status 2>/dev/null | grep -q '\"running\":true'"
kill -9 "$(vm_pid vm)"
code=0
wait "$command" || code=$?
same 125 $code "the exit code after QEMU's death"
err_has "QEMU of VM 'vm' was killed by signal 9"
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
sound one.qcow2 two.qcow2
