#!/bin/sh
# SPDX-License-Identifier: MIT
# maqet is killed at every step of an attach and of a detach: the next command finds the drive known
# everywhere or nowhere, and nothing is left of what was created.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires strace

# QEMU detaches such a drive without a guest.
vm_yaml vm <<END
storage:
  - {name: one, type: qcow2, file: one.qcow2, size: 1M, interface: scsi}
END
expect 0 maqet add vm.yaml
expect 0 maqet start vm
attach="attach vm --name two --size 1M interface=scsi file=$TMP/two.qcow2 --create-missing"

# "yes" or "no": whether a file names the drive.
in_file() {
    if grep -q '"two"' "$1"; then echo yes; else echo no; fi
}
# Sets $known to whether the drive is attached, which all must agree about.
look() {
    expect 0 maqet recover vm
    if grep -q 'its storage is kept' err; then kept=yes; else kept=no; fi
    expect 0 maqet qmp vm query-block
    known=$(in_file out)
    expect 0 maqet qmp vm query-named-block-nodes
    same "$known" "$(in_file out)" "$what: the nodes"
    for file in data/vms/vm/vm.json run/vm/vm.json data/vms/vm/slots.json; do
        same "$known" "$(in_file "$file")" "$what: $file"
    done
    expect 0 maqet qmp vm query-fdsets
    if [ "$known" = yes ]; then
        out_has "maqet drive two"
    else
        out_lacks "maqet drive two"
    fi
    expect 0 maqet status vm
    [ ! -e data/vms/vm/pending.json ] || fail "$what: the job is pending"
    left=$(find . -name '*.maqet-*' ! -name '.maqet-tested')
    [ -z "$left" ] || fail "$what: something is left: $left"
}

kills=0
for call in write rename unlink sendmsg clone; do
    step=0
    while :; do
        step=$((step + 1))
        what="attach killed at $call $step"
        recorded=$(in_file data/vms/vm/images.json)
        code=0
        # shellcheck disable=SC2086
        traced $call "signal=KILL:when=$step" $attach >out 2>err || code=$?
        [ "$code" -eq 137 ] || break
        kills=$((kills + 1))
        look
        if [ "$known" = yes ]; then
            expect 0 maqet detach vm two
        elif [ "$kept" = no ]; then
            [ ! -e two.qcow2 ] || fail "$what: the image is left"
            same "$recorded" "$(in_file data/vms/vm/images.json)" "$what: the records of images"
        fi
        rm -f two.qcow2
    done
    [ "$code" -eq 0 ] || { cat err; fail "$what: exit code $code"; }
    look
    same yes "$known" "whether it is attached"
    expect 0 maqet detach vm two
    rm -f two.qcow2
done
echo "killed $kills times in an attach"
[ "$kills" -ge 20 ] || fail "hardly ever killed"

kills=0
for call in write rename unlink sendmsg; do
    step=0
    while :; do
        step=$((step + 1))
        what="detach killed at $call $step"
        # shellcheck disable=SC2086
        [ "$(in_file run/vm/vm.json)" = yes ] || expect 0 maqet $attach
        code=0
        traced $call "signal=KILL:when=$step" detach vm two >out 2>err || code=$?
        [ "$code" -eq 137 ] || break
        kills=$((kills + 1))
        look
        [ -e two.qcow2 ] || fail "$what: the image is gone"
    done
    [ "$code" -eq 0 ] || { cat err; fail "$what: exit code $code"; }
    look
    same no "$known" "whether it is attached"
done
echo "killed $kills times in a detach"
[ "$kills" -ge 15 ] || fail "hardly ever killed"

# QEMU, too, may end in between: what was not attached is not there, and what the guest could write to
# is kept.
rm -f two.qcow2
for step in 3 6 9 12; do
    what="attach and QEMU killed at $step"
    code=0
    # shellcheck disable=SC2086
    traced sendmsg "signal=KILL:when=$step" $attach >out 2>err || code=$?
    kill -9 "$(vm_pid vm)"
    eventually 20 sh -c "! kill -0 $(cat run/vm/qemu/pid) 2>/dev/null"
    expect 0 maqet recover vm
    same "$(in_file data/vms/vm/vm.json)" "$([ -e two.qcow2 ] && echo yes || echo no)" "$what"
    expect 0 maqet start vm
    [ "$(in_file data/vms/vm/vm.json)" = no ] || expect 0 maqet detach vm two
    rm -f two.qcow2
done
