#!/bin/sh
# SPDX-License-Identifier: MIT
# A snapshot is exported while its machine runs and writes to the same image; and of an export
# that was interrupted, however that was, nothing is left.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io env timeout

vm_yaml vm <<EOF
storage:
  - {name: d, type: qcow2, size: 8M, file: disk.qcow2, cluster_size: 4K}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm
cat >guest-writes <<'EOF'
guest_writes() { # COMMAND OF qemu-io
    "$MAQET" qmp vm human-monitor-command "{\"command-line\":
        \"qemu-io -d /machine/peripheral/d/virtio-backend \\\"$1\\\"\"}" >>hmp
}
EOF
. ./guest-writes
guest_writes 'write -P 1 0 8M'
guest_writes 'write -P 2 1M 777k'
expect 0 maqet snapshot vm create d one --live
guest_writes 'write -P 3 6M 1M'
expect 0 maqet snapshot vm create d two --live
expect 0 maqet snapshot vm list d
{
    head -c 1M /dev/zero | tr '\0' '\1'
    head -c 777k /dev/zero | tr '\0' '\2'
    head -c $((8 * 1024 - 1024 - 777))k /dev/zero | tr '\0' '\1'
} >right

# All of the disk is written, discarded and made larger when qemu-img is about to read it, and it
# is written to again and again meanwhile.
cat >busy <<'EOF'
. ./guest-writes
guest_writes 'write -P 4 0 8M'
guest_writes 'discard 2M 2M'
"$MAQET" qmp vm block_resize '{"node-name":"d","size":16777216}' >>hmp
guest_writes 'write -P 5 0 1M'
{
    while [ ! -e stop-busy ]; do
        guest_writes 'write -P 6 0 9M'
        guest_writes 'discard 0 9M'
        : >was-busy
    done
    : >not-busy
} >/dev/null 2>&1 &
while [ ! -e was-busy ]; do sleep 0.1; done
EOF
wrap_qemu_img '*convert*' "[ -e was-busy ] || sh '$TMP/busy'"
cleanup_fn ": >'$TMP/stop-busy'"
expect 0 wrapped maqet snapshot vm export d one live.raw --format raw
expect 0 maqet snapshot vm export d one live.qcow2
same running "$(vm_status vm)" "the status after the export"
: >stop-busy
! grep -qi 'error\|failed' hmp || fail "the guest could not write: $(cat hmp)"
cmp right live.raw || fail "the export of a machine that runs is not what the snapshot held"
qemu-img convert -f qcow2 -O raw live.qcow2 plain.raw
cmp right plain.raw || fail "the export of a machine that runs is not what the snapshot held"
eventually 20 test -e not-busy
expect 0 maqet stop vm --timeout 0 --force
sound disk.qcow2
qemu-img snapshot -q -a one disk.qcow2
qemu-img convert -f qcow2 -O raw disk.qcow2 oracle
cmp oracle live.raw || fail "the snapshot is not what was exported"

# ---- interrupted ----

wrap_qemu_img '*convert*' ": >'$TMP/converting'; exec sleep 1000"
# shellcheck disable=SC2016 # when the test ends
cleanup_fn 'for job in $(jobs -p); do kill "$job"; done'
begin_export() { # FILE
    rm -f converting
    PATH=$TMP/bin:$PATH env --default-signal=INT,HUP "$MAQET" snapshot vm export d two "$1" \
        >export.out 2>&1 &
    export=$!
    eventually 20 test -e converting
    [ -e ".$1.maqet-new" ] || fail "there is no temporary file of $1"
    same 600 "$(stat -c %a ".$1.maqet-new")" "the mode of the temporary file"
    [ -e data/vms/vm/exports.json ] || fail "the export is not on record"
}
# The child that removes the temporary file; the other one is the wrapped qemu-img.
janitor() {
    for child in $(cat "/proc/$export/task/$export/children"); do
        case $(cat "/proc/$child/comm") in sleep | qemu-img) ;; *) echo "$child" ;; esac
    done
}
gone() {
    ! ls -A | grep -q maqet-new
}

