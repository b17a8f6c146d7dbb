#!/bin/sh
# SPDX-License-Identifier: MIT
# The terminal of somebody who is connected to a console, and what a console is connected to. The
# guest is QEMU's firmware; nothing boots.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires script stty

vm_yaml vm </dev/null
expect 0 maqet add vm.yaml
expect 0 maqet start vm
keeper() {
    cut -d ' ' -f 1 run/vm/keeper
}
same maqet-console "$(cat "/proc/$(keeper)/comm")" "the keeper's process"

# console CODE ACTION: the command on a terminal of its own, whose screen goes to the file screen.
# When it is connected, the action happens, with its PID as $1 and what is typed as descriptor 3.
# The terminal is as it was afterwards.
cat >inside <<'END'
stty -a >before
sh -c 'echo $$ >pid; exec "$MAQET" console vm' && code=0 || code=$?
stty -a >after
echo $code >code
END
export MAQET
console() {
    rm -f before after code pid screen keys
    mkfifo keys
    TERM=vt100 script -qefc "sh $TMP/inside" screen >/dev/null <keys &
    script=$!
    exec 3>keys
    eventually 30 grep -q 'Ctrl-] leaves it' screen
    eventually 30 sh -c 'stty -a -F "/proc/$(cat pid)/fd/0" | grep -q -- -icanon'
    sh -c "$2" action "$(cat pid)" >&3
    wait $script || :
    exec 3>&-
    same "$1" "$(cat code)" "the exit code after: $2"
    same "$(cat before)" "$(cat after)" "the terminal after: $2"
}
console 0 'printf "text\035"'
console 143 'kill $1'
console 129 'kill -HUP $1'
console 131 'kill -QUIT $1'
console 139 'ulimit -c 0; kill -SEGV $1'
console 0 "'$MAQET' -q stop vm --timeout 0 --force"
grep -q "VM 'vm' has ended" screen || { cat screen >&2; fail "nothing is said of the end"; }

# Two at a time; one that is gone does not matter.
expect 0 maqet start vm
"$MAQET" console vm <keys >one &
one=$!
exec 3>keys
expect 0 maqet console vm --quiet-for 0.1 </dev/null
kill $one
exec 3>&-
expect 0 maqet console vm --quiet-for 0.1 </dev/null

# The keeper is killed: QEMU goes on, and the command says what to do.
kill -9 "$(keeper)"
eventually 10 sh -c "'$MAQET' console vm </dev/null 2>err; grep -q 'was killed' err"
err_has "VM 'vm' is running without a console"
err_has "maqet stop vm"
same running "$(vm_status vm)"
expect 0 maqet restart vm --timeout 0 --force
expect 0 maqet console vm --quiet-for 0.1 </dev/null

# QEMU is killed, and the keeper ends; the next start has all that it needs.
pid=$(keeper)
kill -9 "$(vm_pid vm)"
eventually 10 process_ended "$pid"
expect 0 maqet start vm
expect 0 maqet console vm --quiet-for 0.1 </dev/null
same 4 "$(grep -c 'was started' data/vms/vm/console.log)" "marks"
expect 0 maqet logs vm --qemu
expect 0 maqet stop vm --timeout 0 --force
expect 3 maqet console vm
err_has "VM 'vm' is not running"

# The log is no part of a snapshot: it stays as it is when the drives are reverted, and its owner's alone.
vm_yaml kept <<'END'
storage:
  - {name: disk, size: 1M, file: kept.qcow2}
END
expect 0 maqet add kept.yaml
expect 0 maqet start kept
expect 0 maqet stop kept --timeout 0 --force
expect 0 maqet snapshot kept create --all before
expect 0 maqet start kept
expect 0 maqet stop kept --timeout 0 --force
cp data/vms/kept/console.log logged
expect 0 maqet snapshot kept load --all before --yes
cmp logged data/vms/kept/console.log || fail "the log was reverted"
expect 0 maqet start kept
expect 0 maqet stop kept --timeout 0 --force
same 3 "$(grep -c 'was started' data/vms/kept/console.log)" "marks after a load"
same 600 "$(stat -c %a data/vms/kept/console.log)" "the log's mode"

