#!/bin/bash
# SPDX-License-Identifier: MIT
# maqet, its qemu-img, or QEMU is killed at every step of making a drive independent of its backing file, of a
# VM that is stopped or runs, with or without overlays: the next command finds that the image and the
# definition both name it, or neither does; what the drive shows is the same, and it can be done again.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-img qemu-io strace

qemu-img create -q -f qcow2 base.qcow2 4M
qemu-io -f qcow2 -c 'write -q -P 1 0 1M' -c 'write -q -P 2 3M 64k' base.qcow2
base=$(md5sum <base.qcow2)
# make [KEY]: another drive on it.
make() {
    rm -rf disk.qcow2*
    qemu-img create -q -f qcow2 -o extended_l2=on,cluster_size=65536 -b base.qcow2 -F qcow2 disk.qcow2
    qemu-io -f qcow2 -c 'write -q -P 3 64k 4k' disk.qcow2
    vm_yaml vm <<END
storage:
- {name: hdd, type: qcow2, file: disk.qcow2, backing_file: base.qcow2, backing_format: qcow2$1}
END
    expect 0 maqet add vm.yaml
    expect 0 maqet start vm
    if [ "$1" ]; then expect 0 maqet snapshot vm create hdd one --live; fi
    top=$(find disk.qcow2* -name '[1d]*.qcow2' | tail -1)
    put 1
    [ "$state" = running ] || expect 0 maqet stop vm --timeout 0 --force
}
number=0
# put NUMBER: as a guest would; into what nobody else has, and into what the backing file has, too.
put() {
    number=$1
    for at in 2048 $((512 + number * 4)); do
        expect 0 maqet qmp vm human-monitor-command \
            "{\"command-line\": \"qemu-io -d /machine/peripheral/hdd/virtio-backend \\\"write -P $number ${at}k 4k\\\"\"}"
        same '""' "$(cat out)" "$what: QEMU's answer"
    done
    expect 0 maqet qmp vm human-monitor-command \
        '{"command-line": "qemu-io -d /machine/peripheral/hdd/virtio-backend flush"}'
}
is_running() { [ "$(vm_status vm)" = running ]; }
flat=false
whole() {
    local in_image=true in_definition=true
    [ ! -e data/vms/vm/pending.json ] || fail "$what: the job is pending"
    qemu-img info -U disk.qcow2 | grep -q 'backing file' || in_image=false
    grep -q backing_file data/vms/vm/vm.json || in_definition=false
    same $in_image $in_definition "$what: the image names a backing file, and the definition"
    flat=true
    if $in_image; then flat=false; fi
    same "$base" "$(md5sum <base.qcow2)" "$what: the backing file"
    qemu-img convert -U -f qcow2 -O raw "$top" got.raw
    ! qemu-io -r -f raw -c 'read -P 1 0 64k' -c 'read -P 3 64k 4k' -c 'read -P 1 68k 444k' -c 'read -P 2 3M 64k' \
        -c "read -P $number 2M 4k" -c "read -P $number $((512 + number * 4))k 4k" got.raw | grep failed >&2 ||
        fail "$what: something is lost"
    if [ "$top" != disk.qcow2 ]; then
        same 444 "$(stat -c %a disk.qcow2)" "$what: permissions of a frozen file"
        same 1 "$(grep -c '"checksum"' disk.qcow2.maqet/tree.json)" "$what: what is in the frozen file is known"
    fi
}
goes_on() {
    if is_running; then
        expect 0 maqet qmp vm query-named-block-nodes
        ! grep '"maqet-flatten' out || fail "$what: a node is left"
        expect 0 maqet qmp vm query-jobs
        ! grep '"id"' out || fail "$what: a job is left"
        find "/proc/$(vm_pid vm)/fd" -type l -printf '%l\n' >open
        if $flat; then ! grep -q base.qcow2 open || fail "$what: QEMU has the backing file open"; fi
        put $((number + 1))
        whole
        return
    fi
    expect 0 maqet start vm
    [ "$state" = running ] || expect 0 maqet stop vm --timeout 0 --force
    whole
}

# Every so many steps; MAQET_TEST_STRIDE=1 kills it at each.
stride=${MAQET_TEST_STRIDE:-8}
kills=0 completed=0
killed() { # CODE
    [ "$1" -eq 137 ] || { [ "$victim" != maqet ] && [ "$1" -lt 126 ]; } || { cat err; fail "$what: exit code $1"; }
    kills=$((kills + 1))
    expect 0 maqet recover vm
    whole
    if $flat; then completed=$((completed + 1)); fi
}
again() {
    expect 0 maqet stop vm --timeout 0 --force
    expect 0 maqet rm vm --force --yes
    make "$keys"
}
for state in stopped running; do
    for keys in '' ', snapshots: overlay'; do
        what="$state$keys"
        make "$keys"
        for call in rename sendmsg pwrite64; do
            victim=maqet
            [ $call != pwrite64 ] || victim=tool
            case $state.$call in stopped.sendmsg | running.pwrite64) continue ;; esac
            step=$((kills % stride))
            while :; do
                step=$((step + stride))
                [ $call = sendmsg ] || step=$((step - stride + 1)) # there are few
                what="$state$keys, $victim killed at $call $step"
                code=0
                if [ $victim = maqet ]; then
                    traced $call "signal=KILL:when=$step" flatten vm hdd >out 2>err || code=$?
                else
                    ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o trace -e "trace=$call" \
                        -e "inject=$call:signal=KILL:when=$step" "$MAQET" flatten vm hdd >out 2>err || code=$?
                fi
                [ $code -ne 0 ] || break
                killed $code
                goes_on
                if $flat; then again; fi
                [ $step -lt 60 ] || fail "$what: too many steps"
            done
            whole
            $flat || fail "$what: it stands on its backing file"
            goes_on
            again
        done
        expect 0 maqet stop vm --timeout 0 --force
        expect 0 maqet rm vm --force --yes
    done
done
echo "killed $kills times, completed $completed times"
[ $kills -ge 15 ] || fail "hardly ever killed"
if [ $completed -lt 3 ] || [ $completed -ge $kills ]; then fail "always or hardly ever completed"; fi

# QEMU ends as well, while maqet is at it.
state=running keys=''
make "$keys"
for step in 6 10 14 18 22; do
    what="QEMU and maqet killed at $step"
    code=0
    pid=$(vm_pid vm)
    traced sendmsg "signal=KILL:when=$step" flatten vm hdd >out 2>err || code=$?
    kill -KILL "$pid"
    eventually 20 process_ended "$pid"
    expect 0 maqet recover vm
    whole
    expect 0 maqet start vm
    goes_on
    if $flat; then again; fi
done
