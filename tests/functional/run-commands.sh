#!/bin/bash
# SPDX-License-Identifier: MIT
# Several commands, each beside a guest of its own: their results as text, JSON, TAP and JUnit's XML, and what they
# and their guests have printed.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires strace

# A firmware that writes to the serial port.
vm_yaml web <<END
storage:
- {name: hdd, type: qcow2, file: web.qcow2, size: 1M, snapshots: overlay}
END
expect 0 maqet add web.yaml
expect 0 maqet start web
expect 0 maqet checkpoint web create ready
run() { maqet run web --from ready --discard "$@"; }
nothing_is_left() { same 'web web' "$(echo $(ls data/vms run | grep -v :))" "what is left"; }

# Its drives have no image on which a command could work.
for command in 'snapshot "$MAQET_VM" create hdd one --live' 'resize "$MAQET_VM" hdd 2M' \
    'export "$MAQET_VM" hdd out.qcow2' 'checkpoint "$MAQET_VM" create one'; do
    # shellcheck disable=SC2016 # the command's
    expect 0 run -- sh -c "! \"\$0\" $command" "$MAQET"
    err_has "VM 'web-run-1', drive 'hdd': it has no image of its own"
done
nothing_is_left

# ---- a list of programs ----

cat >'a #1.sh' <<'END'
#!/bin/sh
echo "of $MAQET_VM"
"$MAQET" --format plain qmp "$MAQET_VM" query-status | grep -o '"running":true'
# Two of them run at the same time.
: >"began.$(basename "$0" .sh)"
until [ -e 'began.a #1' ] && [ -e began.b ]; do sleep 0.1; done
! read -r line || echo "input: $line"
END
cat 'a #1.sh' - >b.sh <<'END'
printf '\033[31m<&>"\001\377\n' >&2
exit 3
END
printf '#!/bin/sh\nexec sleep 1000\n' >late.sh
chmod +x 'a #1.sh' b.sh late.sh
echo input >input
export MAQET
expect 1 run --parallel 2 --tap --junit results.xml --logs logs -- './a #1.sh' ./b.sh <input
err_has "1 of 2 commands did not pass"
err_has "is in logs"
cat >wanted <<'END'
TAP version 13
1..2
ok 1 - ./a \#1.sh
not ok 2 - ./b.sh
  ---
  status: "failed"
  exit_code: 3
  duration_ms: N
  log: "logs/2-b.sh.log"
  console_log: "logs/2-b.sh.console.log"
  ...
END
sed 's/^  duration_ms: [0-9.]*$/  duration_ms: N/' "$TMP/out" | diff -u wanted - || fail "TAP"
same "$(printf '1-a.console.log\n1-a.log\n2-b.sh.console.log\n2-b.sh.log')" "$(ls logs)" "the logs"
same "$(printf 'of web-run-1\nof web-run-2')" "$(cat logs/*.log | grep -a '^of ' | sort)" "the forks"
same 2 "$(grep -c '"running":true' logs/1-a.log logs/2-b.sh.log | grep -c ':1$')" "guests that ran"
! grep -a input logs/*.log || fail "a command has standard input"
same 2 "$(grep -c 'was resumed from a checkpoint' logs/*.console.log | grep -c ':1$')" "logs of consoles"
cat >wanted <<'END'
<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="web" tests="2" failures="1" errors="0" time="N">
    <testcase classname="web" name="./a #1.sh" time="N">
      <system-out>of FORK
&#34;running&#34;:true
</system-out>
    </testcase>
    <testcase classname="web" name="./b.sh" time="N">
      <failure type="failed" message="exit code 3"/>
      <system-out>of FORK
&#34;running&#34;:true
END
printf '\357\277\275[31m&#60;&#38;&#62;&#34;\357\277\275\357\277\275\n' >>wanted
cat >>wanted <<'END'
</system-out>
    </testcase>
  </testsuite>
</testsuites>
END
sed -E 's/time="[0-9.]+"/time="N"/; s/^(.*of )web-run-[12]$/\1FORK/' results.xml | diff -u wanted - || fail "XML"
same 644 "$(umask 022; rm -f results.xml; run --junit results.xml -- true >/dev/null; stat -c %a results.xml)" "its mode"
nothing_is_left

# ---- of a shell, from a file ----

printf '# a comment\n\n  echo "$((1 + 1))" && exit 0 # 4\nno-such-program\n' >list
expect 1 maqet --format json run web --from ready --discard --commands list --parallel 2
same '0 127' "$(echo $(sed -n 's/.*"exit_code": \([0-9]*\),*/\1/p' "$TMP/out"))" "exit codes"
out_has '"status": "passed"'
same 2 "$(cat maqet-logs/1-echo.log)" "what it has printed"
printf 'true\n' >list
expect 0 run --commands - --tap <list
out_has 'ok 1 - true'
# A command without a list: its words are one.
expect 1 run --logs one --timeout 0.5 -- ./late.sh with words
out_has "late   1 ./late.sh with words"
out_has "./late.sh took longer than 0.5 s, and was ended"
expect 1 run --tap -- ./no-such-program '#'
out_has 'not ok 1 - ./no-such-program '"'"'\#'"'"
out_has '  message: "Cannot run ./no-such-program: No such file or directory"'
nothing_is_left

