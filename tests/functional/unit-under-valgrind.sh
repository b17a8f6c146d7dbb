#!/bin/sh
# SPDX-License-Identifier: MIT
# The unit tests leak nothing, and touch no memory that is not theirs.
. "${srcdir:-.}/tests/functional/functions.sh"
requires valgrind
case $SANITIZER_FLAGS in
*address*) skip_always "AddressSanitizer and valgrind exclude each other" ;;
esac

# Under valgrind everything takes some twenty times as long; the limits within the tests are for that.
MAQET_TEST_SLOW=$((20 * ${MAQET_TEST_SLOW:-1}))
MAQET_UNIT_BRIEF=1
export MAQET_TEST_SLOW MAQET_UNIT_BRIEF

for test in "$abs_top_builddir"/tests/unit/test-*; do
    case $test in
    *.c | *.o | *.log | *.trs | *.gc*) continue ;;
    # The valgrind of Debian 12 does not know pidfds, without which nothing is launched or found.
    */test-holders | */test-job | */test-launch | */test-opened | */test-quiesce | */test-recovery* | */test-run | \
        */test-helpers | */test-keeper) continue ;;
    # No valgrind knows seccomp, without which nobody is watched.
    */test-tracer) continue ;;
    esac
    echo "$test"
done >tests
[ "$(wc -l <tests)" -gt 10 ] || fail "only $(wc -l <tests) unit tests were found"

# Children end by _exit or exec, with what their parent owns: only the test itself counts.
cat >check <<'END'
cd "$abs_top_builddir"
valgrind -q --read-inline-info=no --error-exitcode=119 --leak-check=full --errors-for-leak-kinds=definite,indirect \
    --child-silent-after-fork=yes "$1" >"$TMP/${1##*/}.log" 2>&1 ||
    { cat "$TMP/${1##*/}.log"; echo "FAILED: ${1##*/}"; exit 1; }
END
note_step "unit tests under valgrind"
TMP=$TMP xargs -d '\n' -n 1 -P "$(nproc)" sh ./check <tests >said 2>&1 || { cat said >&2; fail "a unit test"; }
