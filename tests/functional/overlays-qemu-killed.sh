#!/bin/bash
# SPDX-License-Identifier: MIT
# QEMU is killed at steps of what maqet has it do with overlays: of its system calls, while it merges,
# flattens, creates, or is replaced by a load; and by programs that maqet runs beside it. maqet says that QEMU
# has ended; afterwards each snapshot and the drive hold what they held, each overlay names the image that
# it stands on, no other files are left, and the VM starts.
#   MAQET_TEST_STRIDE=1  kills it at each step
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
. "$abs_top_srcdir/tests/functional/overlay-kill-functions.sh"
qemu_required
requires strace qemu-io qemu-img

qemu-img create -q -f raw base.raw 2M
qemu-io -f raw -c 'write -q -P 9 0 1M' base.raw
vm_yaml vm <<'END'
storage:
- {name: hdd, type: qcow2, file: hdd.qcow2, size: 2M, snapshots: overlay, backing_file: base.raw, backing_format: raw}
END
qemu-img create -q -f qcow2 -b base.raw -F raw hdd.qcow2

# Four snapshots one above the other, and two on the second one; each has blocks of its own.
model[now]=98899999999999990000000000000000
expect 0 maqet add vm.yaml
qemu-io -f qcow2 -c 'write -q -P 8 64k 128k' hdd.qcow2
for name in s1 s2 b1 b2; do create $name; done
expect 0 maqet snapshot vm load hdd s2 --yes
model[now]=${model[s2]}
put
for name in s3 s4; do create $name; done
what="at first"
intact -
keep
# The topmost node is merged into the one below, another one into the one below, and the image gets all of its
# backing file.
kill_during sendmsg '10 19' s4 snapshot vm delete hdd s4 --live
kill_during pwrite64 '1 4' s4 snapshot vm delete hdd s4 --live
kill_during sendmsg '4 17' s3 snapshot vm delete hdd s3 --live
kill_during fdatasync 1 s3 snapshot vm delete hdd s3 --live
kill_during sendmsg '2 4' s5 snapshot vm create hdd s5 --live
kill_during sendmsg '9 43' - flatten vm hdd
kill_during pwrite64 4 - flatten vm hdd
[ $kills -ge 8 ] || fail "hardly ever killed"

# What QEMU does not have open is merged by qemu-img; QEMU ends before it.
begin
wrap_qemu_img 'commit*|rebase*' "kill -KILL $pid"
what="a merge beside QEMU, which is killed"
expect 0 wrapped maqet snapshot vm delete hdd b1 --live
process_ended "$pid" || fail "$what: there was none"
held=${model[b1]}
unset 'model[b1]'
repaired -
model[b1]=$held

# A load ends QEMU, and starts another one.
for victim in first second; do
    what="a load, the $victim QEMU killed"
    begin
    before=${model[now]}
    if [ $victim = first ]; then
        with_kill sendmsg 2 snapshot vm load hdd s2 --live --yes
    else
        code=0
        ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o trace -e trace=accept4 -e inject=accept4:signal=KILL:when=1 \
            "$MAQET" snapshot vm load hdd s2 --live --yes >out 2>err || code=$?
        [ $code -ne 0 ] || fail "$what: exit code 0"
        grep -q "The snapshot is loaded, but VM 'vm' is stopped" err || fail "$what: not said: $(cat err)"
    fi
    process_ended "$pid" || fail "$what: it was not ended"
    [ $code -lt 126 ] || fail "$what: exit code $code: $(cat err)"
    # The load is done, or nothing has happened.
    if [ $code -eq 0 ] || grep -q 'is loaded' err; then model[now]=${model[s2]}; fi
    if is_running; then expect 0 maqet stop vm --timeout 0 --force; fi
    repaired -
    model[now]=$before
done
echo "killed $kills times"
