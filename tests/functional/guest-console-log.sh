#!/bin/sh
# SPDX-License-Identifier: MIT
# The console that each machine has, without a word about it in its file: a log from the first
# line on, and a connection to the guest that loses nothing.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
requires script

cat >vm.yaml <<END
name: vm
binary: qemu-system-x86_64
accel: tcg
memory: 256M
display: none
arguments:
  - kernel: $KERNEL
  - initrd: $INITRD
  - append: "$GUEST_APPEND"
storage:
  - {name: hdd, size: 8M, file: hdd.qcow2}
END
console=$TMP/run/vm/console.sock
log=$TMP/data/vms/vm/console.log
guest() {
    guest_run "$console" "$@" || fail "in the guest: $*"
}
boots() {
    expect 0 maqet "$@"
    guest_wait "$console" || fail "the guest does not answer"
}
marks() {
    grep -c "^\[maqet: VM 'vm' was $1 at 2" "$log" || :
}

# Nothing is there before the first start.
expect 0 maqet add vm.yaml
expect 3 maqet logs vm
err_has "VM 'vm' has no log of its console"
expect 3 maqet console vm
err_has "VM 'vm' is not running"

# The log begins with the boot, and belongs to its owner alone.
boots start vm
same 600 "$(stat -c %a "$log")" "the log's mode"
same 600 "$(stat -c %a "$console")" "the socket's mode"
same 1 "$(marks started)" "marks of a start"
expect 0 maqet logs vm
out_has "MAQET-GUEST-READY"

# Ten megabytes, as a guest's program writes them: each byte arrives, by the connection and in
# the log.
sum=$(guest 'head -c 10485760 /dev/urandom >/tmp/bytes; md5sum </tmp/bytes' | cut -d ' ' -f 1)
before=$(stat -c %s "$log")
note_step "ten megabytes"
keeper=$(cut -d ' ' -f 1 "$TMP/run/vm/keeper")
open=$(ls "/proc/$keeper/fd" | wc -l)
# Others are connected: one reads too, and one only when everything has been written.
"$MAQET" console vm --quiet-for "$(patience 600)" </dev/null >beside &
beside=$!
mkfifo held
"$MAQET" console vm --quiet-for "$(patience 600)" </dev/null >held &
late=$!
exec 4<held
connected() {
    [ "$(ls "/proc/$keeper/fd" | wc -l)" -ge $((open + 2)) ]
}
eventually 30 connected
got=$(guest_run "$console" --timeout "$(patience 600)" 'cat /tmp/bytes' | md5sum | cut -d ' ' -f 1)
same "$sum" "$got" "the checksum of what came by the connection"
# checksum: of the ten megabytes in what a reader has got. The driver frames the output:
# "MAQET-RUN:N\n" comes before it.
checksum() {
    sed '1,/^MAQET-RUN:/d' | head -c 10485760 | md5sum | cut -d ' ' -f 1
}
cat <&4 >waited &
exec 4<&-
has_all() { # FILE
    [ "$(stat -c %s "$1")" -gt 10485760 ] && [ "$(checksum <"$1")" = "$sum" ]
}
eventually 60 has_all beside
eventually 60 has_all waited
kill $beside $late
wait $beside $late || :
same "$sum" "$(tail -c "+$((before + 1))" "$log" | checksum)" "the checksum of what is in the log"

# Without a terminal, the command is a pipe.
guest 'sh -c "echo prompt; read line; echo you said \$line; echo done" <>/dev/ttyS0 >&0 2>&0' >/dev/null &
reader=$!
eventually 30 sh -c "tail -n 3 '$log' | grep -q prompt"
echo hello | "$MAQET" console vm --quiet-for "$(patience 5)" >piped 2>said
grep -q 'you said hello' piped || { cat piped >&2; fail "the answer is missing"; }
wait $reader

