#!/bin/sh
# SPDX-License-Identifier: MIT
# maqet backup list and verify: what is missing, damaged or was made up by others is found, and what can
# still be restored is said. They need neither the VM nor the right to write, nor the place where
# the backups were created.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
. "${abs_top_srcdir:?}/tests/functional/backup-image-functions.sh"
requires qemu-img qemu-io perl strace

add_web
make_five
cp -a b whole
anew() {
    rm -rf b
    cp -a whole b
}
# broken NUMBER... -- TEXT: these cannot be restored, all others can, and the text is said.
broken() {
    bad=
    while [ "$1" != -- ]; do
        bad="$bad$1 "
        shift
    done
    expect 1 maqet backup web verify b
    for number in 1 2 3 4 5; do
        case " $bad" in
        *" $number "*) out_has "$(id $number) of VM 'web': damaged, it cannot be restored" ;;
        *) out_has "$(id $number) of VM 'web': sound, it can be restored" ;;
        esac
    done
    out_has "$2"
}

# ---- without the VM, elsewhere ----

expect 0 maqet backup web list b
out_has "web  $(id 1)"
out_has full
out_has incremental
expect 0 maqet --format json backup web list b
out_has "\"base\": \"$(id 4)\""
expect 0 maqet backup web verify b
expect 0 maqet rm web --yes
mkdir -p elsewhere/deeper
cp -r b elsewhere/deeper/copy
MAQET_DATA_DIR="$TMP/other" expect 0 maqet backup web list elsewhere/deeper/copy
out_has "$(id 5)"
MAQET_DATA_DIR="$TMP/other" expect 0 maqet backup web verify elsewhere/deeper/copy "$(id 5)"
out_has "$(id 5) of VM 'web': sound"
out_lacks "$(id 4)"
(cd elsewhere/deeper && MAQET_DATA_DIR="$TMP/other" maqet backup web verify copy) || fail "a relative path"
mv b moved
expect 0 maqet backup web verify moved
mv moved b
# Nothing is written.
find b -printf '%p %T@ %s\n' | sort >before
chmod -R a-w b
expect 0 maqet backup web list b
expect 0 maqet backup web verify b
chmod -R u+w b
find b -printf '%p %T@ %s\n' | sort | diff before - || fail "something was written"
expect 3 maqet backup web list nowhere
expect 3 maqet backup nobody list b
expect 3 maqet backup web verify b "$(id 7)"
err_has "$(id 5)"
mkdir empty
expect 3 maqet backup web list empty
err_has "There are no backups of VM 'web'"
expect 3 maqet backup web verify empty

# ---- damage ----

rm "$(of b 3)"
broken 3 4 5 -- "$(id 3)/hdd.qcow2 is missing"
expect 0 maqet --format plain backup web list b
same "1 2 " "$(complete b)" "complete ones"
anew
rm -r "b/web/$(id 2)"
expect 1 maqet backup web verify b
out_has "$(id 1) of VM 'web': sound"
out_has "$(id 3) of VM 'web': damaged"
out_has "stands on that in the backup $(id 2), which is missing"
expect 0 maqet backup web list b
err_has "$(id 5) of VM 'web' is damaged"
anew
truncate -s -65536 "$(of b 5)"
broken 5 -- "$(id 5)/hdd.qcow2 has"
anew
printf x | dd of="$(of b 2)" bs=1 seek=350000 conv=notrunc 2>/dev/null
broken 2 3 4 5 -- "$(id 2)/hdd.qcow2 has changed: its checksum is"
expect 0 maqet backup web verify b --quick
anew
echo '{' >"b/web/$(id 4)/manifest.json"
broken 4 5 -- "whose manifest cannot be read"
anew
rm "b/web/$(id 5)/manifest.json"
broken 5 -- "manifest.json"
anew
# An image that was damaged before its checksum was taken.
printf '\200\0\0\0\0\0\2\0' | dd of="$(of b 5)" bs=1 seek=262144 conv=notrunc 2>/dev/null
sed -i 's/"checksum": "[^"]*"/"checksum": "xxh3:0"/' "b/web/$(id 5)/manifest.json"
maqet backup web verify b "$(id 5)" >sums 2>&1 || :
sum=$(sed -n 's/.*its checksum is \([^ ]*\) instead.*/\1/p' sums)
sed -i "s/xxh3:0/$sum/" "b/web/$(id 5)/manifest.json"
broken 5 -- "$(id 5)/hdd.qcow2"

