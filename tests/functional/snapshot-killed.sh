#!/bin/sh
# SPDX-License-Identifier: MIT
# maqet is killed at every step of what changes snapshots: before and after each thing that it
# tells QEMU, each qemu-img that it runs, each file that it writes. The next command (recover
# does nothing else) puts it right: all drives or none, the old state or the new one, and sound
# images.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io strace

vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 4M, file: hdd.qcow2}
  - {name: data, type: qcow2, size: 4M, file: data.qcow2}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force

# The state from which each attempt begins: 1 is kept as "keep", 2 is there now.
fill hdd.qcow2 1
fill data.qcow2 1
expect 0 maqet snapshot vm create --all keep
fill hdd.qcow2 2
fill data.qcow2 2
mkdir saved
cp hdd.qcow2 data.qcow2 data/vms/vm/snapshots.json saved
begin_anew() {
    expect 0 maqet stop vm --timeout 0 --force
    cp saved/hdd.qcow2 saved/data.qcow2 .
    cp saved/snapshots.json data/vms/vm
}

# The number that an image holds: 1 or 2.
number_in() {
    for number in 1 2; do
        qemu-io -f qcow2 -c "read -P $number 0 64k" "$1" | grep -q failed || echo "$number"
    done
}
# Both drives hold the same, a whole state that there was.
in_step() {
    sound hdd.qcow2 data.qcow2
    now=$(number_in hdd.qcow2)
    [ "$now" ] || fail "$1: hdd holds no state that there was"
    same "$now" "$(number_in data.qcow2)" "$1: what data holds"
}
# tags NAME...: both images have just these snapshots.
tags() {
    for image in hdd.qcow2 data.qcow2; do
        same "$*" "$(qemu-img snapshot -l "$image" | sed 1,2d | awk '{ print $2 }' | sort |
            tr '\n' ' ' | sed 's/ $//')" "$what: snapshots in $image"
    done
}

# What changes files is killed at every second step, and what speaks with QEMU at every fourth one;
# MAQET_TEST_STRIDE=1 kills both at each.
stride_of() {
    case $1 in sendmsg | recvfrom) echo "${MAQET_TEST_STRIDE:-4}" ;; *) echo "${MAQET_TEST_STRIDE:-2}" ;; esac
}
# at_every_step CALL CHECK PREPARE ARGUMENT...: kills maqet at the first CALL, then at a later
# one, until it has come to its end.
at_every_step() {
    call=$1
    check=$2
    prepare=$3
    shift 3
    stride=$(stride_of "$call")
    step=$((1 - stride))
    while :; do
        step=$((step + stride))
        what="$* killed at $call $step"
        begin_anew
        [ -z "$prepare" ] || expect 0 maqet $prepare vm
        code=0
        traced "$call" "signal=KILL:when=$step" snapshot vm "$@" >out 2>err || code=$?
        [ "$code" -ne 0 ] || break
        [ "$code" -eq 137 ] || { cat err >&2; fail "$what: exit code $code"; }
        kills=$((kills + 1))
        # A kill before the operation was begun, or after its end, needs no repair.
        [ ! -e data/vms/vm/pending.json ] || pending=$((pending + 1))
        # The recovery is killed as well, before it says that it is done.
        code=0
        traced unlink "signal=KILL:when=1" recover vm >out 2>err || code=$?
        [ "$code" -eq 137 ] || [ "$code" -eq 0 ] ||
            { cat err >&2; fail "$what: exit code $code of recover"; }
        expect 0 maqet recover vm
        [ ! -e data/vms/vm/pending.json ] || fail "$what: still pending"
        expect 0 maqet snapshot vm list
        $check
    done
    [ "$step" -gt 1 ] || fail "$* was never killed at $call"
}

stopped() {
    expect 0 maqet stop vm --timeout 0 --force
    expect 0 maqet recover vm
    expect 0 maqet snapshot vm list
}
check_create() {
    stopped
    in_step "$what"
    if grep -q '^- new' out; then tags keep new; else tags keep; fi
}
# The old one or the new one is there, on both drives, and by its name.
check_overwrite() {
    grep -q '^- keep (' out || { cat out >&2; fail "$what: nothing of that name is listed"; }
    stopped
    tags keep
    expect 0 maqet snapshot vm load --yes --all keep
    in_step "$what"
}
check_load() {
    stopped
    in_step "$what"
    tags keep
}
check_delete() {
    stopped
    in_step "$what"
    if grep -q '^- keep' out; then tags keep; else tags; fi
}

kills=0 pending=0
for call in clone wait4 rename unlink; do
    at_every_step $call check_create '' create --all new
    at_every_step $call check_overwrite '' create --all keep --overwrite
    at_every_step $call check_load '' load --yes --all keep
    at_every_step $call check_delete '' delete --all keep
done
for call in sendmsg recvfrom rename unlink; do
    at_every_step $call check_create start create --all new --live
    at_every_step $call check_overwrite start create --all keep --overwrite --live
    at_every_step $call check_delete start delete --all keep --live
