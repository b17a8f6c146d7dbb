#!/bin/sh
# SPDX-License-Identifier: MIT
# The command line for every storage x interface x media x machine, word for word: of new
# machines, and of those that a maqet without defaults of its own has added.
# MAQET_TEST_UPDATE=1 writes the expectations anew; read the difference before committing it.
. "${srcdir:-.}/tests/functional/functions.sh"
VM_BOOTS=yes
. "${abs_top_srcdir:?}/tests/functional/combinations.sh"

# The UUID of a machine is a new one each time, and so is the MAC address.
hex='[0-9a-f]'
show() {
    echo "## $1"
    maqet --format plain args "$3" | sed "s|$TMP|@TMP@|g; s|^$hex\{8\}-.*-$hex\{12\}$|@UUID@|
        s|mac=[0-9a-f:]*|mac=@MAC@|; s|guid=$hex*-.*|guid=@UUID@|"
}

# The same as a stored machine without the number of its defaults. Its command line must stay
# as it was, for its guest, and for its checkpoints, which record it.
show_earlier() {
    echo "## $1"
    maqet -q add "$3"
    sed -i '/^  "defaults":2,$/d' "data/vms/$1/vm.json"
    ! grep -q '"defaults"' "data/vms/$1/vm.json" || fail "the number of the defaults is still there"
    maqet --format plain args "$1" | sed "s|$TMP|@TMP@|g"
}

compare() { # COMMAND FILE
    each_combination "$1" >golden
    expected="$abs_top_srcdir/tests/functional/$2"
    if [ "${MAQET_TEST_UPDATE:-}" ]; then
        cp golden "$expected"
    fi
    diff -u "$expected" golden || fail "the command line has changed"
}
compare show args-golden.txt
compare show_earlier args-golden-earlier.txt
