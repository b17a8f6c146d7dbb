#!/bin/sh
# SPDX-License-Identifier: MIT
# rm says what becomes of each file and why, before and after; what it keeps is remembered,
# listed, and deleted on request; what belongs to others never is.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

halt() {
    expect 0 maqet stop "$1" --timeout 0 --force
}
# used VM [KEYS]: a machine that has run once with the image images/VM.qcow2.
used() {
    vm_yaml "$1" <<EOF
storage:
  - {name: hdd, size: 1M, file: images/$1.qcow2${2:+, $2}}
EOF
    expect 0 maqet add "$1.yaml"
    expect 0 maqet start "$1"
    halt "$1"
}
# unused: the paths that `storage ls` lists.
unused() {
    maqet --format plain storage ls | cut -f 1
}

expect 0 maqet storage ls
out_has "There are no images that maqet created and that no VM uses."

# The checkpoint's memory is said to go. The plan has the lines of the receipt.
used web
expect 0 maqet start web
expect 0 maqet checkpoint web create cp
halt web
truncate -s 1M images/web.qcow2.bak # a name that merely begins alike
expect 0 maqet rm web --dry-run --delete-storage
removed "$TMP/images/web.qcow2"
removed "$TMP/data/vms/web/checkpoints/cp.state"
sed 1d out >planned
expect 2 maqet rm web
err_has "web.qcow2"
err_has "--yes"
[ -e images/web.qcow2 ] || fail "a dry run has deleted something"
expect 0 maqet rm web --delete-storage --yes
removed "$TMP/data/vms/web/checkpoints/cp.state"
out_has "memory of the checkpoint 'cp'"
same "$(cat planned)" "$(sed 1d out)" "the receipt"
[ ! -e images/web.qcow2 ] || fail "the image is left"

# The guide's `rm old-vm --force` keeps the image, says so, and says how to free its space.
used old
expect 0 maqet rm old --force
kept "$TMP/images/old.qcow2" "created by maqet, and --delete-storage was not given"
out_has "maqet storage rm PATH"
same "$TMP/images/old.qcow2" "$(unused)" "what is unused"
expect 0 maqet storage ls
out_has KB
expect 2 maqet storage rm images/old.qcow2
[ -e images/old.qcow2 ] || fail "deleted without being asked"
expect 0 maqet storage rm images/old.qcow2 --yes
out_has "Deleted $TMP/images/old.qcow2 ("
[ ! -e images/old.qcow2 ] || fail "the image is left"
same '' "$(unused)" "what is unused"

# One of the same name, added again: it is not this one's, and that is said.
used again
expect 0 maqet rm again --force
expect 0 maqet add again.yaml
same '' "$(unused)" "what is unused"
expect 3 maqet storage rm images/again.qcow2 --yes
err_has "images/again.qcow2 is kept: VM 'again' uses it"
expect 0 maqet rm again --force --delete-storage
kept "$TMP/images/again.qcow2" "created by maqet for another VM 'again', which is gone"
same "$TMP/images/again.qcow2" "$(unused)" "what is unused"
expect 0 maqet storage rm --all --yes
[ ! -e images/again.qcow2 ] || fail "the image is left"

# A drive that apply has removed keeps its image; it is listed, and deleted by name only.
used less
vm_yaml less </dev/null
expect 0 maqet apply less less.yaml
same "$TMP/images/less.qcow2" "$(unused)" "what is unused"
expect 0 maqet rm less --delete-storage --yes
kept "$TMP/images/less.qcow2" "created by maqet for a drive that the VM no longer has"
[ -e images/less.qcow2 ] || fail "the image of a former drive is gone"
expect 0 maqet storage rm images/less.qcow2 --yes

# From a copy of the data folder nothing of the original goes; a folder that was moved is the
# original.
used origin
cp -a data copy
expect 0 maqet --data-dir "$TMP/copy" rm origin --delete-storage --yes
kept "$TMP/images/origin.qcow2" "created by maqet for VM 'origin' in $TMP/data, of which this data folder is a copy"
[ -e images/origin.qcow2 ] || fail "an image of the original is gone"
expect 3 maqet --data-dir "$TMP/copy" storage rm images/origin.qcow2 --yes
err_has "it was created for VM 'origin' in $TMP/data"
rm -r copy
mv data moved
expect 0 maqet --data-dir "$TMP/moved" rm origin --delete-storage --yes
removed "$TMP/images/origin.qcow2"
[ ! -e images/origin.qcow2 ] || fail "the image is left"
mv moved data

