#!/bin/sh
# SPDX-License-Identifier: MIT
# maqet, or QEMU, is killed at every step of moving and converting the image of a drive of a VM that runs:
# the guest runs on, without another command; the drive is on one of both images, in QEMU as in the
# definitions, what is written then reaches that image, and nothing is left of the other one. The same of a
# drive with overlays, of which QEMU copies the topmost one.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io strace

mkdir other
vm_yaml vm <<EOF
storage:
  - {name: hdd, type: raw, size: 4M, file: hdd.raw}
  - {name: disk, type: raw, size: 4M, file: disk.raw, snapshots: overlay}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm

drive=hdd
path_of() {
    grep -o "\"$TMP/[^\"]*${drive}[^\"]*\"" "$1" | tr -d '"' | sed 's,\\/,/,g'
}
# put NUMBER [PLACE]: as a guest would.
put() {
    expect 0 maqet qmp vm human-monitor-command \
        "{\"command-line\": \"qemu-io -d /machine/peripheral/$drive/virtio-backend \\\"write -P $1 ${2:-0} 64k\\\"\"}"
    out_lacks "rror"
    expect 0 maqet qmp vm human-monitor-command \
        "{\"command-line\": \"qemu-io -d /machine/peripheral/$drive/virtio-backend flush\"}"
}
number=1
put $number
drive=disk
put 201 1M
expect 0 maqet snapshot vm create disk one --live
put 202 2M
expect 0 maqet snapshot vm create disk two --live
drive=hdd
# The file that the guest writes to, and its format.
written_file() {
    if [ $drive = hdd ]; then
        echo "-f ${image##*.} $image"
    else
        echo "-f qcow2 $image.maqet/$(sed -n 's/^  "top":\([0-9]*\),*$/\1/p' "$image.maqet/tree.json").qcow2"
    fi
}
# Each time, another number is written.
whole() {
    [ ! -e data/vms/vm/pending.json ] || fail "$what: the job is pending"
    image=$(path_of data/vms/vm/vm.json)
    [ "$(vm_status vm)" != running ] || same "$image" "$(path_of run/vm/vm.json)" "$what: the running definition"
    files=$image
    reads=
    if [ $drive = disk ]; then
        files=$(printf '%s\n' "$image" "$image.maqet")
        reads="read -P 201 1M 64k;read -P 202 2M 64k"
        same "1.qcow2 3.qcow2 tree.json" "$(cd "$image.maqet" && find . ! -name . | sed 's,^./,,' | LC_ALL=C sort | xargs)" \
            "$what: the overlays"
    fi
    same "$files" "$(find "$TMP" \( -name "$drive.*" -o -name ".$drive*" \) ! -path "$TMP/data/*" ! -path "$TMP/run/*" |
        LC_ALL=C sort)" "$what: the images"
    grep -qF "\"$image\"" data/vms/vm/images.json || fail "$what: $image is not recorded"
    # shellcheck disable=SC2046 # words
    printf '%s\n' "read -P $number 0 64k;$reads" | tr ';' '\n' |
        qemu-io -r -U $(written_file) >read.out 2>&1 || fail "$what: $(cat read.out)"
    ! grep failed read.out || fail "$what: the content is lost"
}
goes_on() {
    same running "$(vm_status vm)" "$what: the guest"
    expect 0 maqet qmp vm query-named-block-nodes
    ! grep "\"maqet-move\." out || fail "$what: a node is left"
    expect 0 maqet qmp vm query-jobs
    ! grep '"id"' out || fail "$what: a job is left"
    expect 0 maqet qmp vm query-fdsets
    ! grep "maqet-move" out || fail "$what: a descriptor is left"
    number=$((number % 200 + 1))
    put $number
    whole
}

# Every so many steps; MAQET_TEST_STRIDE=1 kills it at each.
stride=${MAQET_TEST_STRIDE:-7}
kills=0
undone=0
paused=0
is_running() {
    [ "$(vm_status vm)" = running ]
}
killed() {
    kills=$((kills + 1))
    if grep -q 'execute.*stop' trace; then paused=$((paused + 1)); fi
    # No command is needed for the guest to run on.
    note_step "$what: the guest is resumed"
    eventually 20 is_running
    expect 0 maqet recover vm
    whole
    [ "$before" != "$image" ] || undone=$((undone + 1))
}
sweep() {
    call=$1
    step=$((kills % stride))
    while :; do
        step=$((step + stride))
        before=$(path_of data/vms/vm/vm.json)
        what="$($2) killed at $call $step"
        code=0
        # shellcheck disable=SC2046
        traced "$call" "signal=KILL:when=$step" $($2) >out 2>err || code=$?
        [ "$code" -eq 137 ] || break
        killed
        goes_on
    done
    [ "$code" -eq 0 ] || { cat err; fail "$what: exit code $code"; }
    what="$what, as a whole"
    whole
    goes_on
}
move() {
    case $(path_of data/vms/vm/vm.json) in */other/*) echo "move vm $drive $TMP" ;; *) echo "move vm $drive other" ;; esac
}
convert() {
    case $(path_of data/vms/vm/vm.json) in *.raw) echo "convert vm hdd qcow2" ;; *) echo "convert vm hdd raw" ;; esac
}
for command in move convert; do
    for call in rename unlink sendmsg; do
        sweep $call $command
    done
done
drive=disk
number=1
put $number
stride=$((stride > 1 ? stride * 2 : 1))
for call in rename unlink sendmsg; do
    sweep $call move
done
echo "killed $kills times, $paused times after the guest was paused; undone $undone times"
[ "$paused" -ge 2 ] || fail "hardly ever killed while the guest was paused"
[ "$kills" -ge 10 ] || fail "hardly ever killed"
[ "$undone" -ge 3 ] && [ "$undone" -lt "$kills" ] || fail "always or hardly ever undone"

# QEMU ends as well, or instead.
for victim in both qemu both-disk; do
    drive=hdd
    steps="6 12 18 24 30"
    if [ $victim = both-disk ]; then
        victim=both
        drive=disk
        steps="12 26"
    fi
    number=$((number % 200 + 1))
    put $number
    for step in $steps; do
        before=$(path_of data/vms/vm/vm.json)
        what="$(move), $victim killed at $step"
        code=0
        pid=$(vm_pid vm)
        if [ $victim = both ]; then
            # shellcheck disable=SC2046
            traced sendmsg "signal=KILL:when=$step" $(move) >out 2>err || code=$?
            kill -9 "$pid"
        else
            # shellcheck disable=SC2046
            traced sendmsg "signal=STOP:when=$step" $(move) >out 2>err &
            traced_pid=$!
            eventually 30 sh -c "grep -qs STOPPED '$TMP/trace' || grep -qs 'stopped by SIGSTOP' '$TMP/trace' || ! kill -0 $traced_pid 2>/dev/null"
            kill -9 "$pid"
            # It is a child of strace, which is one of a shell.
            for tracer in $(pgrep -P "$traced_pid") "$traced_pid"; do
                pkill -CONT -P "$tracer" || :
            done
            wait "$traced_pid" || code=$?
        fi
        eventually 20 sh -c "! kill -0 $pid 2>/dev/null"
        expect 0 maqet recover vm
        whole
        expect 0 maqet start vm
        goes_on
    done
done
