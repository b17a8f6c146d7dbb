#!/bin/sh
# SPDX-License-Identifier: MIT
# A test that hangs is ended with all that it has started, wherever that went, and counts as failed;
# its log says what it was doing. So is one that leaves processes behind. All of it by `make check`.
. "${srcdir:-.}/tests/functional/functions.sh"
requires make setsid
unset MAKEFLAGS MFLAGS MAKELEVEL MAQET_TEST_STEP
export started="$TMP/started" tidied="$TMP/tidied" TMPDIR="$TMP/inner"
mkdir inner

# check TEST: runs it as make check does; its log is TEST's name with .log. A name without .sh is
# that of a program, as unit tests are, for which the Makefile has no general rule.
echo 'log-compile: ; @echo $(LOG_COMPILE)' >log-compile.mk
log_compile=$(make -s -C "$abs_top_builddir" -f Makefile -f "$TMP/log-compile.mk" log-compile)
check() {
    case $1 in
    *.sh) make -C "$abs_top_builddir" check-TESTS TESTS="$TMP/$1" TEST_SUITE_LOG="$TMP/suite.log" ;;
    *) $log_compile "$TMP/$1" >"$1.log" 2>&1 ;;
    esac
}

# A child in a session of its own, a daemon that ignores SIGTERM, and one that is stopped.
cat >start-all <<'END'
setsid sh -c 'echo $$ >>"$started"; exec sleep 100001' &
(setsid sh -c 'trap "" TERM; echo $$ >>"$started"; while :; do sleep 100002; done' &)
sh -c 'echo $$ >>"$started"; kill -STOP $$' &
until [ "$(wc -l <"$started")" -eq 3 ]; do sleep 0.1; done
END
cat >hangs.sh <<END
. "$abs_top_srcdir/tests/functional/functions.sh"
cleanup_fn 'echo >"\$tidied"'
. "$TMP/start-all"
expect 0 sleep 100003
END
cat >stuck <<END
#!/bin/sh
. "$TMP/start-all"
echo "the last thing that it printed"
sleep 100003
END
cat >leaves.sh <<END
. "$TMP/start-all"
END
chmod +x stuck

# ended TEST CODE: it got as far as it should, though only a second at first, and nothing is left of it.
ended() {
    export MAQET_TEST_LIMIT=1
    until
        rm -f started
        : >started
        expect "$2" check "$1"
        log=${1%.sh}.log
        grep -q "sleep 100003" "$log" && [ "$(wc -l <started)" -eq 3 ]
    do
        MAQET_TEST_LIMIT=$((MAQET_TEST_LIMIT * 2))
        [ "$MAQET_TEST_LIMIT" -lt 300 ] || fail "$1 never got to its end"
    done
    while read -r pid; do
        ! kill -0 "$pid" 2>/dev/null || fail "$1: the process $pid is still there"
    done <started
    grep -q "limit: $TMP/$1 took longer than [0-9]* s and is ended" "$log" || fail "$1: $(cat "$log")"
    for word in "state T, in .*): sh -c" "): sleep 100001" "): sh -c trap"; do
        grep -q "$word" "$log" || fail "$1: not said to run: $word: $(cat "$log")"
    done
}

ended hangs.sh 2
grep -q '^:test-result: FAIL' hangs.trs || fail "it does not count as failed"
grep -q 'limit: its last step: sleep 100003' hangs.log || fail "no last step: $(cat hangs.log)"
[ -e tidied ] || fail "the test was not given the time to tidy up"
same "" "$(ls inner)" "what is left in the folder for temporary files"
ended stuck 124
grep -q 'the last thing that it printed' stuck.log || fail "what it printed is lost"
unset MAQET_TEST_LIMIT

# One that leaves something behind, though it ends well.
: >started
expect 2 check leaves.sh
grep -q "limit: $TMP/leaves.sh has left these processes behind" leaves.log || fail "$(cat leaves.log)"
while read -r pid; do
    ! kill -0 "$pid" 2>/dev/null || fail "the process $pid is still there"
done <started

# The exit codes of others pass; the limit is multiplied; and what is no number is an error.
limit=$abs_top_builddir/tests/limit
for code in 0 1 77 99; do
    expect $code "$limit" sh -c "exit $code"
done
expect 137 "$limit" sh -c 'kill -KILL $$'
expect 99 env MAQET_TEST_SLOW=many "$limit" true
err_has "MAQET_TEST_SLOW must be a whole number"
expect 124 env MAQET_TEST_LIMIT=1 MAQET_TEST_SLOW=2 "$limit" sleep 100000
err_has "took longer than 2 s"
same $((30 * ${MAQET_TEST_SLOW:-1})) "$(patience 30)"
same 120 "$(MAQET_TEST_SLOW=4 patience 30)"

# Whoever ends the suite ends its tests.
: >started
echo "sleep 100003" >>start-all
"$limit" sh ./start-all >out 2>err &
pid=$!
eventually 20 sh -c '[ "$(wc -l <"$started")" -eq 3 ]'
kill -TERM "$pid"
wait "$pid" && fail "it ended well" || same 143 $?
while read -r pid; do
    ! kill -0 "$pid" 2>/dev/null || fail "the process $pid is still there"
done <started