done
for call in pidfd_send_signal clone unlinkat rename unlink; do
    at_every_step $call check_load start load --yes --all keep --live
done
echo "killed $kills times, $pending times in the middle of an operation"
[ "$pending" -ge 40 ] || fail "hardly ever killed in the middle"

# While a machine runs, a stand-in cannot be renamed: it is known by the other's name until it
# can.
begin_anew
expect 0 maqet start vm
step=1
until grep -qs overwrite data/vms/vm/pending.json &&
    ! maqet --format json qmp vm query-named-block-nodes | grep -q '"name": "keep"'; do
    [ ! -e data/vms/vm/pending.json ] || expect 0 maqet recover vm
    traced recvfrom "signal=KILL:when=$step" snapshot vm create --all keep --overwrite --live >out 2>err ||
        :
    step=$((step + 1))
    [ $step -lt 40 ] || fail "the stand-in was never alone"
done
expect 0 maqet recover vm
err_has "the new one was complete under a temporary name"
expect 0 maqet snapshot vm list hdd
err_lacks "interrupted"
out_has '- keep ('
qemu_tags=$(maqet --format json qmp vm query-named-block-nodes)
echo "$qemu_tags" | grep -q '"name": "[.:+_-]eep"' || fail "no stand-in"
expect 3 maqet snapshot vm create hdd keep --live
expect 0 maqet snapshot vm create --all keep --live --overwrite
expect 0 maqet snapshot vm list hdd
same 1 "$(grep -c '^- ' out)" "snapshots of hdd"

# The same, and then the machine stops: the stand-in gets its name in the image, and its
# content stays what it was.
begin_anew
expect 0 maqet start vm
expect 137 traced recvfrom "signal=KILL:when=$((step - 1))" \
    snapshot vm create --all keep --overwrite --live
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet start vm
err_has "the new one was complete under a temporary name"
expect 0 maqet stop vm --timeout 0 --force
what="a stand-in at a start"
tags keep
expect 0 maqet snapshot vm load --yes --all keep
same 2 "$(number_in hdd.qcow2)" "what the stand-in held"
in_step "$what"

# A load that was killed between two drives is finished before the machine is changed, so that
# it is not finished on other images; and before it is forgotten which images they were.
half_loaded() {
    step=0
    until [ -e data/vms/vm/pending.json ] && [ "$(number_in hdd.qcow2)" -ne "$(number_in data.qcow2)" ]; do
        [ ! -e data/vms/vm/pending.json ] || expect 0 maqet recover vm
        begin_anew
        step=$((step + 1))
        expect 137 traced clone "signal=KILL:when=$step" snapshot vm load --yes --all keep
    done
}
half_loaded
sed 's/hdd.qcow2/other.qcow2/' vm.yaml >changed.yaml
qemu-img create -q -f qcow2 other.qcow2 8M
expect 0 maqet apply vm changed.yaml
err_has "load of snapshot 'keep' was interrupted; it has been completed"
what="after a change"
in_step "$what"
tags keep
expect 0 maqet apply vm vm.yaml
half_loaded
expect 0 maqet rm vm --yes
err_has "load of snapshot 'keep' was interrupted; it has been completed"
what="after the removal"
in_step "$what"
tags keep

# A snapshot of the name that somebody made later is not taken for the new one: the stand-in, which
# alone holds what was to be kept, stays. Later means after the operation's end, and what the clocks
# may differ by: that is moved to before the stand-in was made, or a minute would go by.
expect 0 maqet add vm.yaml
step=0
until [ -e data/vms/vm/pending.json ] && qemu-img snapshot -l hdd.qcow2 | grep -q ' [.:+_-]eep ' &&
    ! qemu-img snapshot -l hdd.qcow2 | grep -q ' keep '; do
    [ ! -e data/vms/vm/pending.json ] || expect 0 maqet recover vm
    begin_anew
    step=$((step + 1))
    [ $step -lt 20 ] || fail "the stand-in was never alone"
    traced clone "signal=KILL:when=$step" snapshot vm create hdd keep --overwrite >out 2>err || :
done
sealed() { grep -q '"sealed": *true' data/vms/vm/pending.json; }
eventually 10 sealed
made=$(date +%s)
sed "s/\(\"begun\": *\)[0-9]*/\1$((made - 200))000000000/; s/\(\"interrupted\": *\)[0-9]*/\1$((made - 58))000000000/" \
    data/vms/vm/pending.json >shifted
cat shifted >data/vms/vm/pending.json
until [ "$(date +%s)" -gt $((made + 3)) ]; do
    sleep 1
done
qemu-img snapshot -c keep hdd.qcow2
expect 0 maqet recover vm --finish --yes
same 2 "$(qemu-img snapshot -l hdd.qcow2 | grep -c ' keep ')" 'the new one, which got its name, and the other'