# Another VM that has got the name of a run stays.
cat >replace.sh <<'END'
#!/bin/sh
"$MAQET" -q rm "$MAQET_VM" --force --yes --delete-storage || exit 1
sed "s/^name: web$/name: $MAQET_VM/; s/web.qcow2/mine.qcow2/" web.yaml >mine.yaml
qemu-img create -q -f qcow2 mine.qcow2 1M
"$MAQET" -q add mine.yaml
END
chmod +x replace.sh
expect 0 run -- ./replace.sh
expect 0 maqet --format plain ls
same 'web web-run-1 ' "$(cut -f 1 out | sort | tr '\n' ' ')" "the VMs"
[ -e mine.qcow2 ] || fail "the image of another VM was deleted"
expect 0 maqet rm web-run-1 --yes --delete-storage
nothing_is_left

# ---- what is wrong ----

for wrong in "--parallel 0 -- true" "--parallel many -- true" "--parallel 2" "--commands list -- true" "--tap"; do
    # shellcheck disable=SC2086 # several words
    expect 125 run $wrong
done
: >list
expect 125 run --commands list
err_has "There is no command in list"
ln -s nowhere link.xml
expect 125 run --junit link.xml -- true
err_has "Cannot write link.xml: not a regular file"
[ -L link.xml ] || fail "the link was replaced"
expect 125 maqet --format json run web --from ready --discard --tap -- true
err_has "--tap excludes --format"
expect 125 maqet run web --from raedy --discard --parallel 2 --tap -- true true
err_has "Did you mean 'ready'?"
out_has 'Bail out!'
[ ! -e logs/1-true.log ] || fail "a command was run"
nothing_is_left

# ---- interrupted, and killed ----

