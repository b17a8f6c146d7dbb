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
export MAQET_TEST_SLOW

number=0
for test in "$abs_top_builddir"/tests/unit/test-*; do
    case $test in
    *.c | *.o | *.log | *.trs) continue ;;
    # The valgrind of Debian 12 does not know pidfds, without which nothing is launched or found.
    */test-holders | */test-launch | */test-quiesce | */test-run) continue ;;
    # No valgrind knows seccomp, without which nobody is watched.
    */test-tracer) continue ;;
    esac
    note_step "$(basename "$test") under valgrind"
    # Children end by _exit or exec, with what their parent owns: only the test itself counts.
    (cd "$abs_top_builddir" && valgrind -q --error-exitcode=119 --leak-check=full \
        --errors-for-leak-kinds=definite,indirect --child-silent-after-fork=yes \
        "$test") >log 2>&1 || { cat log >&2; fail "$(basename "$test")"; }
    number=$((number + 1))
done
[ "$number" -gt 10 ] || fail "only $number unit tests were found"
