#!/bin/sh
# SPDX-License-Identifier: MIT
# Thousands of snapshots: an error does not name them all, and what list and tree cost grows with
# their number and not with its square.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
spoil="$abs_top_builddir/tests/images/spoil-qcow2"

# history COUNT KIND: what is known of so many snapshots. Each came of the one before it (chain),
# all came of the first one (star), or of ones that are gone, one on top of the other (gone); all
# of one set (set).
history() {
    awk -v count="$1" -v kind="$2" '
        function key(i) { return "\"" i "@" 1700000000 + i ".000000000\"" }
        function gone(i) { return "\"" i "@1.000000000\"" }
        BEGIN {
            printf "{\"drives\": {\"d\": {\"parents\": {%s: null", key(1)
            for (i = 2; i <= count; i++)
                printf ", %s: %s", key(i), kind == "chain" ? key(i - 1) : \
                    kind == "gone" ? gone(count + i) : key(1)
            for (i = 2; kind == "gone" && i <= count; i++)
                printf ", %s: %s", gone(count + i), gone(count + i - 1)
            printf "}, \"now\": %s}}", key(count)
            printf ", \"sets\": {\"none\": {}"
            for (i = 1; kind == "set" && i <= count; i++)
                printf ", \"s%d\": {\"d\": %s}", i, key(i)
            print "}}"
        }'
}
# many COUNT KIND: the machine vm-COUNT-KIND.
many() {
    vm=vm-$1-$2
    qemu-img create -q -f qcow2 "$vm.qcow2" 64M
    qemu-img snapshot -c s1 "$vm.qcow2"
    "$spoil" snapshots "$vm.qcow2" "$1"
    vm_yaml "$vm" <<EOF
storage:
- {name: d, file: $vm.qcow2}
EOF
    expect 0 maqet add "$vm.yaml"
    history "$1" "$2" >"$MAQET_DATA_DIR/vms/$vm/snapshots.json"
}

# ---- as many as there can be ----

many 65536 star
expect 0 maqet snapshot vm-65536-star tree
same 65538 "$(wc -l <out)" lines
same 1 "$(grep -c '^└─ s1 ' out)"
same 65534 "$(grep -c '^   ├─ s' out)"
same '      └─ (now)' "$(tail -1 out)"
expect 0 maqet --format plain snapshot vm-65536-star list d
same 65536 "$(wc -l <out)" lines
same 65535 "$(awk -F '\t' '$6 == "s1"' out | wc -l)" 'those that came of the first one'
expect 3 maqet snapshot vm-65536-star delete d nope
[ "$(wc -c <err)" -lt 1000 ] || fail "the error has $(wc -c <err) bytes"
err_has 'and 65516 more'
expect 3 maqet snapshot vm-65536-star create d one-more
err_has '65536 snapshots already'

# One on top of the other: as deep as there are, with an indentation that ends somewhere.
many 20000 chain
expect 0 maqet snapshot vm-20000-chain tree
same 20002 "$(wc -l <out)" lines
[ "$(wc -c <out)" -lt 6000000 ] || fail "the tree has $(wc -c <out) bytes"
same 20001 "$(grep -c '└─' out)" branches
many 8 gone
expect 0 maqet snapshot vm-8-gone tree
same 8 "$(grep -c -e '^├─ s' -e '^└─ s' out)" roots

# ---- what it costs ----

case $SANITIZER_FLAGS in
*address*) skip_always "AddressSanitizer and valgrind exclude each other" ;;
esac
requires valgrind

# instructions COMMAND...: how many it takes, of maqet alone. With MALLOC_PERTURB_ each realloc() fills
# all the free memory behind it, as much as there is.
instructions() {
    MALLOC_PERTURB_=0 MAQET_PLUGIN_PATH="$abs_top_builddir/.libs" \
        valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        "$abs_top_builddir/maqet" "$@" 2>callgrind >/dev/null ||
        fail "callgrind: $(cat callgrind)"
    sed -n 's/^.*Collected *: *\([0-9]*\).*/\1/p' callgrind
}
# grows COMMAND KIND: in proportion to the number of snapshots, see below.
grows() {
    few=$(instructions $(echo "$1" | sed "s/@/vm-250-$2/"))
    some=$(instructions $(echo "$1" | sed "s/@/vm-500-$2/"))
    many=$(instructions $(echo "$1" | sed "s/@/vm-1000-$2/"))
    # Twice as many more cost twice as much more, whatever a start costs; it is four times as much
    # where each is held against each.
    [ "$few" -gt 0 ] && [ $((10 * (many - some))) -lt $((25 * (some - few))) ]
}
for kind in star chain gone set; do
    many 250 $kind
    many 500 $kind
    many 1000 $kind
    for command in 'snapshot @ tree' 'snapshot @ list'; do
        grows "$command" $kind ||
            fail "$command, $kind: $few, $some, $many instructions"
    done
done
