#!/bin/sh
# SPDX-License-Identifier: MIT
# A program that a plugin has run beside QEMU: what it is given, that it ends with QEMU however
# that ends, and what comes of one that fails. The programs are words of this test for a shell.
# shellcheck disable=SC2016 # they are for that shell
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
MAQET_PLUGIN_PATH="$abs_top_builddir/tests/plugins/.libs${MAQET_PLUGIN_PATH:+:$MAQET_PLUGIN_PATH}"
export MAQET_PLUGIN_PATH

# Those that still run when the test fails go with it.
helpers=''
cleanup_fn '[ -z "$helpers" ] || kill -9 $helpers 2>/dev/null'

# machine [LINE...]: adds the machine "vm" anew; each line is one drive's, without its name.
machine() {
    [ ! -d data/vms/vm ] || expect 0 maqet rm vm --yes
    rm -f given fds ready ended
    number=0
    {
        echo "storage:"
        for line; do
            number=$((number + 1))
            echo "  - {name: drive$number, type: beside, $line}"
        done
    } | vm_yaml vm
    expect 0 maqet add vm.yaml
}
alive() { # PID...
    for pid; do
        case $(sed -n 's/^State:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null) in
        '' | Z*) ;;
        *) return 0 ;;
        esac
    done
    return 1
}
dead() {
    ! alive "$@"
}
# The record has a PID, the time of its start, and a drive in each line.
recorded() {
    cut -d ' ' -f 1 run/vm/helpers
}
# start COUNT: the machine runs with that many programs, whose PIDs are in $helpers then.
start() {
    expect 0 maqet start vm
    helpers=$(recorded)
    same "$1" "$(echo "$helpers" | wc -l)" "the number of helpers"
    for pid in $helpers; do
        alive "$pid" || fail "the helper $pid does not run"
    done
    qemu=$(vm_pid vm)
}
# All of what was started has ended, and what was in the folder of the machine is gone.
nothing_left() {
    # shellcheck disable=SC2086 # PIDs
    eventually 20 dead $qemu $helpers
    [ ! -e run/vm/helpers ] || fail "the record is left"
    [ -z "$(find run -type s)" ] || fail "sockets are left: $(find run -type s)"
    helpers=''
}
waits="exec sleep 1000"

# What it is given: its socket, QEMU's log, an environment as
# systemd makes it, and nothing of what the caller had open or said.
machine "words: 'env >given; readlink /proc/\$\$/fd/* >fds; echo \$\$ >ready; $waits'"
expect 0 env LISTEN_FDS=5 LISTEN_PID=1 LISTEN_FDNAMES=odd "$MAQET" start vm \
    3</dev/zero 5</dev/zero 7</dev/zero 9</dev/zero
eventually 10 test -s ready
helpers=$(recorded)
qemu=$(vm_pid vm)
same "$(cat ready)" "$helpers" "the record"
same "LISTEN_FDS=1 LISTEN_PID=$helpers" "$(grep '^LISTEN_' given | sort | tr '\n' ' ' | sed 's/ $//')" \
    "its environment"
for fd in 0 1 2 3; do
    readlink "/proc/$helpers/fd/$fd"
done | sed 's/socket:.*/socket/' >open
printf '%s\n' /dev/null "$TMP/run/vm/qemu.log" "$TMP/run/vm/qemu.log" socket >wanted
same "$(cat wanted)" "$(cat open)" "what it has open"
same "0 1 2 3" "$(ls "/proc/$helpers/fd" | sort -n | tr '\n' ' ' | sed 's/ $//')" "its descriptors"
same "$(awk '{ print $1, $22 }' "/proc/$helpers/stat") drive1" "$(cat run/vm/helpers)" "the record"
[ "$(awk '{ print $6 }' "/proc/$helpers/stat")" = "$helpers" ] || fail "it is in the session of another"

# The socket is its user's only, QEMU is connected to it, and has been told what `args` says.
socket=$(find run/vm -type s -name 'helper*')
same 600 "$(stat -c %a "$socket")" "the socket's mode"
expect 0 maqet args vm
out_has "$TMP/$socket"
grep -qF "$TMP/$socket" "/proc/$qemu/cmdline" || fail "QEMU was told another socket"
expect 0 maqet stop vm --timeout 0 --force
nothing_left
expect 0 maqet rm vm --yes
same "" "$(ls -A run)" "what is left in the folder of sockets"

