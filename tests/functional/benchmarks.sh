#!/bin/sh
# SPDX-License-Identifier: MIT
# script/bench tells what it has and refuses what it hasn't, and each benchmark runs through. What
# it measures is of no interest here.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires qemu-io
bench=${abs_top_srcdir:?}/script/bench

expect 0 "$bench"
out_has 'snapshot '
expect 0 "$bench" --help
out_has '--rounds N'
expect 2 "$bench" nonesuch
err_has "unknown benchmark 'nonesuch'"
expect 2 "$bench" bench-functions
expect 2 "$bench" ../functional/lifecycle
expect 2 "$bench" snapshot --rounds
expect 2 "$bench" snapshot --rounds 0
expect 2 "$bench" snapshot --rounds many
expect 2 "$bench" snapshot --fast
expect 2 "$bench" snapshot list

BENCH_REPEATED=1 expect 0 "$bench" yaml --rounds 1 --build "$abs_top_builddir"
out_has '| the tree of configuration, with its places '

BENCH_WRITTEN=1 BENCH_MERGED=4 BENCH_SCATTERED=100 BENCH_BASE=16 \
    expect 0 "$bench" chain --rounds 1 --build "$abs_top_builddir"
out_has '| create an overlay, 1 TB, empty '
out_has '| qemu-img commit '
out_has '| 64 KB, extended_l2, those of maqet '

[ -n "${MAQET_TEST_REQUIRE:-}" ] || [ -f "${abs_top_builddir:?}/guest/kernel" ] ||
    skip "the test guest is not built"
BENCH_SNAPSHOTS=2 expect 0 "$bench" snapshot --rounds 1 --build "$abs_top_builddir"
out_has '| maqet snapshot VM list DRIVE '
out_has "| savevm, by the monitor "
out_has '| qemu-img snapshot -d '
BENCH_PARTS='method busy load' BENCH_MEMORY=256M \
    expect 0 "$bench" checkpoint --rounds 1 --build "$abs_top_builddir"
out_has '| maqet checkpoint VM create --method background '
out_has '| --method background: the command '
! precopy_sound || out_has '| --method precopy --limit 5: the pause '
out_has '| maqet start VM --from CHECKPOINT '
out_has '| maqet checkpoint VM load, one that is ended first '
out_has '| the same with --read '
out_has '| QEMU without a state, until its guest runs '
BENCH_FORKS=2 BENCH_MEMORY=256M BENCH_FILLED=40 BENCH_PARTS='little gap run' \
    expect 0 "$bench" fork --rounds 1 --build "$abs_top_builddir"
out_has '| maqet fork VM NAME --from CHECKPOINT --count '
out_has '| as many bare starts of QEMU, two at a time '
grep -q '^When each guest has read the 40 MB that are filled: one fork [1-9][0-9]* MB, all [1-9]' out ||
    fail "no memory after reading: $(cat out)"
grep -q '^Memory of the host: the source [1-9][0-9]* MB, one fork [1-9][0-9]* MB, all [1-9]' out || fail "no memory: $(cat out)"
out_has '| maqet checkpoint VM load: the longest gap '
out_has '| maqet fork VM NAME --from CHECKPOINT: the same '
out_has '| maqet run VM --from CHECKPOINT --discard -- true '
out_has '| the same, its drive with internal snapshots '
if command -v mke2fs >/dev/null || [ -x /sbin/mke2fs ]; then
    BENCH_FILES=10 BENCH_MEGABYTES=1 expect 0 "$bench" shares --rounds 1 --build "$abs_top_builddir"
    out_has '| mapped-xattr '
    out_has '| msize=512000 '
fi
