#!/bin/sh
# SPDX-License-Identifier: MIT
# The test guest and guest-console do what the tests rely on. No maqet: QEMU alone.
. "${srcdir:-.}/tests/functional/guest-functions.sh"

# start MACHINE [ARGUMENT...]: QEMU, whose QMP reads what is written to descriptor 3.
start() {
    socket=$TMP/$1.serial
    mkfifo "$TMP/$1.qmp"
    exec 3<>"$TMP/$1.qmp"
    machine=$1
    shift
    qemu-system-x86_64 -accel tcg -machine "$machine" -m 256 -nodefaults -display none -no-reboot \
        -serial "unix:$socket,server=on,wait=off" -qmp stdio \
        -kernel "$KERNEL" -initrd "$INITRD" -append "$GUEST_APPEND" "$@" <&3 >"$TMP/$machine.log" 2>&1 &
    qemu=$!
    cleanup_fn "kill $qemu 2>/dev/null"
    guest_wait "$socket" || fail "the guest does not answer"
}

press_power_button() {
    echo '{"execute":"qmp_capabilities"} {"execute":"system_powerdown"}' >&3
    status=0
    wait "$qemu" || status=$?
    same 0 "$status" "exit code of QEMU"
}

expect 120 guest_run "$TMP/nothing" true
expect 122 guest_run "$TMP/nothing" --timeout soon true

start q35
same foo "$(guest_run "$socket" 'printf foo')"
printf 'a\r\n\000\001\377\023' >wanted
guest_run "$socket" 'printf "a\r\n\000\001\377\023"' >got
cmp wanted got
same 'a \n b' "$(guest_run "$socket" 'echo "a \n
b" | tr "\n" " "' | sed 's/ $//')" "a command of two lines"
expect 7 guest_run "$socket" 'exit 7'
same "out err" "$(guest_run "$socket" 'echo out; echo err >&2' | xargs)"
same 20001 "$(guest_run "$socket" "echo $(head -c 20000 /dev/zero | tr '\0' x) | wc -c")"
same "" "$(guest_run "$socket" cat)" "what a command reads"
# However slow the guest is, there is a time in which it says the first word; the command takes
# twice that, so the second one is too late.
seconds=1
until
    expect 121 guest_run "$socket" --timeout "$seconds" "echo soon; sleep $((2 * seconds)); echo late"
    grep -q soon out
do
    seconds=$((seconds * 2))
    [ "$seconds" -le "$(patience 64)" ] || fail "a command that takes long printed nothing"
done
same next "$(guest_run "$socket" 'echo next')" "output after a timeout"
mkdir -p "$(printf '%0100d/%0100d' 0 0)"
ln -s "$socket" "$(printf '%0100d/%0100d/socket' 0 0)"
same far "$(guest_run "$(printf '%0100d/%0100d/socket' 0 0)" 'echo far')"
press_power_button
expect 120 guest_run "$socket" true

# A guest can be made to ignore the button, and can end by itself.
start pc
# shellcheck disable=SC2016 # for the guest's shell
guest_run "$socket" 'kill $(cat /run/power-button)'
echo '{"execute":"qmp_capabilities"} {"execute":"system_powerdown"}' >&3
eventually 10 grep -q POWERDOWN "$TMP/pc.log"
# Whoever waited for the event has got it, and done nothing.
same alive "$(guest_run "$socket" 'while pidof head >/dev/null; do sleep 0.1; done; echo alive')"
# The command may end before the guest does, and be told of.
expect 120 guest_run "$socket" "poweroff; sleep 1000"
wait "$qemu"