# By any signal: the temporary file goes at once.
for signal in INT TERM HUP KILL; do
    begin_export out.qcow2
    kill -"$signal" "$export"
    ! wait "$export" || fail "an export succeeded that got SIG$signal"
    eventually 10 gone
done

# All of it is killed, as by a power cut: the next command at the snapshots removes the file, and
# the next start, and the removal of the machine.
killed() { # FILE
    begin_export "$1"
    kill -9 "$(janitor)" "$export"
    wait "$export" || :
    [ -e ".$1.maqet-new" ] || fail "who removed .$1.maqet-new?"
}
killed out.qcow2
expect 0 maqet snapshot vm create d three
err_has "deleted $TMP/.out.qcow2.maqet-new, which an interrupted export had left behind"
gone || fail "the temporary file is still there"
[ ! -e data/vms/vm/exports.json ] || fail "the export is still on record"
killed out.qcow2
expect 0 maqet start vm
gone || fail "the temporary file is still there after a start"
expect 0 maqet stop vm --timeout 0 --force

# An export that takes long keeps nobody from stopping the machine, and goes on.
expect 0 maqet start vm
begin_export out.qcow2
expect 0 maqet stop vm --timeout 0 --force --lock-timeout 0.1
same stopped "$(vm_status vm)" "the status after a stop during an export"
[ -e .out.qcow2.maqet-new ] || fail "the export did not go on"
kill -TERM "$export"
wait "$export" || :
eventually 10 gone

# Nor does a stop wait whose QEMU was killed, or that finds nothing running.
expect 0 maqet start vm
begin_export out.qcow2
kill -KILL "$(vm_pid vm)"
crashed() { [ "$(vm_status vm)" = crashed ]; }
eventually 20 crashed
for again in 1 2; do
    expect 0 timeout "$(patience 120)" "$MAQET" stop vm --lock-timeout 600
    same stopped "$(vm_status vm)" "the status after stop $again"
done
kill -TERM "$export"
wait "$export" || :
eventually 10 gone

# QEMU's lock keeps the snapshot from being deleted and written over. Where QEMU ended meanwhile,
# somebody else may have done that, and what was read is not published.
expect 0 maqet start vm
wrap_qemu_img '*convert*' "'$MAQET' stop vm --timeout 0 --force && '$real' snapshot -d two disk.qcow2"
expect 1 wrapped maqet snapshot vm export d two out.qcow2
err_has "QEMU ended or closed the image during the export"
err_has "Try again"
[ ! -e out.qcow2 ] || fail "it was exported"
gone || fail "the temporary file is still there"
expect 0 maqet snapshot vm create d two
wrap_qemu_img '*convert*' ": >'$TMP/converting'; exec sleep 1000"

# What is not the file that was made stays, whatever its name; so does what another export is
# writing, even one of another machine.
killed out.qcow2
mv .out.qcow2.maqet-new moved
echo precious >.out.qcow2.maqet-new
expect 0 maqet snapshot vm list d
same precious "$(cat .out.qcow2.maqet-new)" "a file of the user's"
rm .out.qcow2.maqet-new moved
killed out.qcow2
cp -a data copied
begin_export out.qcow2
expect 0 env MAQET_DATA_DIR="$TMP/copied" "$MAQET" snapshot vm list d
[ -e .out.qcow2.maqet-new ] || fail "the file of an export that is under way was removed"
kill -TERM "$export"
wait "$export" || :
eventually 10 gone
rm -r copied

# On a disk that is not there now, it waits.
mkdir away
killed away.qcow2
rm -f .away.qcow2.maqet-new converting
PATH=$TMP/bin:$PATH "$MAQET" snapshot vm export d two away/out.qcow2 >export.out 2>&1 &
export=$!
eventually 20 test -e away/.out.qcow2.maqet-new
eventually 20 grep -q inode data/vms/vm/exports.json
eventually 20 test -e converting
kill -9 "$(janitor)" "$export"
wait "$export" || :
mv away elsewhere
expect 0 maqet snapshot vm list d
[ -e data/vms/vm/exports.json ] || fail "the export was forgotten"
mv elsewhere away
expect 0 maqet rm vm --yes
[ -z "$(ls -A away)" ] || fail "left in away: $(ls -A away)"
