#!/bin/sh
# SPDX-License-Identifier: MIT
# The command line for every storage x interface x media x machine, word for word.
# MAQET_TEST_UPDATE=1 writes the expectation anew; read the difference before committing it.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/combinations.sh"

show() {
    echo "## $1"
    maqet --format plain args "$3" | sed "s|$TMP|@TMP@|g"
}
each_combination show >golden
expected="$abs_top_srcdir/tests/functional/args-golden.txt"
if [ "${MAQET_TEST_UPDATE:-}" ]; then
    cp golden "$expected"
fi
diff -u "$expected" golden || fail "the command line has changed"