cat >wait.sh <<'END'
#!/bin/sh
trap 'echo told; exit 1' TERM
sleep 1000 &
echo $! >"$MAQET_VM.child"
: >"$MAQET_VM.waits"
until [ -e go ]; do sleep 0.1; done
END
chmod +x wait.sh
begin_list() { # [PARALLEL]
    rm -f ./*.waits ./*.child logs/*
    "$MAQET" run web --from ready --discard --parallel "${1:-2}" --tap --logs logs -- ./wait.sh ./wait.sh true >out 2>err </dev/null &
    parent=$!
    eventually 60 test -e web-run-1.waits
    qemu=$(vm_pid web-run-1)
    worker=$(ps -o ppid= -p "$qemu" | tr -d ' ')
    processes="$worker $qemu $(cat web-run-1.child)"
    [ "${1:-2}" = 2 ] || return 0
    eventually 60 test -e web-run-2.waits
    processes=$(pgrep -P $parent)\ $qemu\ $(vm_pid web-run-2)
    same 4 "$(echo $processes | wc -w)" "workers and their QEMUs"
    processes="$processes $(cat web-run-1.child web-run-2.child)"
}
all_ended() {
    local pid
    for pid in $processes; do process_ended "$pid" || return 1; done
}
# end_list CODE: of the list that was begun.
end_list() {
    code=0
    wait $parent || code=$?
    same "$1" "$code" "the exit code"
    eventually 60 all_ended
}
begin_list
kill $parent
end_list 143
grep -q '^Bail out!' out || fail "TAP: $(cat out)"
same 2 "$(cat logs/*wait.sh.log | grep -c told)" "commands that were told to end"
[ ! -e logs/3-true.log ] || fail "the third command was run"
nothing_is_left

# One of its processes is killed: the other one goes on, and does the rest.
begin_list
kill -9 "$worker"
eventually 60 process_ended "$qemu"
touch go
end_list 125
same 1 "$(grep -c '^not ok' out)" "commands that failed: $(cat out)"
grep -q 'message: "The process of maqet that ran it was killed"' out || fail "why? $(cat out)"
grep -q '^ok 3 - true' out || fail "the third command was not run: $(cat out)"
rm go
nothing_is_left

# The only one: what it has not begun is not taken for something that has passed.
begin_list 1
kill -9 "$worker"
end_list 125
same 3 "$(grep -c '^not ok' out)" "commands that failed: $(cat out)"
same 2 "$(grep -c 'message: "It was not run, since all processes' out)" "why: $(cat out)"
expect 0 maqet recover web
nothing_is_left

# One of them cannot be started: the other one runs all commands, and that is a warning. Without any, it is an error.
step=0 fewer=0
while :; do
    step=$((step + 1))
    code=0
    traced clone "error=EAGAIN:when=$step" run web --from ready --discard --parallel 2 --tap -- true true \
        >out 2>err || code=$?
    grep -q INJECTED "$TMP/trace" || break
    if grep -q 'Only 1 of 2 processes that run commands could be started: Resource temporarily unavailable' err; then
        fewer=$((fewer + 1))
        same 0 $code "the exit code: $(cat err)"
        same 2 "$(grep -c '^ok' out)" "commands that have passed: $(cat out)"
    fi
    ! grep -q '^Bail out!' out || ! grep -q '^ok' out || fail "call $step: after commands that have passed: $(cat out)"
done
same 2 $fewer "how often one process was missing"
code=0
traced clone error=EAGAIN run web --from ready --discard --parallel 2 --tap -- true true >out 2>err || code=$?
same 125 $code "the exit code"
grep -q '^Bail out!' out || fail "TAP: $(cat out)"
nothing_is_left

# All of it is: the others have been told to end, and clear up.
begin_list
kill -9 $parent
end_list 137
expect 0 maqet recover web
nothing_is_left

# If maqet is killed just when the command begins, nothing goes on that this has started: it begins once there is
# somebody who would end it. Here maqet is slow to go on after each process that it has started.
cat >starts.sh <<'END'
#!/bin/sh
sleep 1000 &
echo $! >grandchild
wait
END
chmod +x starts.sh
code=0
strace -qq -o trace -e trace=clone,clone3,fork,vfork,setpgid -e inject=clone,clone3,fork,vfork:delay_exit=700000 \
    -e inject=setpgid:signal=KILL "$MAQET" run web --from ready --discard -- ./starts.sh </dev/null >out 2>err || code=$?
same 137 $code "the exit code of a maqet that is killed when a command begins"
grep -q 'setpgid' trace || fail "it was killed before: $(cat trace)"
sleep 1
[ ! -e grandchild ] || eventually 10 sh -c "! kill -0 $(cat grandchild)" || fail "it has left a process"
expect 0 run -- true
nothing_is_left