# ---- what others have made up ----

# No system call opens a file that only they name.
secret=$TMP/secret
printf 'the secret' >"$secret"
untouched() { # WHAT
    for action in "verify b" "prune b --keep 2"; do
        # shellcheck disable=SC2086
        ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o trace -e trace=openat,open,unlink,unlinkat,rename,renameat,renameat2 \
            "$MAQET" backup web $action >out 2>err || :
        ! grep -q "$secret" trace || fail "$1: $action opens it: $(grep "$secret" trace | head -3)"
    done
    same 'the secret' "$(cat "$secret")" "$1: the file"
}
anew
qemu-img rebase -q -u -f qcow2 -F raw -b "$secret" "$(of b 4)"
broken 4 5 -- "names the backing file"
untouched "a backing file"
anew
qemu-img rebase -q -u -f qcow2 -F raw -b "$secret" "$(of b 1)"
broken 1 2 3 4 5 -- "names the backing file"
untouched "a backing file of a full one"
anew
qemu-img rebase -q -u -f qcow2 -b '' "$(of b 4)"
broken 4 5 -- "names no backing file"
anew
# A name that leads to another backup than the manifest says.
qemu-img rebase -q -u -f qcow2 -F qcow2 -b "../$(id 2)/hdd.qcow2" "$(of b 4)"
broken 4 5 -- "according to the manifest it stands on"
anew
rm "$(of b 5)"
qemu-img create -q -f qcow2 -o "data_file=$secret,data_file_raw=off" "$(of b 5)" 1M 2>/dev/null || :
printf 'the secret' >"$secret"
broken 5 -- "$(id 5)"
untouched "a data file"
anew
rm "$(of b 5)"
ln -s "$secret" "$(of b 5)"
broken 5 -- "is not a regular file"
untouched "a link"
anew
rm "$(of b 5)"
mkfifo "$(of b 5)"
broken 5 -- "is not a regular file"
for name in ../../../secret "$secret" .. . '' '.hidden' 'a/b'; do
    anew
    # shellcheck disable=SC2016
    NAME=$name perl -pi -e 's/"file": "hdd.qcow2"/"file": "$ENV{NAME}"/' "b/web/$(id 5)/manifest.json"
    broken 5 -- "manifest.json is damaged"
    untouched "the file $name"
done
for base in ../../secret "$(id 5)" "$(id 6)" 5 ''; do
    anew
    BASE=$base OLD=$(id 4) perl -pi -e 's/"base": "$ENV{OLD}"/"base": "$ENV{BASE}"/' "b/web/$(id 5)/manifest.json"
    broken 5 -- "manifest.json is damaged"
done
for format in raw nosuch ../../x virtfs ''; do
    anew
    FORMAT=$format perl -pi -e 's/"format": "qcow2"/"format": "$ENV{FORMAT}"/' "b/web/$(id 1)/manifest.json"
    broken 1 2 3 4 5 -- "web"
    untouched "the format $format"
done
anew
for text in '[]' '{}' 'null' '{"format": 2}' '{"format": 1, "drives": 5}' "$(printf '%0100000d' 0 | tr 0 '[')"; do
    echo "$text" >"b/web/$(id 5)/manifest.json"
    broken 5 -- "manifest.json"
done
anew
perl -pi -e 's/"virtual_size": \d+/"virtual_size": 99999999/' "b/web/$(id 5)/manifest.json"
broken 5 -- "but the manifest says 99999999"
anew
printf '%s' '{"going": ["../../x"], "images": []}' >b/web/.pruning.json
expect 1 maqet backup web list b
err_has ".pruning.json is damaged"
printf '%s' '{"going": ["'"$(id 1)"'"], "images": [{"id": "'"$(id 2)"'", "drive": "hdd", "below": "'"$(id 1)"'", "below_file": "../../../secret", "replaced": true, "base": null, "size": 1, "modified": 1, "checksum": ""}]}' >b/web/.pruning.json
expect 1 maqet backup web prune b --keep 1
err_has ".pruning.json is damaged"
same 'the secret' "$(cat "$secret")" "the file"