# The user's arguments win, and the command finds what they connect the port to: sockets, a named
# character device, a terminal. So does a run, for its command, unless it is a socket, which only one QEMU can have.
connects() { # NAME LINE...
    vm_yaml "$1" <<END
storage:
  - {name: disk, size: 1M, file: $1.qcow2}
arguments:
$(shift; printf '  - %s\n' "$@")
END
    expect 0 maqet add "$1.yaml"
    expect 0 maqet start "$1"
    [ ! -e "run/$1/console.sock" ] || fail "maqet has taken the port of $1"
    expect 0 maqet console "$1" --quiet-for 0.1 </dev/null
    expect 3 maqet logs "$1"
    err_has "VM '$1' has no log of its console"
    expect 0 maqet checkpoint "$1" create here
    expect 0 maqet stop "$1" --timeout 0 --force
    if [ "$1" = pty ]; then
        # shellcheck disable=SC2016 # for the command's shell
        expect 0 maqet run "$1" --from here --discard -- sh -c 'stty -F "$MAQET_CONSOLE"'
    else
        expect 125 maqet run "$1" --from here --discard -- true
        err_has "which its forks would have, too"
    fi
}
connects socket "serial: \"unix:$TMP/one.sock,server=on,wait=off\""
connects relative "serial: \"unix:two.sock,server=on,wait=off\""
connects named "chardev: \"socket,id=mine,path=$TMP/three.sock,server=on,wait=off\"" "serial: chardev:mine"
connects device "chardev: \"socket,id=mine,path=$TMP/four.sock,server=on,wait=off\"" \
    "device: \"isa-serial,chardev=mine\""
connects pty "serial: pty"
# What is no socket any more is not opened, whatever it has become.
expect 0 maqet start socket
for become in 'touch one.sock' 'mkfifo one.sock' 'ln -s /dev/null one.sock'; do
    rm one.sock
    $become
    expect 3 maqet console socket --quiet-for 0.1 </dev/null
    err_has "is neither a socket nor a terminal"
done
expect 0 maqet stop socket --timeout 0 --force

# None at all.
without() { # NAME LINE...
    name=$1
    shift
    vm_yaml "$name" <<END
$(printf '%s\n' "$@")
END
    expect 0 maqet add "$name.yaml"
    expect 0 maqet start "$name"
    [ ! -e "run/$name/console.sock" ] || fail "maqet has taken the port of $name"
    expect 3 maqet console "$name"
    err_has "VM '$name' has no serial port that one can connect to"
    expect 0 maqet stop "$name" --timeout 0 --force
}
without none 'serial: none'
without nographic 'arguments: [nographic]'
expect 0 maqet args nographic
out_has '-serial mon:stdio'
without file 'arguments: ["serial": "file:serial.log"]'
expect 3 maqet validate - --name x <<END
serial: pty
END
err_has "console, none"

# On ARM, too, where QEMU's own processor cannot run the firmware: the log has its first words.
if command -v qemu-system-aarch64 >/dev/null && [ -e /usr/share/qemu/firmware/60-edk2-aarch64.json ]; then
    vm_yaml arm <<'END'
firmware: uefi
storage:
  - {name: disk, size: 1M, file: arm.qcow2}
END
    sed -i 's/qemu-system-x86_64/qemu-system-aarch64/; s/64M/256M/' arm.yaml
    expect 0 maqet add arm.yaml
    expect 0 maqet start arm
    eventually 60 grep -q '^UEFI firmware' data/vms/arm/console.log
    expect 0 maqet console arm --quiet-for 0.1 </dev/null
    expect 0 maqet stop arm --timeout 0 --force
    expect 0 maqet args arm.yaml --set cpu=cortex-a57
    same '-cpu cortex-a57' "$(grep -o -e '-cpu [a-z0-9-]*' out)" "the processor"
fi

# A key that `arguments` overrule is mentioned.
vm_yaml both <<END
serial: console
arguments: ["serial": none]
END
expect 0 maqet add both.yaml
expect 0 maqet args both
err_has "'serial' is ignored"

# A machine that was added before machines had a console by default stays as it was, and gets one
# if its file says so.
vm_yaml old </dev/null
expect 0 maqet add old.yaml
sed -i '/"defaults"/d' data/vms/old/vm.json
expect 0 maqet args old
! grep -q 'id=maqet-console' out || fail "an earlier machine was changed"
vm_yaml old <<END
serial: console
END
expect 0 maqet apply old old.yaml
expect 0 maqet start old
expect 0 maqet console old --quiet-for 0.1 </dev/null
