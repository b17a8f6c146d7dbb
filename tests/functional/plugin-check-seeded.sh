#!/bin/sh
# SPDX-License-Identifier: MIT
# Every fault of tests/plugins/seeded-faults.h is found by `maqet plugin check`, by the check that is
# there for it; each check has such a fault; and the plugins without a fault pass all checks.
. "${srcdir:-.}/tests/functional/functions.sh"
: "${CC:=cc}"
requires qemu-io qemu-nbd "${CC%% *}"
qemu_required
umask 022
unset MAQET_PLUGIN_PATH

sources="$abs_top_srcdir/tests/plugins"
export sources

# "SOURCE NAME CHECK" for each fault, from the table that the sources include.
awk '/^    \/\* Of seeded[a-z-]*\.c/ { source = $3; sub(/\.c.*/, "", source) }
    match($0, /^    [A-Z_]+, *\/\* [a-z-]+: ./) {
        name = $1; sub(/,/, "", name); check = $3; sub(/:/, "", check)
        print source, name, check
    }' "$sources/seeded-faults.h" >faults
count=$(wc -l <faults)
[ "$count" -ge 60 ] || fail "only $count faults are in the table"
same "$(($(grep -c '^    [A-Z_]*,' "$sources/seeded-faults.h") - 1))" "$count" "the rows of the table that are read"
same "" "$(cut -d ' ' -f 2 faults | sort | uniq -d)" "faults that are there twice"

# Each check is measured by a fault, and each fault belongs to a check.
expect 0 maqet --format plain plugin check --list
cut -f 1 out | sort >checks
cut -d ' ' -f 3 faults | sort -u >measured
diff -u checks measured || fail "checks without a fault (-), or faults of no check (+)"

# try SOURCE NAME [CHECK]: builds the plugin with a fault against the public header alone, and runs
# a check, or all.
cat >try <<'EOF'
name=$2
mkdir -p "$name/tmp"
case $1 in
*iface*) plugin=$name/maqet-iface-seeded.so ;;
*) plugin=$name/maqet-storage-seeded.so ;;
esac
"${CC%% *}" -std=gnu11 -O0 -shared -fPIC -pthread -I"$abs_top_srcdir/include" "-DFAULT=$name" \
    "-DFAULT_IS_$name" -o "$plugin" "$sources/$1.c" || exit 255
code=0
TMPDIR=$PWD/$name/tmp "$MAQET" --format plain plugin check ${3:+--only "$3"} "$plugin" \
    >"$name/out" 2>"$name/err" || code=$?
echo "$code" >"$name/code"
EOF
export CC abs_top_srcdir MAQET

# Those without a fault pass everything; what one of them does not have is tried with another.
cut -d ' ' -f 1 faults | sort -u >sources
while read -r source; do
    sh try "$source" NO_FAULT
    cat NO_FAULT/out NO_FAULT/err
    same 0 "$(cat NO_FAULT/code)" "the exit code of $source without a fault"
    ! cut -f 2 NO_FAULT/out | grep -qvxE 'ok|skipped' || fail "$source without a fault fails"
    awk -F '\t' '$2 == "ok" { print $1 }' NO_FAULT/out >>passed
    rm -r NO_FAULT
done <sources
sort -u passed | diff -u checks - || fail "checks that no plugin without a fault has passed (-)"

# As many at once as there are processors, since the checks wait, too.
note_step "the faults"
xargs -P "$(getconf _NPROCESSORS_ONLN)" -n 3 sh try <faults || fail "a fault cannot be built"

missed=
while read -r source name check; do
    result=$(awk -F '\t' -v check="$check" '$1 == check { print $2 }' "$name/out")
    why=$(cut -f 3 "$name/out")
    echo "$name: $check: $result: $why"
    # What it says is a sentence for the author, and nothing stays.
    [ "$result" = FAILED ] && [ "$(cat "$name/code")" = 1 ] && [ "${#why}" -gt 20 ] &&
        [ -z "$(ls -A "$name/tmp")" ] && continue
    cat "$name/out" "$name/err" >&2
    ls -A "$name/tmp" >&2
    missed="$missed $name ($check)"
done <faults
[ -z "$missed" ] || fail "faults that are not found, or leave something behind:$missed"
