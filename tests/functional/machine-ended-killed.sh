#!/bin/sh
# SPDX-License-Identifier: MIT
# maqet is killed at every step of a start and of a stop, and QEMU at any time: plugins are told of
# the end once for each life, again only if that was what was killed, and before the next life.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires strace
MAQET_PLUGIN_PATH="$abs_top_builddir/tests/plugins/.libs${MAQET_PLUGIN_PATH:+:$MAQET_PLUGIN_PATH}"
export MAQET_PLUGIN_PATH

vm_yaml vm <<END
storage:
  - {name: one, type: each, log: calls}
  - {name: two, type: each, log: calls}
END
expect 0 maqet add vm.yaml
halt() {
    expect 0 maqet stop vm --timeout 0 --force
}

# No life begins before the one before has ended, and none is left.
check_lives() {
    for drive in one two; do
        awk -v drive="$drive" '
            $1 != drive { next }
            $2 == "create" { if (lives) exit 1; lives = 1 }
            $2 == "finished" { lives = 0 }
            END { exit lives }' calls || { cat calls; fail "$what: the lives of drive $drive"; }
    done
    [ ! -e data/vms/vm/ended.json ] || fail "$what: something is still due"
    left=$(find data/vms/vm -type f -path '*/drives/*')
    [ -z "$left" ] || fail "$what: something is left: $left"
}
# times DRIVE CALLBACK
times() {
    grep -c "^$1 $2$" calls || :
}

kills=0
for call in write rename unlink mkdir clone; do
    step=0
    while :; do
        step=$((step + 1))
        what="start killed at $call $step"
        : >calls
        code=0
        traced $call "signal=KILL:when=$step" start vm >out 2>err || code=$?
        [ "$code" -eq 137 ] || break
        kills=$((kills + 1))
        # The next one is a start on every other time.
        if [ $((step % 2)) -eq 0 ] && [ "$(vm_status vm)" != running ] && [ "$(vm_status vm)" != paused ]; then
            expect 0 maqet start vm
        fi
        halt
        check_lives
        halt
        for drive in one two; do
            created=$(times $drive create)
            finished=$(times $drive finished)
            [ "$finished" -le $((created + 1)) ] ||
                { cat calls; fail "$what: told $finished times of $created lives"; }
        done
    done
    [ "$code" -eq 0 ] || { cat err; fail "$what: exit code $code"; }
    halt
done
echo "killed $kills times in a start"
[ "$kills" -ge 20 ] || fail "hardly ever killed"

kills=0
for call in write rename unlink; do
    step=0
    while :; do
        step=$((step + 1))
        what="stop killed at $call $step"
        : >calls
        expect 0 maqet start vm
        pid=$(vm_pid vm)
        kill -9 "$pid"
        eventually 20 process_ended "$pid"
        # Sometimes the host has rebooted as well.
        [ $((step % 2)) -eq 0 ] || rm -r run
        code=0
        traced $call "signal=KILL:when=$step" recover vm >out 2>err || code=$?
        [ "$code" -eq 137 ] || break
        kills=$((kills + 1))
        expect 0 maqet recover vm
        check_lives
        for drive in one two; do
            [ "$(times $drive finished)" -le 2 ] || { cat calls; fail "$what: told too often"; }
        done
        # At most one of them was being told.
        [ $(($(times one ended) + $(times two ended))) -le 3 ] ||
            { cat calls; fail "$what: both were told again"; }
    done
    [ "$code" -eq 0 ] || { cat err; fail "$what: exit code $code"; }
    what="a stop that was not killed"
    check_lives
    same 1 "$(times one ended)" "times that one was told"
    same 1 "$(times two ended)" "times that two was told"
done
echo "killed $kills times in a stop"
[ "$kills" -ge 10 ] || fail "hardly ever killed"
