#!/bin/sh
# SPDX-License-Identifier: MIT
# What `maqet plugin check` prints, and when: each result as soon as its check has ended; what
# was not run, when the time is over or somebody interrupts it; and the list of all checks.
. "${srcdir:-.}/tests/functional/functions.sh"
: "${CC:=cc}"
requires perl "${CC%% *}"
unset MAQET_PLUGIN_PATH
TMPDIR="$TMP/tmp"
export TMPDIR
mkdir "$TMPDIR"

# A plugin with one fault, and a callback that never returns.
mkdir hangs
cat >hangs/hangs.c <<'EOF'
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>
#include <unistd.h>

static const struct maqet_option options[] = {
    {.name = "colour", .type = MAQET_OPTION_STRING},
    {.name = NULL},
};

static int
hangs_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                struct maqet_error **err)
{
    for (;;)
        pause();
    return 0;
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "hangs",
    .summary = "a disk that is never there",
    .options = options,
    .interface = "virtio",
    .emit_args = hangs_emit_args,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
EOF
plugin="$TMP/hangs/maqet-storage-hangs.so"
"${CC%% *}" -fPIC -shared -I"$abs_top_srcdir/include" -o "$plugin" hangs/hangs.c

# begin OPTION...: runs the checks in the background, until one of them hangs. A shell ignores
# SIGINT in what it runs in the background, and an ignored signal stays ignored.
begin() {
    : >out
    perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$MAQET" "$@" plugin check "$plugin" \
        --only loads --only options --only emit --only children --only output >out 2>err &
    pid=$!
    # Each result is there while the next check is running.
    if [ "${1-}" != --format ] || [ "$2" = plain ]; then
        eventually 30 grep -q '^options' out
        ! grep -qE '^(emit|children|output)' out || fail "a result before its time: $(cat out)"
    else
        # shellcheck disable=SC2016 # it is the other shell that expands this
        eventually 30 sh -c '[ -e "$TMPDIR"/maqet-check-*/emit ]'
    fi
    kill -0 "$pid" || fail "it has ended: $(cat out err)"
}
ended() { # CODE
    code=0
    wait "$pid" || code=$?
    same "$1" "$code" "the exit status"
    [ -z "$(ls -A "$TMPDIR")" ] || fail "$(ls -A "$TMPDIR") is left"
    grep -lazx "TMPDIR=$TMPDIR" /proc/[0-9]*/environ 2>/dev/null >environs || :
    while read -r environ; do
        [ "$(readlink "${environ%environ}exe")" != "$(readlink -f "$abs_top_builddir/maqet")" ] ||
            fail "a process is left: $environ"
    done <environs
}

# Interrupted, it says what is known, and of which checks nothing is; the status is the signal's.
for signal in INT:130 TERM:143 HUP:129; do
    begin
    kill -s "${signal%:*}" "$pid"
    ended "${signal#*:}"
    out_has "5 checks: 1 ok, 1 FAILED (options), 3 not run"
    err_has "WARNING: Interrupted; not run: emit, children, output"
done
begin --format json
kill -s INT "$pid"
ended 130
perl -MJSON::PP -0777 -e '
    print join(" ", map { "$_->{check}=$_->{result}" } @{decode_json(<>)}), "\n"' out >results
same "loads=ok options=FAILED emit=not run children=not run output=not run" "$(cat results)" \
    "the document of one that was interrupted"
begin --format plain
kill -s INT "$pid"
ended 130
same "loads options emit children output" "$(cut -f 1 out | tr '\n' ' ' | sed 's/ $//')" \
    "the lines of one that was interrupted"

# When the time is over, a check that failed decides about the exit status.
expect 1 maqet plugin check "$plugin" --timeout 2 --only options --only emit --only children
out_has "3 checks: 1 FAILED (options), 2 not run"
err_has "The time limit of 2 s for all checks is over; not run: emit, children"
err_has "--timeout SECONDS"
expect 2 maqet --format plain plugin check "$plugin" -t 2 --only loads --only emit --only children
same "ok not run not run" "$(cut -f 2 out | tr '\n' ' ' | sed 's/ $//')" "the results"
same "the time limit of 2 s for all checks is over" "$(awk -F '\t' '$1 == "children" { print $3 }' out)" "why"
expect 0 maqet plugin check "$plugin" --timeout 0 --only loads
[ -z "$(ls -A "$TMPDIR")" ] || fail "$(ls -A "$TMPDIR") is left"

# Lines fit on a terminal of 80 columns, in columns that never move; the reason is below them.
expect 1 maqet plugin check "$plugin" --only loads --only options --only snapshots --only capacity
! grep -E '^.{81}' out || fail "a line is too long"
for name in CHECK loads options snapshots capacity; do
    sed -n "s/^$name *\(RESULT\|ok\|FAILED\|skipped\)/\1/p" out | grep -q . || fail "no line of $name"
    grep "^$name " out | sed 's/\(RESULT\|ok\|FAILED\|skipped\).*//' | tr -d '\n' | wc -c
done | sort -u >columns
same 1 "$(wc -l <columns)" "the columns of results"
out_has "    the option 'colour' has no help text"
out_has "    What to do: Say in one line what it is for"
same "4 checks: 1 ok, 2 skipped, 1 FAILED (options)" "$(tail -n 1 out)" "the summary"

# All checks, without a plugin: the same as in the manual page, and each of them can be named.
expect 0 maqet --format plain plugin check --list
cut -f 1 out >names
[ "$(wc -l <names)" -ge 34 ] || fail "too few checks are listed"
same "" "$(cut -f 2 out | grep -vxE 'all|storage|interface')" "the plugins that they are for"
expect 0 maqet plugin check --list
! grep -E '^.{81}' out || fail "a line is too long"
same "$(cat names)" "$(sed -n 's/^\([a-z][a-z-]*\)  .*/\1/p' out)" "the checks of the table"
page="$abs_top_builddir/docs/maqet-plugin-check.1"
sed -n '/^\.SH CHECKS/,/^\.SH OUTPUT/p' "$page" | sed 's/\\-/-/g' |
    sed -n 's/^\\fB\([a-z-]*\)\\fR (.*/\1/p' >documented
diff -u names documented || fail "the checks and those of maqet-plugin-check(1) differ"
expect 0 maqet --format json plugin check --list --only emit
out_has '"result": null'
expect 3 maqet plugin check --list "$plugin"
err_has "--list takes no FILE"
expect 3 maqet plugin check
err_has "Name the FILE of a plugin, or use --list"
