#!/bin/sh
# SPDX-License-Identifier: MIT
# The units of systemd: systemd has nothing to say against them, they give a machine the time to
# stop that maqet takes, they can be left out, and a machine runs by their commands.
. "${srcdir:-.}/tests/functional/functions.sh"
VM_BOOTS=yes
. "${srcdir:-.}/tests/functional/unit-functions.sh"
: "${CC:=cc}"
requires make "${CC%% *}"
qemu_required
umask 022
install_units

bindir=$(find "$TMP/root" -name maqet -path '*/bin/*' -exec dirname {} \;)
for unit in "$system_unit" "$user_unit"; do
    ! grep -q '@[A-Z]*@' "$unit" || fail "$unit has a place that was not filled in"
    timeout=$(setting "$unit" Environment | sed -n 's/^STOP_TIMEOUT=//p')
    # What --force adds is 3 s for QEMU to flush its images.
    [ "$(setting "$unit" TimeoutStopSec)" -gt $((timeout + 10)) ] ||
        fail "$unit: QEMU would be killed while maqet waits for the guest"
    same "WantedBy=$([ "$unit" = "$user_unit" ] && echo default || echo multi-user).target" \
        "$(grep ^WantedBy= "$unit")"
done
# They differ in nothing but what there is of a system.
sed -n '/^\[Service\]/,/^\[Install\]/p' "$user_unit" >user
sed -n '/^\[Service\]/,/^\[Install\]/p' "$system_unit" | grep -v ^Slice= >system
diff -u user system || fail "the two units differ"

if command -v systemd-analyze >/dev/null 2>&1; then
    for unit in "$system_unit" "$user_unit"; do
        manager=$(basename "$(dirname "$unit")")
        mkdir "$manager.d"
        sed "s|${bindir#"$TMP/root"}/|$bindir/|g" "$unit" >"$manager.d/maqet@.service"
        expect 0 env XDG_RUNTIME_DIR="$TMP" systemd-analyze verify "--$manager" --man=no \
            "$TMP/$manager.d/maqet@my-vm_1.0.service"
        err_lacks maqet@
        # It does say what is wrong.
        sed -i 's/^KillMode=.*/KillMode=some/; s|^ExecStart=.*|ExecStart=/nowhere|' "$manager.d/maqet@.service"
        env XDG_RUNTIME_DIR="$TMP" systemd-analyze verify "--$manager" --man=no \
            "$TMP/$manager.d/maqet@my-vm_1.0.service" 2>err || :
        err_has "kill mode"
    done
fi

# Without them. Sources that were built where they are cannot be built elsewhere.
if [ ! -e "$abs_top_srcdir/config.status" ]; then
    mkdir without
    (cd without && expect 0 "$abs_top_srcdir/configure" -q --disable-tests --prefix=/usr \
        --with-systemdsystemunitdir=no --with-systemduserunitdir=/units/of/users)
    expect 0 make -C without -n install-data
    ! grep -q 'systemd/system' out || fail "the unit for the system would be installed"
    out_has /units/of/users
fi

# A manager that listens, and tells what it hears.
cat >manager.c <<'END'
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
int
main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char heard[256];
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    strncpy(address.sun_path, argv[argc - 1], sizeof(address.sun_path) - 1);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return 1;
    for (;;) {
        ssize_t length = recv(fd, heard, sizeof(heard), 0);
        printf("%.*s\n", (int)length, heard);
        fflush(stdout);
    }
}
END
expect 0 "${CC%% *}" -o manager manager.c
./manager "$TMP/notify" >heard &
listener=$!
cleanup_fn "kill $listener"
eventually 20 test -S notify

# Ready is what runs, and only that: a start that fails is no start.
vm_yaml my-vm_1.0 </dev/null
sed 's/^name: .*/name: broken/; $a arguments: [{device: no-such-device}]' my-vm_1.0.yaml >broken.yaml
expect 0 maqet add my-vm_1.0.yaml
expect 0 maqet add broken.yaml
code=0
(NOTIFY_SOCKET=$TMP/notify as_systemd "$system_unit" ExecStart broken) >out 2>err || code=$?
same 1 "$code" "the exit code of a start that fails"
[ ! -s heard ] || fail "it is said to be ready"
code=0
(as_systemd "$system_unit" ExecStart nobody) >out 2>err || code=$?
setting "$system_unit" RestartPreventExitStatus | grep -qw "$code" ||
    fail "a machine that is not there would be started again and again"

(NOTIFY_SOCKET=$TMP/notify as_systemd "$system_unit" ExecStart my-vm_1.0) >main.out 2>main.err &
main=$!
eventually 60 grep -qx READY=1 heard
same running "$(vm_status my-vm_1.0)"
kill -0 "$main" || fail "the main process has gone"

# One that had to be killed is no failure either: the service would bring the machine back.
debugged my-vm_1.0
expect 0 maqet stop my-vm_1.0 --timeout 0 --force
code=0
wait "$main" || code=$?
same 0 "$code" "the exit code of a service whose QEMU was killed on demand"
(NOTIFY_SOCKET=$TMP/notify as_systemd "$system_unit" ExecStart my-vm_1.0) >main.out 2>main.err &
main=$!
eventually 60 sh -c "[ \"\$(grep -cx READY=1 heard)\" -eq 2 ]"

# What has ended by itself is not stopped once more: this may be a maqet that starts it anew.
expect 0 maqet stop my-vm_1.0 --timeout 0 --force
code=0
wait "$main" || code=$?
same 0 "$code" "the exit code of a service whose machine was stopped"
expect 0 maqet start my-vm_1.0
pid=$(vm_pid my-vm_1.0)
for unit in "$system_unit" "$user_unit"; do
    (SERVICE_RESULT=success as_systemd "$unit" ExecStop my-vm_1.0) >out 2>err ||
        fail "ExecStop of $unit failed"
    same "$pid" "$(vm_pid my-vm_1.0)" "QEMU after the machine had ended by itself"
done