# Lines for people: no control sequences on a terminal; programs get all.
guest 'printf "\033[31mred\033[0m\r\nbell\a\n" >/dev/ttyS0' >/dev/null
maqet logs vm | grep -qF "$(printf '\033[31mred')" || fail "a pipe does not get the bytes"
TERM=vt100 script -qefc "'$MAQET' logs vm -n 20" screen >/dev/null
grep -q '^red' screen || { cat screen >&2; fail "the line is missing"; }
! grep -qF "$(printf '\033[31m')" screen || fail "a control sequence reached the terminal"
TERM=vt100 script -qefc "'$MAQET' logs vm --raw" screen >/dev/null
grep -qF "$(printf '\033[31mred')" screen || fail "--raw filters"
same 2 "$(maqet logs vm --lines 2 | wc -l)" "lines"
expect 3 maqet logs vm --lines two

# What survives: a revert, a checkpoint, a restart. Each start is marked.
guest 'echo before the checkpoint >/dev/ttyS0' >/dev/null
expect 0 maqet checkpoint vm create c
guest 'echo after the checkpoint >/dev/ttyS0; echo A >/tmp/word' >/dev/null
expect 0 maqet checkpoint vm load c --yes
grep -q 'after the checkpoint' "$log" || fail "the log was reverted"
same 1 "$(marks 'resumed from a checkpoint')" "marks of a resume"
same none "$(guest 'cat /tmp/word 2>/dev/null || echo none')" "what the guest has"

# A run, which discards what the guest does, has a console of its own, whose log is kept if that is wanted.
"$MAQET" logs vm -f -n 0 >followed &
follower=$!
shut_down vm
wait $follower || fail "logs -f failed"
grep -q . followed || fail "logs -f has shown nothing"
cat >inside <<END
set -e
srcdir=$srcdir abs_top_srcdir=$abs_top_srcdir abs_top_builddir=$abs_top_builddir
MAQET_SOURCE_DIR=\$abs_top_srcdir MAQET_BUILD_DIR=\$abs_top_builddir
. "\$abs_top_srcdir/tests/guest/guest.sh"
[ -S "\$MAQET_CONSOLE" ]
guest_run "\$MAQET_CONSOLE" 'echo in the run >/dev/ttyS0; exit 9'
END
expect 9 maqet run vm --from c --discard -- sh inside
! grep -q 'in the run' "$log" || fail "the run has written to the log of its VM"
expect 1 maqet run vm --from c --discard --logs kept -- sh inside
same '1-sh.console.log 1-sh.log' "$(echo $(ls kept))" "the logs"
grep -q 'in the run' kept/1-sh.console.log || fail "the log is not complete"
same vm "$(ls run)" "the run folders"

# A guest that panics ends a run that has no command.
"$MAQET" run vm --from c --discard 2>run.err &
command=$!
of_run=$TMP/run/vm-run-1/console.sock
eventually 60 test -S "$of_run"
guest_wait "$of_run"
guest_run "$of_run" '/sbin/modprobe panic' >/dev/null
guest_run "$of_run" --timeout 1 'echo c >/proc/sysrq-trigger' >/dev/null 2>&1 || :
code=0
wait $command || code=$?
[ "$code" -ne 0 ] || fail "a panic is a success"
grep -q "The kernel of the guest of VM 'vm-run-1' has panicked" run.err || { cat run.err >&2; fail "why?"; }
same stopped "$(vm_status vm)"

# A panic: the guest stands still, and its last words are shown.
boots start vm
same 2 "$(marks started)" "marks of a start"
guest '/sbin/modprobe panic && echo 7 >/proc/sys/kernel/printk' >/dev/null
guest_run "$console" --timeout 1 'echo c >/proc/sysrq-trigger' >/dev/null || :
eventually 30 sh -c "[ \"\$('$MAQET' --format plain ls | cut -f 2)\" = panicked ]"
expect 0 maqet status vm
out_has panicked
err_has "The kernel of the guest of VM 'vm' has panicked. The last lines on its console:"
err_has "</TASK>"
expect 3 maqet resume vm
err_has "its kernel has panicked"
expect 0 maqet stop vm --timeout "$(patience 30)"
same stopped "$(vm_status vm)"

# The log goes with the machine.
expect 0 maqet rm vm --yes
[ ! -e "$TMP/data/vms/vm" ] || fail "the log outlived the machine"