# A path that merely begins like that of the image is no use of it; the image itself is, as
# a part of an argument, relative to the file.
used part
vm_yaml near <<EOF
arguments:
  - drive: "file=$TMP/images/part.qcow2.bak,if=none,id=a"
EOF
expect 0 maqet add near.yaml
expect 0 maqet rm part --dry-run --delete-storage
removed "$TMP/images/part.qcow2"
sed "s|file=.*bak|file=images/part.qcow2|" near.yaml >exact.yaml
expect 0 maqet apply near exact.yaml
expect 0 maqet rm part --dry-run --delete-storage
kept "$TMP/images/part.qcow2" "VM 'near' uses it"
expect 0 maqet rm near --yes

# An overlay and its base, both made for one machine, go together, in whatever order they
# stand; but not the base alone.
vm_yaml chain <<EOF
storage:
  - {name: base, size: 1M, file: images/chain-base.qcow2}
EOF
expect 0 maqet add chain.yaml
expect 0 maqet start chain
halt chain
vm_yaml chain <<EOF
storage:
  - {name: base, size: 1M, file: images/chain-base.qcow2, readonly: on}
  - {name: over, file: images/chain-over.qcow2, backing_file: images/chain-base.qcow2, backing_format: qcow2}
EOF
expect 0 maqet apply chain chain.yaml
expect 0 maqet start chain
halt chain
expect 0 maqet rm chain --dry-run --delete-storage
removed "$TMP/images/chain-base.qcow2"
removed "$TMP/images/chain-over.qcow2"
qemu-system-x86_64 -M none -S -display none -monitor none -serial none \
    -blockdev driver=qcow2,node-name=x,file.driver=file,file.filename=images/chain-over.qcow2,backing= \
    -pidfile "$TMP/other.pid" &
other=$!
cleanup_fn "kill $other 2>/dev/null"
has_open() { # its PID file comes before it opens anything
    ls -l "/proc/$other/fd" | grep -qF chain-over.qcow2
}
eventually 20 has_open
expect 0 maqet rm chain --dry-run --delete-storage
kept "$TMP/images/chain-over.qcow2" "it is in use by"
kept "$TMP/images/chain-base.qcow2" "it is the backing file of the image $TMP/images/chain-over.qcow2"
kill "$other"
wait "$other" || true
expect 0 maqet rm chain --yes --delete-storage
[ ! -e images/chain-base.qcow2 ] && [ ! -e images/chain-over.qcow2 ] || fail "an image is left"

# An image that was replaced by another file, and one that is missing.
used swap
used lost
expect 0 maqet rm swap lost --force
rm images/swap.qcow2
echo precious >images/swap.qcow2
mv images/lost.qcow2 away
expect 0 maqet storage ls
grep -q "lost.qcow2.*missing" out || fail "not said to be missing"
grep -q "swap.qcow2.*replaced" out || fail "not said to be replaced"
expect 3 maqet storage rm images/swap.qcow2 --yes
err_has "it is not the file that maqet created"
[ -e images/swap.qcow2 ] || fail "somebody's file is gone"
expect 0 maqet storage rm images/lost.qcow2 --yes
[ -e away ] || fail "a file elsewhere is gone"

# What no list has: the image itself says that it is maqet's.
if expect 0 maqet storage rm away --yes && [ -e away ]; then
    fail "the image is left"
fi
echo precious >mine
for file in mine none images; do
    expect 3 maqet storage rm "$file" --yes
    err_has "$TMP/$file is not an image that maqet created and no VM uses"
done
[ -e mine ] || fail "somebody's file is gone"

# Names with a dot beside the machines are the user's.
mkdir -p data/vms/.web.old data/vms/.web.new
echo precious >data/vms/.web.old/vm.json
echo precious >data/vms/.web.new/disk
used dots
expect 0 maqet rm dots --yes --delete-storage
same precious "$(cat data/vms/.web.old/vm.json)" "the user's folder"
same precious "$(cat data/vms/.web.new/disk)" "the user's folder"

# What was asked for, before it is answered.
used asked
if command -v script >/dev/null; then
    echo n | script -qec "'$MAQET' rm asked --delete-storage" /dev/null >typescript || true
    grep -q "removed  $TMP/images/asked.qcow2" typescript || fail "no plan before the question"
    grep -q "Remove VM 'asked'?" typescript || fail "no question"
    [ -e images/asked.qcow2 ] || fail "removed though the answer was no"
fi