# QEMU ends by itself, or is killed: so do they, without maqet.
machine "words: '$waits'" "words: '$waits'"
start 2
expect 0 maqet qmp vm quit
# shellcheck disable=SC2086 # PIDs
eventually 20 dead $qemu $helpers
start 2
kill -9 "$qemu"
# shellcheck disable=SC2086 # PIDs
eventually 20 dead $qemu $helpers
# The next start tidies up after that.
start 2
# What watches over them is no child of maqet's, and is gone when QEMU and they are.
supervisor=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$(echo "$helpers" | head -n 1)/status")
same maqet-helpers "$(cat "/proc/$supervisor/comm")" "their parent"
expect 0 maqet stop vm --timeout 0 --force
nothing_left
eventually 20 dead "$supervisor"
# When it is killed, the kernel ends them, and QEMU runs on.
start 2
kill -9 "$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$(echo "$helpers" | head -n 1)/status")"
# shellcheck disable=SC2086 # PIDs
eventually 20 dead $helpers
alive "$qemu" || fail "QEMU has ended with what watches over its helpers"
expect 0 maqet stop vm --timeout 0 --force
nothing_left

# It is told to end and may leave things in order.
machine "words: 'trap \"echo ended >ended; exit\" TERM; echo >ready; while :; do sleep 0.1; done'"
start 1
eventually 10 test -e ready
expect 0 maqet stop vm --timeout 0 --force
nothing_left
same ended "$(cat ended)" "what it did at its end"

# QEMU that is another user by now could not send it a signal, and need not.
if [ "$(id -u)" -eq 0 ]; then
    rm -f ended
    expect 0 maqet rm vm --yes
    sed -i '1i run_as: nobody' vm.yaml
    expect 0 maqet add vm.yaml
    chmod o+x "$TMP"
    start 1
    eventually 10 test -e ready
    same "$(id -u nobody)" "$(awk '/^Uid:/ { print $2 }' "/proc/$qemu/status")" "QEMU's user"
    same 0 "$(awk '/^Uid:/ { print $2 }' "/proc/$helpers/status")" "the helper's user"
    kill -9 "$qemu"
    # shellcheck disable=SC2086 # PIDs
    eventually 20 dead $helpers
    same ended "$(cat ended)" "what it did at its end"
    expect 0 maqet stop vm
    nothing_left
fi

# Two that don't want to end are killed, also when no maqet comes.
machine "words: 'trap \"\" TERM; echo >>ready; $waits'"
start 1
eventually 10 test -e ready
kill -9 "$qemu"
# shellcheck disable=SC2086 # PIDs
eventually 30 dead $helpers
machine "words: 'trap \"\" TERM; echo >>ready; $waits'" "words: 'trap \"\" TERM; echo >>ready; $waits'"
start 2
eventually 10 sh -c '[ "$(wc -l <ready)" = 2 ]'
expect 0 maqet stop vm --timeout 0 --force
nothing_left

# A drive that needs none at this time has none.
machine "asked: off"
expect 0 maqet start vm
[ ! -e run/vm/helpers ] || fail "there is a record of no helpers"
expect 0 maqet stop vm --timeout 0 --force

# refused CODE WORDS: the machine does not start, and the helper of the first drive that ran
# has ended with the attempt.
refused() {
    qemu='' helpers=''
    expect "$1" maqet start vm --wait "$(patience 60)"
    err_has "$2"
    [ ! -s ready ] || helpers=$(cat ready)
    nothing_left
    same created "$(vm_status vm)" "the machine"
}
first="words: 'echo \$\$ >ready; $waits'"
printf 'no program\n' >text
chmod +x text
machine "$first" "program: $TMP/text"
refused 1 "Drive 'drive2': cannot run $TMP/text, which must run beside QEMU"
machine "$first" "program: $TMP/nowhere"
refused 1 "the program $TMP/nowhere, which must run beside QEMU for it, was not found"
err_has "drive 'drive2'"
machine "$first" "program: no-such-program-of-maqet"
refused 1 "the program no-such-program-of-maqet,"
err_has "Install it, or add its folder to PATH"
# It ends at once: QEMU cannot go on, and the reason is what it said.
machine "$first" "words: 'echo no, not today >&2; exit 3', asked: on"
refused 1 "no, not today"
machine "words: 'kill -9 \$\$', asked: on"
refused 1 "VM 'vm' did not start"
# It never answers: the start is given up, and so is the program.
machine "words: 'echo \$\$ >ready; $waits', asked: on"
qemu=''
seconds=1
until [ -s ready ]; do
    # However slow the machine is, there is a time in which the program begins.
    seconds=$((2 * seconds))
    expect 2 maqet start vm --wait "$seconds"
done
helpers=$(cat ready)
nothing_left

