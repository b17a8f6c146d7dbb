#!/bin/sh
# SPDX-License-Identifier: MIT
# A machine as a service of systemd's: its guest powers off by itself, whether the service is
# stopped by the unit's command or its main process is told to end, and that is no failure.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
. "${srcdir:-.}/tests/functional/unit-functions.sh"
requires make
umask 022
install_units

guest_yaml vm q35 </dev/null
sed -i '/^storage:/d' vm.yaml
expect 0 maqet add vm.yaml

# start UNIT: as a service, and waits for the guest; its main process is $main.
start() {
    (as_systemd "$1" ExecStart vm) >main.out 2>main.err &
    main=$!
    eventually 60 test -S vm.serial
    guest_wait "$TMP/vm.serial" || fail "the guest does not answer"
}
# ended: the service is over, and nothing is wrong with it.
ended() {
    code=0
    wait "$main" || code=$?
    same 0 "$code" "the exit code of the service"
    ! grep 'terminating on signal' main.err || fail "QEMU was ended before the guest"
    same stopped "$(vm_status vm)"
    rm -f vm.serial
}

for unit in "$system_unit" "$user_unit"; do
    start "$unit"
    (MAINPID=$main SERVICE_RESULT=success as_systemd "$unit" ExecStop vm) >out 2>err ||
        fail "ExecStop of $unit failed"
    ended
    expect 0 maqet --format plain ls
done

start "$system_unit"
kill -TERM "$main"
ended

# When the main process was killed, its QEMU is stopped in order all the same.
start "$system_unit"
pid=$(vm_pid vm)
kill -KILL "$main"
wait "$main" || :
same "$pid" "$(vm_pid vm)" "QEMU after its maqet was killed"
(SERVICE_RESULT=signal as_systemd "$system_unit" ExecStop vm) >out 2>err ||
    fail "ExecStop failed"
! grep 'terminating on signal' main.err || fail "QEMU was ended before the guest"
same stopped "$(vm_status vm)"
