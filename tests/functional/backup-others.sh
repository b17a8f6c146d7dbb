#!/bin/bash
# SPDX-License-Identifier: MIT
# Backups in a folder to which other users can write: what they put there leads to no other file,
# and nothing is created or deleted where they could exchange it at any moment.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
. "${abs_top_srcdir:?}/tests/functional/backup-image-functions.sh"
qemu_required
requires qemu-img qemu-io strace perl

add_web
make_five
qemu-img create -q -f qcow2 hdd.qcow2 $((block * blocks))
expect 0 maqet backup web verify b
cp -a b whole
again() {
    rm -rf b
    cp -a whole b
}
nothing_changed() { diff -r -x .lock b whole >diff 2>&1 || fail "$what: the folder has changed: $(cat diff)"; }

# ---- what is written in it ----

# pruned ID BELOW FILE: the record of an interrupted prune, which renames an image.
pruned() {
    cat >b/web/.pruning.json <<END
{"going": ["$(id 9)"], "images": [{"id": "$1", "drive": "hdd", "below": "$2", "below_file": "$3", "replaced": true,
 "base": null, "size": 1, "modified": 1, "checksum": "xxh3:0"}], "growing": null, "growing_drive": null}
END
}
mkdir private
echo secret >private/secret
what='a link in the place of the backup below'
ln -s "$TMP/private" "b/web/$(id 9)"
pruned "$(id 5)" "$(id 9)" secret
maqet backup web prune b --keep 5 >out 2>err || :
same secret "$(cat private/secret 2>&1)" "$what: the file"
shows b 5 "$state5"
what='a link in the place of a backup'
again
cp -a "b/web/$(id 5)" private/five
sum=$(cat private/five/* | sha256sum)
rm -r "b/web/$(id 5)"
ln -s "$TMP/private/five" "b/web/$(id 5)"
pruned "$(id 5)" "$(id 4)" hdd.qcow2
maqet backup web prune b --keep 5 >out 2>err || :
same "$sum" "$(cat private/five/* | sha256sum)" "$what: the files"
rm b/web/.pruning.json
expect 0 maqet backup web list b
out_lacks "$(id 5)"
expect 3 maqet backup web restore b "$(id 5)" --to other
err_has "There is no backup"
what='another name of a record'
again
pruned "$(id 5)" "$(id 4)" ../../private/secret
expect 1 maqet backup web prune b --keep 5
err_has ".pruning.json is damaged"
rm b/web/.pruning.json
nothing_changed

for kind in link fifo folder; do
    what="a $kind in the place of a manifest"
    again
    rm "b/web/$(id 5)/manifest.json"
    case $kind in
    link) ln -s "$TMP/whole/web/$(id 5)/manifest.json" "b/web/$(id 5)/manifest.json" ;;
    fifo) mkfifo "b/web/$(id 5)/manifest.json" ;;
    folder) mkdir "b/web/$(id 5)/manifest.json" ;;
    esac
    # Somebody writes to the FIFO, but nothing.
    if [ $kind = fifo ]; then exec 9<>"b/web/$(id 5)/manifest.json"; fi
    expect 0 maqet backup web list b
    err_has "manifest.json is not a regular file"
    out_has damaged
    expect 3 maqet backup web restore b --to other
    err_has "manifest.json is not a regular file"
    exec 9>&-
done
what='a FIFO in the place of the record'
again
mkfifo b/web/.pruning.json
exec 9<>b/web/.pruning.json
expect 1 maqet backup web list b
err_has ".pruning.json is not a regular file"
exec 9>&-
what='a record that another chain would be deleted by'
again
sed -i 's/"chain": "01234567"/"chain": "01234567-20260101T000000Z-hdd"/' "b/web/$(id 5)/manifest.json"
expect 3 maqet backup web restore b --to other
err_has "is damaged"

# ---- who can write to it ----

refused() { # WHY
    cp -a b before
    expect 4 maqet backup web prune b --keep 1
    err_has "Others could change the backups of VM 'web': $1"
    expect 4 maqet backup web create b
    err_has "$1"
    diff -r -x .lock b before >diff || fail "$what: the folder has changed: $(cat diff)"
    rm -r before
    expect 0 maqet backup web list b
    same '' "$(cat err)" "$what: warnings of list"
    expect 0 maqet backup web verify b
    expect 0 maqet backup web restore b --to copy --folder copy.d
    err_has "WARNING: Others could change the backups of VM 'web': $1"
    expect 0 maqet rm copy --delete-storage --yes
}
what='all can write to the folder'
again
chmod 777 b/web
refused "$TMP/b/web is writable by other users"
what='a group can write to the folder'
chmod 770 b/web
refused "$TMP/b/web is writable by other users"
what='all can write to a backup'
again
chmod 777 "b/web/$(id 3)"
refused "$TMP/b/web/$(id 3) is writable by other users"
if [ "$(command -p id -u)" -eq 0 ]; then
    what='the folder belongs to another user'
    again
    chown 12345 b/web
    refused "$TMP/b/web belongs to another user (uid 12345)"
    what='a link of another user'
    again
    mv b/web there
    ln -s ../there b/web
    chown -h 12345 b/web
    refused "$TMP/b/web is a link, and belongs to another user (uid 12345)"
    chown -h 0 b/web
    what='a link of our own'
    expect 0 maqet backup web prune b --keep 5
    same '' "$(cat err)" "$what: warnings"
fi

what='all can write to the folder above'
again
chmod 777 b
expect 0 maqet backup web prune b --keep 5
err_has "WARNING: Other users can write to $TMP/b, so they can put another folder in the place"
expect 0 maqet backup web create b
err_has "WARNING: Other users can write to $TMP/b"
expect 0 maqet backup web restore b --to copy --folder copy.d
err_has "WARNING: Other users can write to $TMP/b"
expect 0 maqet rm copy --delete-storage --yes
what='as in /tmp'
chmod 1777 b
expect 0 maqet backup web prune b --keep 5
same '' "$(cat err)" "$what: warnings"

# strace makes the file system one of DOS.
what='a disk for other systems'
again
chmod -R 777 b
code=0
traced statfs 'poke_exit=@arg2=444d000000000000' backup web prune b --keep 2 >out 2>err || code=$?
same 0 "$code" "$what: exit code"
err_has "WARNING: Others can change the backups of VM 'web': the file system of $TMP/b/web has no modes"
same 1 "$(grep -c WARNING err)" "$what: warnings"
shows b 5 "$state5"
same "$(id 4) $(id 5)" "$(cd b/web && echo 2*)" "$what: the backups"