# maqet is killed while QEMU waits for it: both are found, and end.
rm ready
"$MAQET" start vm --wait "$(patience 600)" 2>/dev/null &
maqet=$!
eventually 10 test -s ready
kill -9 "$maqet"
wait "$maqet" 2>/dev/null || :
helpers=$(cat ready)
# shellcheck disable=SC2086 # PIDs
alive $helpers || fail "the helper has ended before QEMU"
expect 0 maqet stop vm --timeout 0 --force
nothing_left

# The memory that it shares with QEMU is as large as QEMU makes the guest's of what is written.
for memory in 64.3M 65 0.1G; do
    expect 0 maqet rm vm --yes
    sed "s/^memory: .*/memory: $memory/" vm.yaml >sized.yaml
    expect 0 maqet add sized.yaml
    expect 2 maqet start vm --wait 1
    err_lacks "does not match"
done

# A machine in the foreground: maqet stays until it has ended.
machine "words: 'trap \"sleep 1; echo ended >ended; exit\" TERM; echo >ready; while :; do sleep 0.1; done'"
"$MAQET" start vm --foreground >/dev/null 2>&1 &
maqet=$!
eventually 20 test -e ready
helpers=$(recorded)
expect 0 maqet resume vm # which waits for the end of the start
expect 0 maqet qmp vm quit
wait $maqet || fail "the exit code of a machine that has ended"
same ended "$(cat ended)" "what it did at its end"
# shellcheck disable=SC2086 # PIDs
dead $helpers || fail "it runs longer than maqet"
[ ! -e run/vm/helpers ] || fail "the record is left"
helpers=''

# It may have something to write when QEMU has gone, and uses the drive until then: whoever looks
# at the drive next waits for it.
expect 0 maqet rm vm --yes
mkdir service
cat >last-words <<'END'
trap 'echo "the helper" >service/one.users; echo >leaving; sleep 1; rm service/one.users; exit' TERM
echo >ready
while :; do sleep 0.1; done
END
vm_yaml vm <<END
storage:
  - {name: far, type: elsewhere, service: service, image: one, size: 8M, words: 'exec sh ./last-words'}
END
expect 0 maqet add vm.yaml
for words in "start vm" "snapshot vm create far new" "resize vm far +1M"; do
    rm -f ready leaving
    start 1
    eventually 10 test -e ready
    kill -9 "$qemu"
    eventually 10 test -e leaving
    # shellcheck disable=SC2086 # words
    expect 0 maqet $words
    # shellcheck disable=SC2086 # PIDs
    dead $helpers || fail "it has not ended before: $words"
    expect 0 maqet stop vm --timeout 0 --force
done
helpers=''

# The same goes for who removes the machine and its image, which it has open.
expect 0 maqet rm vm --yes
cat >last-words <<'END'
exec 8<disk.qcow2
trap 'echo >leaving; sleep 1; exit' TERM
echo >ready
while :; do sleep 0.1; done
END
vm_yaml vm <<END
storage:
  - {name: disk, type: qcow2, size: 1M, file: disk.qcow2}
  - {name: beside, type: beside, words: 'exec sh ./last-words'}
END
expect 0 maqet add vm.yaml
rm -f ready leaving
start 1
eventually 10 test -e ready
kill -9 "$qemu"
eventually 10 test -e leaving
expect 0 maqet rm vm --yes --delete-storage
[ ! -e disk.qcow2 ] || fail "the image is still there"
helpers=''

# A folder whose name leaves no room for the socket's is refused in words.
MAQET_RUNTIME_DIR="$TMP/$(printf '%0100d' 0)"
machine "words: '$waits'"
expect 3 maqet start vm
err_has "Use a shorter --runtime-dir"
err_has "drive 'drive1'"

MAQET_RUNTIME_DIR="$TMP/run"
# Where the kernel has forgotten to tell it, as it does when a program changes its user, and it has
# closed all that it was not told of, maqet tells it.
cat >forgetful <<'END'
#!/bin/sh
[ "${1:-}" = told ] || exec setpriv --pdeathsig clear "$0" told
exec 4>&- 5>&-
trap 'echo ended >ended; exit' TERM
echo >ready
while :; do sleep 0.1; done
END
chmod +x forgetful
machine "program: $TMP/forgetful"
start 1
eventually 10 test -e ready
pid=$helpers
# A PID of somebody else's in the record is nobody whom maqet knows.
sleep 1000 &
other=$!
cleanup_fn "kill $other 2>/dev/null"
echo "$other 1" >>run/vm/helpers
expect 0 maqet stop vm --timeout 0 --force
eventually 20 dead "$pid"
[ -e ended ] || fail "it was not told to end"
alive $other || fail "another process was ended"
helpers=''
