#!/bin/sh
# SPDX-License-Identifier: MIT
# Every fault of tests/plugins/seeded-faults.h is found by `maqet plugin check`, by the check that is
# there for it; and the plugin without a fault passes all of them.
. "${srcdir:-.}/tests/functional/functions.sh"
: "${CC:=cc}"
requires qemu-io qemu-nbd "${CC%% *}"
qemu_required
umask 022
unset MAQET_PLUGIN_PATH

sources="$abs_top_srcdir/tests/plugins"
# "NUMBER KIND CHECK" for each fault, from the table that the sources include.
sed -n -e 's/^#define [A-Z_]* *\([0-9]*\) *\/\* \([a-z-]*\): .*/\1 \2/p' -e 's/^\/\* Of seeded-iface.c: .*/iface/p' \
    "$sources/seeded-faults.h" | awk '$1 == "iface" { kind = "iface"; next }
    { print $1, (kind ? kind : "storage"), $2 }' >faults
count=$(wc -l <faults)
[ "$count" -ge 20 ] || fail "only $count faults are in the table"

build() { # FOLDER KIND FAULT: against the public header alone
    case $2 in
    storage) source=seeded.c ;;
    iface) source=seeded-iface.c ;;
    esac
    mkdir "$1"
    "${CC%% *}" -std=gnu11 -O1 -g -shared -fPIC -I"$abs_top_srcdir/include" "-DFAULT=$3" \
        -o "$1/maqet-$2-seeded.so" "$sources/$source"
}

# In the background: the checks mostly wait. Five of them look at what the plugin did in all
# others.
check() { # FOLDER KIND [CHECK]
    case ${3-} in
    '' | writes | descriptors | children | environment | output) only= ;;
    *) only="--only $3" ;;
    esac
    mkdir -p "$1/tmp"
    (
        code=0
        TMPDIR="$TMP/$1/tmp" "$MAQET" --format plain plugin check $only \
            "$1/maqet-$2-seeded.so" >"$1/out" 2>"$1/err" || code=$?
        echo "$code" >"$1/code"
    ) &
}

result() { # FOLDER CHECK
    awk -F '\t' -v check="$2" '$1 == check { print $2 }' "$1/out"
}

build clean-storage storage 0
build clean-iface iface 0
check clean-storage storage
check clean-iface iface
wait
for kind in storage iface; do
    cat clean-$kind/out clean-$kind/err
    same 0 "$(cat clean-$kind/code)" "the exit code for a $kind without a fault"
    ! cut -f 2 clean-$kind/out | grep -qvx ok ||
        fail "a $kind without a fault does not pass every check"
done

running=0
while read -r number kind check; do
    build "fault-$number" "$kind" "$number"
    check "fault-$number" "$kind" "$check"
    running=$((running + 1))
    [ $((running % 8)) -ne 0 ] || wait
done <faults
wait

found=0
while read -r number kind check; do
    got=$(result "fault-$number" "$check")
    echo "fault $number: $check: $got"
    if [ "$got" != FAILED ] || [ "$(cat "fault-$number/code")" != 1 ]; then
        cat "fault-$number/out" "fault-$number/err" >&2
        fail "fault $number is not found by the check '$check'"
    fi
    # What it says is a sentence for the author.
    awk -F '\t' -v check="$check" '$1 == check && length($3) > 20 { found = 1 }
        END { exit !found }' "fault-$number/out" || fail "the check '$check' gives no reason"
    [ -z "$(ls -A "fault-$number/tmp")" ] || fail "fault $number leaves files behind"
    found=$((found + 1))
done <faults
same "$count" "$found" "the number of faults that were found"
