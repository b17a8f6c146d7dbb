#!/bin/sh
# SPDX-License-Identifier: MIT
# What bash completes, by where in the command line the word stands.
. "${srcdir:-.}/tests/functional/functions.sh"
requires bash
requires qemu-img

cat >complete.bash <<'END'
. "$1"
shift
compopt() { :; }
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_maqet "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
END

# Completes the last word of the line, and compares what there is with these words.
completes() { # WORDS WORD...
    wanted=$1
    shift
    bash complete.bash "$abs_top_srcdir/completions/maqet.bash" "$MAQET" "$@" 2>err |
        sort -u | tr '\n' ' ' | sed 's/ $//' >completed
    [ ! -s err ] || fail "'$*': $(cat err)"
    same "$wanted" "$(cat completed)" "what '$*' is completed to"
}

for vm in one two; do
    vm_yaml $vm <<END
storage:
  - {name: hdd, type: qcow2, size: 1M}
  - {name: data, type: qcow2, size: 1M, file: $TMP/$vm.qcow2}
END
    expect 0 maqet add $vm.yaml
    qemu-img create -q -f qcow2 $vm.qcow2 1M
done
expect 0 maqet snapshot one create data before
mkdir folder
touch other.txt

# Operands, by their kinds.
completes "start status stop storage" st
completes "one two" stop ''
completes "one two" stop one --timeout 3 --force ''
completes one start --wait = 3 o
completes "data folder images one.yaml run two.yaml" add ''
completes "data folder images one.yaml run two.yaml" apply one ''
completes "one one.yaml" args one
completes "data hdd" resize one ''
completes '' resize one data ''
completes "qcow2" plugin info qcow2
completes "other.txt" plugin check oth
completes "snapshot start status stop storage" help s

# An action and its own operands.
completes "one two" snapshot ''
completes "create delete export list load tree" snapshot one ''
completes "ls rm" storage ''
completes "data hdd" snapshot one create ''
completes "data hdd" snapshot --live one create --exclude x ''
completes '' snapshot one create data ''
completes before snapshot one load data ''
completes '' snapshot one load hdd ''
completes "other.txt" snapshot one export data before oth
completes '' checkpoint one create ''
completes "check info list manual schema" help plugin ''

# Options: those of the action, and what their values are.
completes "--all --auto" snapshot one create --a
completes "--all" snapshot one list --a
completes '' snapshot one list --mem
completes "auto background precopy stop" checkpoint one create --method ''
completes precopy checkpoint one create --method = p
completes "auto background precopy stop" checkpoint one create --method =
completes folder ls --data-dir fo
completes "json plain qcow2 raw table yaml" snapshot one export --format ''
completes "json plain table yaml" snapshot one list --format ''
completes '' stop --timeout ''
