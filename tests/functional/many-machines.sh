#!/bin/sh
# SPDX-License-Identifier: MIT
# A list of many machines arrives while it is made: a script that reads lines has the first ones
# before maqet has looked at the last ones.
. "${srcdir:-.}/tests/functional/functions.sh"

# Elsewhere than functions.sh looks for machines to be stopped.
vms=$TMP/many/vms
many() { MAQET_DATA_DIR=$TMP/many maqet "$@"; }

vm_yaml m </dev/null
expect 0 many add m.yaml
# More lines than a pipe holds (64 KiB), so that maqet waits for the reader.
long=$(printf '%050d' 0)
seq -f "$vms/m$long%04g" 2000 >folders
xargs mkdir <folders
# shellcheck disable=SC2046 # names without spaces
tee $(sed "s,$,/vm.json," folders) <"$vms/m/vm.json" >/dev/null
tab=$(printf '\t')
last=$(tail -n 1 folders)
same 2001 "$(ls "$vms" | wc -l)" "machines"

many ls --format plain | {
    read -r first _
    echo "$first" >first
    touch "$last/started"
    cut -f 1,2 >rest
}
same m "$(cat first)" "the first line"
grep -q "^m${long}0001${tab}created\$" rest || fail "the second machine is not listed"
grep -q "^m${long}1999${tab}created\$" rest || fail "the last but one is not listed"
grep -q "^m${long}2000${tab}stopped\$" rest || fail "the last machine was looked at before the first line was read"

# A table and JSON are made of all of them.
expect 0 many ls
same 2002 "$(wc -l <out)" "lines of the table"
expect 0 many --format json ls
same 2001 "$(grep -c '"name"' out)" "machines in JSON"
