#!/bin/sh
# SPDX-License-Identifier: MIT
# What forks do in their guests by the agent: the clock is set, and `--exec` runs a command in all of
# them at the same time. A fork stays, whatever becomes of that.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
requires perl

for vm in vm plain early; do
    cat >$vm.yaml <<EOF
name: $vm
binary: qemu-system-x86_64
accel: tcg
memory: 256M
machine: q35
display: none
arguments:
  - no-reboot
storage:
  - {name: disk, type: qcow2, size: 1M, file: $vm.qcow2, snapshots: overlay}
EOF
done
sed -i "/no-reboot/a\\
  - kernel: $KERNEL\\
  - initrd: $INITRD\\
  - append: \"$GUEST_APPEND\"" vm.yaml
echo 'guest_agent: off' >>plain.yaml
for vm in vm plain early; do expect 0 maqet add $vm.yaml; done

console() { echo "$TMP/run/$1/console.sock"; }
in_guest() { guest_run "$(console "$1")" "$2" || fail "in the guest '$1': $2"; }
runs() { maqet --format plain qmp "$1" query-status | grep -q '"running":true'; }
# forget FORK...: so that there are never many.
forget() { expect 0 maqet rm "$@" --force --delete-storage --yes; }
# Its clock is that of the host, of which it was decades behind.
is_now() {
    behind=$(($(date +%s) - $(in_guest "$1" 'date +%s')))
    [ $behind -lt 86400 ] && [ $behind -gt -86400 ] || fail "the clock of $1 is $behind s behind"
}
# in_time FORKS ARGUMENT...: forks whose clocks are set; where the host is busy, the agent may be late.
in_time() {
    forks=$1
    shift
    for attempt in 1 2 3 4 5 6; do
        expect 0 maqet "$@"
        grep -q clock err || return 0
        # shellcheck disable=SC2086
        forget $forks
    done
    fail "the clock was not set in $attempt attempts: $(cat err)"
}
is_then() { same 2001 "$(in_guest "$1" 'date +%Y')" "the year in $1"; }

# ---- refused before a checkpoint is created, or a fork ----

expect 0 maqet start plain
expect 3 maqet fork plain one --exec true
err_has "VM 'plain' was started without a port for a guest agent"
err_has 'Add `guest_agent: on`'
expect 0 maqet checkpoint plain list
out_lacks fork-1
expect 0 maqet checkpoint plain create ready
expect 3 maqet fork plain one two --from ready --exec true
err_has "VM 'plain' had no port for a guest agent when checkpoint 'ready' was created"
err_has 'Add `guest_agent: on`'
# Without a command, it is no matter.
expect 0 maqet fork plain one --from ready
err_lacks clock
forget one
expect 3 maqet fork plain one --from ready --exec ''
err_has "--exec needs a command"
expect 0 maqet stop plain --timeout 0 --force

# One whose guest has not come as far as that.
expect 0 maqet start early
expect 2 maqet fork early one --exec true
err_has "Is qemu-guest-agent running in the guest?"
expect 0 maqet checkpoint early list
out_lacks fork-1
expect 0 maqet fork early one
err_lacks clock
forget one
expect 0 maqet stop early --timeout 0 --force
same 'early plain vm' "$(ls data/vms | tr '\n' ' ' | sed 's/ $//')" "the VMs"

# ---- the clock, and the command ----

expect 0 maqet start vm
guest_wait "$(console vm)" || fail "the guest does not answer"
eventually 20 maqet exec vm -- true
in_guest vm 'date -s @1000000000 >/dev/null; [ ! -e /sbin/hwclock ]'
expect 0 maqet checkpoint vm create ready

# shellcheck disable=SC2016 # for the guests' shells
in_time 'one two' fork vm one two --from ready \
    --exec 'echo "I am $MAQET_VM"; echo "$MAQET_VM" >/tmp/name; printf "a\tb\n\n\033[1mc"; date +%Y; echo problem >&2'
for vm in one two; do
    out_has "$vm: I am $vm"
    err_has "$vm: problem"
    out_has "$vm: $(printf 'a\tb')"
    out_has "$vm: \\x1b[1mc$(date +%Y)"
    same "$vm" "$(in_guest $vm 'cat /tmp/name')" "what the command of $vm has written"
    is_now $vm
done
is_then vm
forget one two

