#!/bin/sh
# SPDX-License-Identifier: MIT
# What snapshots show on a terminal: a question before a load, and how far an export is.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io script strace

vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 8M, file: hdd.qcow2}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
fill hdd.qcow2 1
expect 0 maqet snapshot vm create hdd one
fill hdd.qcow2 2

# on_terminal ARGUMENT...: maqet on a terminal of its own, whose screen goes to the file
# screen; what is typed comes by stdin.
on_terminal() {
    TERM=vt100 script -qefc "'$MAQET' $*" screen >/dev/null
}
shown() {
    grep -qE -- "$1" screen || { cat screen >&2; fail "not shown: $1"; }
}

# Nothing but "yes" goes on.
for answer in n '' maybe; do
    code=0
    echo "$answer" | on_terminal snapshot vm load hdd one || code=$?
    same 2 $code "the exit code after '$answer'"
    shown "discards all changes made after it on drive 'hdd' of VM 'vm'"
    shown 'Go on\?'
    shown 'Nothing was loaded'
    holds hdd.qcow2 2
done
# Without a terminal, nobody can be asked.
for command in "snapshot vm load hdd one" "snapshot load vm hdd one"; do
    # shellcheck disable=SC2086 # words
    expect 2 maqet $command </dev/null
    err_has "Nothing was loaded: there is no terminal on which to ask"
    err_has "discards all changes made after it on drive 'hdd' of VM 'vm'"
    err_has "Add --yes"
    holds hdd.qcow2 2
done
echo y | on_terminal snapshot vm load hdd one
shown "Loaded snapshot 'one'"
holds hdd.qcow2 1
fill hdd.qcow2 2
on_terminal snapshot vm load hdd one --yes </dev/null
! grep -q 'Go on' screen || fail "asked in spite of --yes"
holds hdd.qcow2 1

# What recover discards is said before it asks.
expect 137 traced clone signal=KILL:when=2 snapshot vm load --yes hdd one
# What is written before the state of the images is on record counts as the operation's own.
eventually 60 grep -q '"sealed": *true' data/vms/vm/pending.json
fill hdd.qcow2 2
code=0
echo n | on_terminal recover vm --finish || code=$?
same 2 $code "the exit code"
shown "drive 'hdd': $TMP/hdd.qcow2 was written to since"
shown "Finishing it reverts drive 'hdd' to snapshot 'one'; what has been written since is lost"
shown 'Finish it\?'
shown 'Nothing was done'
holds hdd.qcow2 2
echo y | on_terminal recover vm --finish
shown "Recovered VM 'vm'"
holds hdd.qcow2 1

# Loading a machine that runs says what will happen to the guest.
expect 0 maqet start vm
pid=$(vm_pid vm)
code=0
echo n | on_terminal snapshot vm load hdd one --live || code=$?
same 2 $code "the exit code"
shown 'QEMU is ended and started again'
same "$pid" "$(vm_pid vm)" "the PID after a refusal"
expect 0 maqet stop vm --timeout 0 --force

# What takes longer than a second says how far it is, and when it will be done.
wrap_qemu_img 'convert*' "printf '    (25.00/100%%)\\r'; : >'$TMP/converting'
    while [ -e '$TMP/converting' ]; do sleep 0.1; done"
wrapped on_terminal snapshot vm export hdd one out.qcow2 </dev/null &
export=$!
eventually 10 test -e converting
eventually 10 grep -qE '25 %, [0-9]+ s left' screen
rm converting
wait "$export" || fail "the export failed: $(cat screen)"
shown "Exported snapshot 'one'"
holds out.qcow2 1

# In a file there is no such line.
wrap_qemu_img 'convert*' "printf '    (25.00/100%%)\\r'; sleep 1.5"
expect 0 wrapped maqet snapshot vm export hdd one again.qcow2
! grep -q '25 %' out err || fail "a progress line in a file"
