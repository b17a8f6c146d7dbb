#!/bin/sh
# SPDX-License-Identifier: MIT
# autoreconf has nothing to say against the build system, in a fresh checkout.
. "${srcdir:-.}/tests/functional/functions.sh"
requires autoreconf libtoolize

mkdir checkout
(
    cd "$abs_top_srcdir"
    find . \( -name '.git*' -o -name 'build*' -o -name 'autom4te.cache' -o -name Makefile.in \) -prune -o \
        \( -name configure.ac -o -name Makefile.am -o -name '*.mk' -o -name '*.in' \
        -o -path ./m4/README -o -path ./include/maqet-plugin.h \) -print | tar -cf - -T -
) | tar -xf - -C checkout
expect 0 env -C checkout autoreconf -fi -Wall
cat out err >said
! grep -i warning said || fail "autoreconf warns"
[ -x checkout/configure ] || fail "there is no configure"