# Without a command, and as JSON with one; what fails is said, and the fork stays.
in_time one fork vm one --from ready
is_now one
forget one
# shellcheck disable=SC2016
expect 1 maqet --format json fork vm one two --from ready \
    --exec 'printf "a\0\"\n"; [ $MAQET_VM = one ] || exit 7'
err_has "The command has failed in 1 of 2 forks: two (exit code 7)"
perl -MJSON::PP -0 -e '
    my ($one, $two) = @{decode_json(<STDIN>)};
    $one->{exec_exit_code} == 0 && $two->{exec_exit_code} == 7 && $two->{exec_stderr} eq ""
        && $two->{exec_stdout} eq "a\x{2400}\"\n" or die' <out || fail "$(cat out)"
for vm in one two; do runs $vm || fail "$vm does not run"; done
forget one two
# shellcheck disable=SC2016
expect 1 maqet --format plain fork vm one --from ready --exec 'kill -9 $$'
err_has "The command has failed in 1 of 1 forks: one (exit code 137)"
same 137 "$(cut -f 6 out)" "the exit code"
forget one

# All at the same time, however many; and their source can be used meanwhile. Each waits for a file.
"$MAQET" fork vm many --from ready --count 3 \
    --exec 'echo begun >/tmp/begun; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo gone' >many.out 2>many.err &
many=$!
for i in 1 2 3; do
    eventually 60 test -S "$(console many-$i)"
    eventually 60 guest_run "$(console many-$i)" '[ -e /tmp/begun ]'
done
expect 0 maqet checkpoint vm create meanwhile
for i in 1 2 3; do in_guest many-$i 'touch /tmp/go'; done
wait $many || fail "$(cat many.err)"
for i in 1 2 3; do grep -q "^many-$i: gone\$" many.out || fail "$(cat many.out)"; done
forget many-1 many-2 many-3

# Interrupted: the commands end, and the forks run.
"$MAQET" fork vm one two --from ready --exec 'echo begun; sleep 1000' >int.out 2>int.err &
both=$!
for vm in one two; do
    eventually 60 test -S "$(console $vm)"
    eventually 60 guest_run "$(console $vm)" 'ps | grep "[s]leep 1000\$"'
done
kill -TERM $both
code=0
wait $both || code=$?
same 143 $code "the exit code after SIGTERM"
for vm in one two; do
    grep -q "^$vm: begun" int.out || fail "what $vm has printed is lost: $(cat int.out)"
    runs $vm || fail "$vm does not run"
    same none "$(in_guest $vm 'pidof sleep || echo none')" "the command of $vm"
done
grep -q "The command in fork 'one'" int.err || fail "not said: $(cat int.err)"
forget one two

# ---- agents that do not do all ----

# agent OPTION...: another agent, which is started as the first one was.
agent() {
    # shellcheck disable=SC2016
    in_guest vm 'set -- $(tr "\0" " " </proc/$(pidof qemu-ga)/cmdline); kill $(pidof qemu-ga)
        while pidof qemu-ga; do sleep 0.1; done >/dev/null; rm -f /run/qemu-ga.pid
        (setsid "$@" '"$*"' >/dev/null 2>&1 &)'
    expect 0 maqet wait vm --for agent
}

# One that runs no commands cannot set the clock without hwclock(8), and a fork is one nevertheless.
agent -b guest-exec
expect 0 maqet checkpoint vm create helpless
expect 0 maqet fork vm one --from helpless
err_has "The clock of the guest was not set: VM 'one'"
is_then one
forget one
expect 3 maqet fork vm one --from helpless --exec true
err_has "The command in fork 'one'"
err_has "The agent in the guest does not allow it"
runs one || fail "the fork does not run"
forget one
# With it, the agent sets the clock by itself.
in_guest vm 'ln -s /bin/busybox /sbin/hwclock'
expect 0 maqet checkpoint vm create able
in_time one fork vm one --from able
is_now one
forget one

# It hangs: a warning, after a while. It has ended: nothing is waited for.
# shellcheck disable=SC2016
in_guest vm 'kill -STOP $(pidof qemu-ga)'
expect 0 maqet checkpoint vm create hanging
expect 0 maqet fork vm one --from hanging
err_has "The clock of the guest was not set"
is_then one
forget one
# shellcheck disable=SC2016
in_guest vm 'kill -KILL $(pidof qemu-ga); while pidof qemu-ga; do sleep 0.1; done >/dev/null'
expect 0 maqet checkpoint vm create ended
expect 0 maqet fork vm one --from ended
err_lacks clock
is_then one
