# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# interrupt-functions.sh - for tests that interrupt commands: image-functions.sh, and these.

# nothing_left WHAT: no job is pending, no file is unfinished.
nothing_left() {
    [ ! -e data/vms/vm/pending.json ] || fail "$1: a job is pending: $(cat err)"
    [ ! -e data/vms/vm/exports.json ] || fail "$1: an export is recorded: $(cat err)"
    left=$(find . -name '*.maqet-*' ! -name '*.maqet-lock')
    [ -z "$left" ] || fail "$1: left: $left"
}

# at_every_step LEAST AFTER ARGUMENT...: the first wait is interrupted, then the second, and so on,
# beyond the tenth in growing steps, since a slow machine waits more often, until the
# command comes to its end twice in a row (a signal may arrive when all is done); AFTER is run each
# time. LEAST of them must be interrupted.
at_every_step() {
    least=$1
    after=$2
    shift 2
    step=0
    interrupted=0
    completed=0
    while [ "$completed" -lt 2 ]; do
        step=$((step + 1 + step / 10))
        code=0
        note_step "$*, interrupted at wait $step"
        traced poll "signal=INT:when=$step" "$@" >out 2>err || code=$?
        case $code in
        0) completed=$((completed + 1)) ;;
        130)
            completed=0
            interrupted=$((interrupted + 1))
            ;;
        *)
            cat err >&2
            fail "$*, interrupted at $step: exit code $code"
            ;;
        esac
        nothing_left "$*, interrupted at $step"
        $after
    done
    [ "$interrupted" -ge "$least" ] || fail "$*: only $interrupted waits of $step were interrupted"
}
