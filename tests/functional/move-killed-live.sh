#!/bin/sh
# SPDX-License-Identifier: MIT
# maqet, or QEMU, is killed at every step of moving and converting the image of a drive of a VM that runs:
# the guest runs on, without another command; the drive is on one of both images, in QEMU as in the
# definitions, what is written then reaches that image, and nothing is left of the other one.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io strace

mkdir other
vm_yaml vm <<EOF
storage:
  - {name: hdd, type: raw, size: 4M, file: hdd.raw}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm

path_of() {
    grep -o "\"$TMP/[^\"]*hdd[^\"]*\"" "$1" | tr -d '"' | sed 's,\\/,/,g'
}
# put NUMBER: as a guest would.
put() {
    expect 0 maqet qmp vm human-monitor-command \
        "{\"command-line\": \"qemu-io -d /machine/peripheral/hdd/virtio-backend \\\"write -P $1 0 64k\\\"\"}"
    out_lacks "rror"
    expect 0 maqet qmp vm human-monitor-command '{"command-line": "qemu-io hdd flush"}'
}
number=1
put $number
# Each time, another number is written.
whole() {
    [ ! -e data/vms/vm/pending.json ] || fail "$what: the job is pending"
    image=$(path_of data/vms/vm/vm.json)
    [ "$(vm_status vm)" != running ] || same "$image" "$(path_of run/vm/vm.json)" "$what: the running definition"
    same "$image" "$(find "$TMP" \( -name 'hdd*' -o -name '.hdd*' \) ! -path "$TMP/data/*" ! -path "$TMP/run/*")" "$what: the images"
    grep -qF "\"$image\"" data/vms/vm/images.json || fail "$what: $image is not recorded"
    ! qemu-io -r -U -f "${image##*.}" -c "read -P $number 0 64k" "$image" | grep failed ||
        fail "$what: the content is lost"
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
    case $(path_of data/vms/vm/vm.json) in */other/*) echo "move vm hdd $TMP" ;; *) echo "move vm hdd other" ;; esac
}
convert() {
    case $(path_of data/vms/vm/vm.json) in *.raw) echo "convert vm hdd qcow2" ;; *) echo "convert vm hdd raw" ;; esac
}
for command in move convert; do
    for call in rename unlink sendmsg; do
        sweep $call $command
    done
done
echo "killed $kills times, $paused times after the guest was paused; undone $undone times"
[ "$paused" -ge 2 ] || fail "hardly ever killed while the guest was paused"
[ "$kills" -ge 10 ] || fail "hardly ever killed"
[ "$undone" -ge 3 ] && [ "$undone" -lt "$kills" ] || fail "always or hardly ever undone"

# QEMU ends as well, or instead.
for victim in both qemu; do
    for step in 6 12 18 24 30; do
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
