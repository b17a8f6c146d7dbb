#!/bin/bash
# SPDX-License-Identifier: MIT
# A running QEMU merges upwards what a deleted snapshot held where that moves less, or where it cannot merge
# downwards: since 8.2, whose block-stream a guest may write beside. Whatever is killed, nothing is lost. Here the
# guest writes nothing, so 7.2 can be asked as well.
#   MAQET_TEST_STRIDE=1  kills QEMU at each step
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
. "$abs_top_srcdir/tests/functional/interrupt-functions.sh"
. "$abs_top_srcdir/tests/functional/overlay-kill-functions.sh"
qemu_required
requires strace qemu-io qemu-img

upwards_qemu "$TMP"
qemu-img create -q -f qcow2 hdd.qcow2 2M
cat >vm.yaml <<END
name: vm
binary: $qemu
accel: tcg
sandbox: $sandbox
memory: 64M
arguments: [{bios: $abs_top_builddir/tests/fake/halt.bin}]
storage:
- {name: hdd, type: qcow2, file: hdd.qcow2, snapshots: overlay}
END
expect 0 maqet add vm.yaml

# The number of blocks that each one holds:
#   image s1 - s2 (2) - s3 (6) - s4 (6) - s5 (0) - s6 (2) - topmost (6)
#                              - b1 (6)
model[now]=00000000000000000000000000000000
create s1 2
create s2 6
create s3 6
create b1 0
expect 0 maqet snapshot vm load hdd s3 --yes
model[now]=${model[s3]}
put 6
create s4 0
create s5 2
create s6 6
what="at first"
intact -
keep
kept_model=$(declare -p model)
field() { maqet --format json snapshot vm list hdd | tr -d ' ' | awk -v name="\"$1\"" -v key="\"$2\":" '
    index($0, "\"name\":" name) { inside = 1 }
    inside && index($0, key) { sub(/.*:/, ""); sub(/,$/, ""); print; exit }'; }
top() { sed -n 's/^  "top":\([0-9]*\),*$/\1/p' $folder/tree.json; }

# ---- where it is done ----

# Two blocks are moved, into what the guest writes to, which it goes on to write to.
begin
before=$(top)
same $((6 * 65536)) "$(field s4 moves)" "what is moved where only that is possible"
same $((2 * 65536)) "$(field s6 moves)" "what is moved into the topmost one"
expect 0 maqet snapshot vm delete hdd s6 --live
unset 'model[s6]'
same "$before" "$(top)" "what the guest writes to"
err_lacks 'not freed yet'
# And into one further below, on which another one stands, too.
same $((2 * 65536)) "$(field s2 moves)" "what is moved further below"
expect 0 maqet snapshot vm delete hdd s2 --live
unset 'model[s2]'
err_lacks 'not freed yet'
same 5 "$(ls $folder/*.qcow2 | wc -l)" "the overlays"
what="after both, while it runs"
intact -
# QEMU has what the tree says, and lets go of what is gone.
expect 0 maqet qmp vm query-named-block-nodes '{"flat": true}'
cp out nodes.json
for file in "$PWD/$folder"/*.qcow2; do
    grep -q "\"node-name\": \"maqet-hdd_$(basename "$file" .qcow2)\"" nodes.json ||
        [ "$file" = "$(file_of b1 | sed "s|^|$PWD/|")" ] || fail "QEMU does not have $file"
done
ls -l "/proc/$pid/fd" >open_files
! grep "$folder.*deleted" open_files || fail "QEMU has open what is gone"
# What is not written to is frozen again.
for name in s3 b1; do
    [ -z "$(find "$(file_of $name)" -perm /222)" ] || fail "$name can be written to"
done
expect 0 maqet snapshot vm create hdd s7 --live
model[s7]=${model[now]}
expect 0 maqet stop vm --timeout 0 --force
what="after both"
intact -
in_order
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
eval "${kept_model/-A/-gA}"

# ---- interruptions ----

kill_during sendmsg '4 8 12 16 24' s6 snapshot vm delete hdd s6 --live
kill_during pwrite64 '1 2 4' s6 snapshot vm delete hdd s6 --live
kill_during sendmsg '4 8 12 16 24' s2 snapshot vm delete hdd s2 --live
kill_during pwrite64 '1 2 4' s2 snapshot vm delete hdd s2 --live
kill_during fdatasync '1 2 3' s2 snapshot vm delete hdd s2 --live
# One that holds nothing gets all of the lower one; then both hold as much.
kill_during pwrite64 '1 2 3 4' s4 snapshot vm delete hdd s4 --live
kill_during fdatasync '1 2 3 4' s4 snapshot vm delete hdd s4 --live
[ $kills -ge 10 ] || fail "hardly ever killed: $kills"

# maqet is killed, or gets Ctrl-C, while it waits for QEMU: the next command finds out what QEMU has done.
for signal in KILL INT; do
    for name in s6 s2 s4; do
        interrupted=0 step=0 code=1
        # In growing steps, since a slow machine waits more often.
        while [ $code -ne 0 ]; do
            step=$((step + 1 + step / 3))
            what="the deletion of $name, SIG$signal at wait $step"
            begin
            code=0
            traced poll "signal=$signal:when=$step" snapshot vm delete hdd $name --live >out 2>err || code=$?
            [ $code -ne 0 ] || break
            case $code in 130 | 137) ;; *) fail "$what: exit code $code: $(cat err)" ;; esac
            interrupted=$((interrupted + 1))
            expect 0 maqet recover vm
            expect 0 maqet snapshot vm create hdd s7 --live
            model[s7]=${model[now]}
            intact $name
            expect 0 maqet qmp vm query-jobs
            ! grep '"status"' out | grep -v concluded >jobs || fail "$what: jobs of QEMU: $(cat jobs)"
            expect 0 maqet stop vm --timeout 0 --force
            expect 0 maqet snapshot vm delete hdd s7
            unset 'model[s7]'
            intact $name
            in_order
        done
        [ $interrupted -ge 3 ] || fail "$what: only $interrupted were interrupted"
        expect 0 maqet stop vm --timeout 0 --force
    done
done

# What an overlay stores of the image below is its format, too, whoever has completed the merge.
cat >plain.yaml <<END
name: plain
binary: $qemu
accel: tcg
memory: 64M
sandbox: $sandbox
arguments: [{bios: $abs_top_builddir/tests/fake/halt.bin}]
storage:
- {name: hdd, type: raw, file: plain.raw, size: 2M, preallocation: off, snapshots: overlay}
END
expect 0 maqet add plain.yaml
write() { # OFFSET LENGTH
    expect 0 maqet qmp plain human-monitor-command \
        "{\"command-line\": \"qemu-io -d /machine/peripheral/hdd/virtio-backend \\\"write -P 7 $1 $2\\\"\"}"
}
expect 0 maqet start plain
step=0 completed=0 code=1
while [ $code -ne 0 ]; do
    step=$((step + 1 + step / 4)) what="a raw image, SIGKILL at wait $step"
    expect 0 maqet snapshot plain create hdd one --live
    write 0 64k
    expect 0 maqet snapshot plain create hdd two --live
    write 64k 512k
    before=$(sed -n 's/^  "top":\([0-9]*\),*$/\1/p' plain.raw.maqet/tree.json)
    code=0
    traced poll "signal=KILL:when=$step" snapshot plain delete hdd two --live >out 2>err || code=$?
    expect 0 maqet recover plain
    expect 0 maqet --format plain snapshot plain list hdd
    if ! grep -q '^two' out && [ "$(ls plain.raw.maqet/*.qcow2)" = "plain.raw.maqet/$before.qcow2" ]; then
        completed=$((completed + 1))
        qemu-img info -U "plain.raw.maqet/$before.qcow2" >info
        grep -q 'backing file format: raw' info || fail "$what: the overlay stores another format: $(cat info)"
    fi
    expect 0 maqet stop plain --timeout 0 --force
    for name in one two; do
        expect 0 maqet --format plain snapshot plain list hdd
        ! cut -f 1 out | grep -qx $name || expect 0 maqet snapshot plain delete hdd $name
    done
    expect 0 maqet start plain
done
[ $completed -ge 2 ] || fail "never killed when QEMU had merged: $completed"
expect 0 maqet stop plain --timeout 0 --force
