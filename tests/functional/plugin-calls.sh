#!/bin/sh
# SPDX-License-Identifier: MIT
# The author's guide says which callbacks each command calls, and in which order. A plugin that
# writes down when it is called says so, too.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires qemu-img
: "${CC:=cc}"
requires "${CC%% *}"
guide="$abs_top_srcdir/docs/plugins.md"

mkdir plugins
expect 0 "${CC%% *}" -Wall -Wextra -Werror -fPIC -shared -I"$abs_top_srcdir/include" \
    "$abs_top_srcdir/tests/plugins/traced.c" -o plugins/maqet-storage-traced.so
export MAQET_PLUGIN_PATH="$TMP/plugins"
export MAQET_TRACE="$TMP/trace"
cat >vm.yaml <<END
name: vm
binary: qemu-system-x86_64
accel: tcg
memory: 64M
storage:
  - {name: disk, type: traced, file: disk.img}
END

# The words of the guide's row, and what was called, each word once, by its first call.
row() { # ROW COMMAND...
    row=$1
    shift
    : >trace
    expect 0 "$@"
    compare "$row"
}
compare() { # ROW
    row=$1
    awk '!seen[$0]++' trace >called
    sed -n '/^## When a plugin is called/,/^## /p' "$guide" | grep -F "| $row |" |
        sed 's/^|[^|]*|//' | grep -o '`[a-z_.]*`' | tr -d '`' >told || :
    printf '%s\n' "$row" >>compared
    diff -u told called || fail "the guide's row '$row' (-) and what was called (+) differ"
}

row '`validate`, `add`, `apply`; the image does not exist' maqet validate vm.yaml
row '`validate`, `add`, `apply`; the image does not exist' maqet add vm.yaml
row '`validate`, `add`, `apply`; the image does not exist' maqet apply vm vm.yaml
row '`args`' maqet args vm
row '`start`; the image does not exist' maqet start vm
row '`snapshot create --live`' maqet snapshot vm create disk one --live
row '`snapshot list`' maqet snapshot vm list disk
row '`snapshot delete --live`' maqet snapshot vm delete disk one --live --yes
row '`resize`; running' maqet resize vm disk 20M
row '`status`' maqet status vm
row '`stop`' maqet stop vm --timeout 0 --force
row '`status`' maqet status vm
row '`validate`, `add`, `apply`; the image exists' maqet validate vm.yaml
row '`validate`, `add`, `apply`; the image exists' maqet apply vm vm.yaml
row '`resize`; stopped' maqet resize vm disk 24M
row '`check`' maqet check vm
row '`snapshot create`; stopped' maqet snapshot vm create disk two
row '`snapshot list`' maqet snapshot vm list disk
row '`snapshot load`; stopped' maqet snapshot vm load disk two --yes
row '`snapshot delete`; stopped' maqet snapshot vm delete disk two --yes
row '`start`; the image exists' maqet start vm
expect 0 maqet stop vm --timeout 0 --force
row '`rm`' maqet rm vm --yes

# Storage that is not a file: once, and for each start. Its plugin writes more than one word.
lived() { # ROW COMMAND...
    row=$1
    shift
    : >calls
    expect 0 "$@"
    sed 's/^disk //' calls | grep -vE 'created|there|gone|finished' >trace
    compare "$row"
}
for name in once each; do
    flags=
    [ $name = once ] || flags=-DEACH_START
    # shellcheck disable=SC2086 # no flag, or one
    expect 0 "${CC%% *}" -Wall -Wextra -Werror -fPIC -shared -DMAQET_PLUGIN_ABI=1 $flags \
        -I"$abs_top_srcdir/include" "$abs_top_srcdir/tests/plugins/lives.c" \
        -o plugins/maqet-storage-$name.so
done
mkdir place
sed 's/type: traced.*}/type: once, log: calls, place: place}/' vm.yaml >once.yaml
sed 's/type: traced.*}/type: each, log: calls}/' vm.yaml >each.yaml
expect 0 maqet add once.yaml
lived '`start`; made once without a path, and missing' maqet start vm
lived '`stop`; with `ended`' maqet stop vm --timeout 0 --force
lived '`rm --delete-storage`; made once without a path' maqet rm vm --yes --delete-storage
expect 0 maqet add each.yaml
lived '`start`; made for each start' maqet start vm
lived '`stop`; with `ended`' maqet stop vm --timeout 0 --force

# No row is left that nobody looked at.
sed -n '/^## When a plugin is called/,/^## /p' "$guide" | sed -n 's/^| \(`[^|]*\) |.*/\1/p' |
    sort >rows
sort -u compared | diff -u rows - || fail "these rows of the guide were not looked at"
