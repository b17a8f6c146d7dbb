#!/bin/sh
# SPDX-License-Identifier: MIT
# Commands that are several: each action has operands, options and help of its own, and refuses
# the options of the others. What there is comes from what the shell's completion asks.
. "${srcdir:-.}/tests/functional/functions.sh"

complete() { maqet --complete "$@"; }
operands_of() { complete "$@" | grep -v '^-'; }
options_of() { complete "$@" | grep '^--'; }

options_of help >global
maqet --list-commands | cut -f 1 >commands
tried=0 refused=0
while read -r command; do
    # What stands before the action.
    vm=
    [ "$(operands_of "$command" | head -n 1)" != VM ] || vm=vm
    # shellcheck disable=SC2086 # a word or none
    actions=$(operands_of "$command" $vm | grep '|' | grep -v '^VM') || continue
    for action in $(printf '%s\n' "$actions" | tr '|' ' '); do
        options_of "$command" $vm "$action" | grep -vxFf global >"own.$action" || true
    done
    cat own.* | sort -u >any
    for action in $(printf '%s\n' "$actions" | tr '|' ' '); do
        expect 0 maqet "$command" "$action" --help
        out_has "Usage: maqet $command [OPTION]... ${vm:+VM }$action"
        out_has "Examples:"
        # The same wherever it is asked, and no other options than it takes.
        cp out help.out
        expect 0 maqet help "$command" "$action"
        cmp out help.out || fail "'maqet help $command $action' shows something else"
        sed -n '/^Options:/,/^Examples:/s/^ *\(-[a-z], \)\{0,1\}\(--[a-z-]*\).*/\2/p' out |
            sort >shown
        [ "$command $action" != "snapshot export" ] || sed -i '/^--format$/d' shown
        sort "own.$action" | diff -u - shown || fail "the help of '$command $action'"
        while read -r option; do
            tried=$((tried + 1))
            code=0
            maqet "$command" $vm "$action" "$option" >out 2>err || code=$?
            if grep -q 'needs a value' err; then
                code=0
                maqet "$command" $vm "$action" "$option" 1 >out 2>err || code=$?
            fi
            if grep -qx -e "$option" "own.$action"; then
                ! grep -q 'not an option' err || fail "'$command $action' refuses $option"
                continue
            fi
            refused=$((refused + 1))
            same 3 $code "the exit code of '$command $action $option'"
            err_has "$option is not an option of '$command $action', but of '$command "
        done <any
    done
    rm own.* any
done <commands
[ "$tried" -gt 50 ] || fail "only $tried options were tried"
[ "$refused" -gt 30 ] || fail "only $refused were refused"
