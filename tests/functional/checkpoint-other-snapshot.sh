#!/bin/sh
# SPDX-License-Identifier: MIT
# A checkpoint's memory is loaded onto the disk state that it was kept with, undamaged, or not at
# all; and a set of snapshots is those that were taken together. A name alone proves neither.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io

vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 8M, file: hdd.qcow2}
  - {name: data, type: qcow2, size: 8M, file: data.qcow2}
EOF
expect 0 maqet add vm.yaml
checkpoints=data/vms/vm/checkpoints
stop() {
    expect 0 maqet stop vm --timeout 0 --force
}
# replaced IMAGE NAME: by another snapshot of the same name, of a disk that has gone on.
replaced() {
    qemu-img snapshot -d "$2" "$1"
    fill "$1" 9
    qemu-img snapshot -c "$2" "$1"
}
# tampered FILE: one byte of it is another one, in the middle.
tampered() {
    size=$(stat -c %s "$1")
    byte=$(od -An -tu1 -j $((size / 2)) -N 1 "$1")
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\$(printf %03o $((byte ^ 1)))" |
        dd of="$1" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
    same "$size" "$(stat -c %s "$1")" "the size of $1"
}
# refused CODE: whichever way the checkpoint cp is loaded, and nothing has been touched.
refused() {
    sums=$(sha256sum hdd.qcow2 data.qcow2)
    expect "$1" maqet start vm --yes --from cp
    expect "$1" maqet checkpoint vm load --yes cp --keep kept
    expect 125 maqet run vm --from cp --discard -- true
    expect "$1" maqet checkpoint vm load --yes cp
    same stopped "$(vm_status vm)" "the status"
    same "$sums" "$(sha256sum hdd.qcow2 data.qcow2)" "the images"
    [ ! -e data/vms/vm/pending.json ] || fail "something is pending"
}
# The images and the checkpoint as they were at first.
again() {
    cp hdd.kept hdd.qcow2
    cp data.kept data.qcow2
    rm -rf $checkpoints
    cp -a checkpoints.kept $checkpoints
}

# What is recorded.
expect 0 maqet start vm
expect 0 maqet checkpoint vm create cp
grep -q '"checksum": *"xxh3:[0-9a-f]\{32\}"' $checkpoints/cp.json || fail "no checksum"
grep -q "\"image\": *\"$TMP/data.qcow2\"" $checkpoints/cp.json || fail "no image"
stop
cp hdd.qcow2 hdd.kept
cp data.qcow2 data.kept
cp -a $checkpoints checkpoints.kept

# A copy of the image has the same snapshots.
again
expect 0 maqet start vm --yes --from cp
stop

# Another snapshot of that name: of which drive, and when both were taken.
replaced data.qcow2 cp
refused 3
err_has "does not belong to the snapshot 'cp' that drive 'data' has now: it was saved with the one created at 2"
err_has "(id 1), and this one was created at 2"
err_has "maqet snapshot vm load data cp"
err_has "maqet checkpoint vm delete cp"
# It is not listed as what has memory, and is nobody's: it can be replaced, and deleted.
expect 0 maqet --format plain snapshot vm list data
same disk "$(awk -F '\t' '$1 == "cp" { print $5 }' out)" "the kind"
expect 0 maqet --format plain snapshot vm list hdd
same disk+memory "$(awk -F '\t' '$1 == "cp" { print $5 }' out)" "the kind"
expect 3 maqet snapshot vm delete hdd cp
err_has "belong to a checkpoint"
expect 3 maqet snapshot vm create hdd cp --overwrite
err_has "belong to a checkpoint"
expect 0 maqet snapshot vm create data cp --overwrite
refused 3
# All drives together are a set, and this is none; each by itself is what it is.
expect 3 maqet snapshot vm load --yes --all cp
err_has "The snapshot 'cp' of drive 'data' on VM 'vm' is not the one that was created together"
expect 0 maqet snapshot vm load --yes data cp
expect 0 maqet snapshot vm load --yes hdd cp
# In the place of what runs: that runs on.
expect 0 maqet start vm
pid=$(vm_pid vm)
expect 3 maqet checkpoint vm load --yes cp
same "$pid" "$(vm_pid vm)" "the QEMU that runs"
stop
# Deleting it deletes what is its own.
expect 0 maqet checkpoint vm delete cp
err_has "The snapshot 'cp' of drive 'data' on VM 'vm' does not belong to the checkpoint, and is not deleted"
same 0 "$(count_snapshots hdd.qcow2)" "snapshots of hdd"
same 1 "$(count_snapshots data.qcow2)" "snapshots of data"
same '' "$(ls -A $checkpoints)" "what is left of it"
expect 0 maqet snapshot vm delete data cp

# A description that cannot be read may name any of them, so all are kept.
again
cp $checkpoints/cp.json described
echo '{' >$checkpoints/cp.json
expect 3 maqet snapshot vm delete --all cp
err_has "The snapshots 'cp' of VM 'vm' belong to a checkpoint, which needs all of them"
expect 3 maqet snapshot vm create --all cp --overwrite
same 1 "$(count_snapshots hdd.qcow2)" "snapshots of hdd"
same 1 "$(count_snapshots data.qcow2)" "snapshots of data"
# It is reported, and the others are listed.
cp $checkpoints/cp.state $checkpoints/other.state
cp described $checkpoints/other.json
for damaged in '{' '{"pause": "x"}'; do
    echo "$damaged" >$checkpoints/cp.json
    expect 0 maqet --format plain checkpoint vm list
    err_has "WARNING: VM 'vm': cannot list checkpoint 'cp'"
    same other "$(cut -f 1 out)" "the checkpoints that are listed beside $damaged"
done
rm $checkpoints/other.state $checkpoints/other.json
cp described $checkpoints/cp.json

# The id is no proof: it was given again.
again
replaced hdd.qcow2 cp
same 1 "$(qemu-img snapshot -l hdd.qcow2 | awk '$2 == "cp" { print $1 }')" "the id"
refused 3
# Several of that name.
again
qemu-img snapshot -c cp hdd.qcow2
refused 3
expect 3 maqet checkpoint vm delete cp
err_has "has 2 snapshots named 'cp'"
same 2 "$(count_snapshots hdd.qcow2)" "snapshots of hdd"
# One is gone; and when all are, its name is still not free for another one.
again
qemu-img snapshot -d cp data.qcow2
refused 3
err_has "There is no snapshot 'cp' of drive 'data' on VM 'vm'"
err_has "maqet checkpoint vm delete cp"
qemu-img snapshot -d cp hdd.qcow2
expect 0 maqet start vm
expect 3 maqet checkpoint vm create cp
err_has "There is already a checkpoint 'cp' of VM 'vm'"
stop

# The memory is damaged: one bit, in any kind of file.
again
expect 0 maqet start vm --yes --from cp
expect 0 maqet checkpoint vm delete cp
for option in --method=stop --method=background --compress; do
    expect 0 maqet checkpoint vm create cp $option
    stop
    cp $checkpoints/cp.state good
    tampered $checkpoints/cp.state
    refused 1
    err_has "$checkpoints/cp.state is damaged: its checksum is"
    err_has "maqet snapshot vm load --all cp"
    cp good $checkpoints/cp.state
    expect 0 maqet checkpoint vm load --yes cp --keep kept
    expect 0 maqet checkpoint vm delete cp
    stop
    expect 0 maqet snapshot vm delete --all kept
    expect 0 maqet start vm
done
stop

# Of an earlier maqet, which recorded neither: loaded as it was then, and that is said, once.
again
sed -i 's/"checksum":/"was":/; s/"snapshots":/"were":/' $checkpoints/cp.json
for command in "start vm --yes --from cp" "checkpoint vm load --yes cp" "run vm --from cp --discard -- true"; do
    # shellcheck disable=SC2086 # several words
    expect 0 maqet $command
    same 1 "$(grep -c "was created by an earlier version of maqet" err)" "warnings of: $command"
    case $command in run*) ;; *) stop ;; esac
done
expect 0 maqet checkpoint vm delete cp
same 0 "$(count_snapshots data.qcow2)" "snapshots of data"

# With a drive that the VM no longer has, which keeps its snapshot.
again
cp vm.yaml vm.kept
sed -i '/name: data/d' vm.yaml
expect 0 maqet apply vm vm.yaml
expect 0 maqet checkpoint vm delete cp
err_has "VM 'vm' no longer has the drive 'data', which is left out"
same 0 "$(count_snapshots hdd.qcow2)" "snapshots of hdd"
same 1 "$(count_snapshots data.qcow2)" "snapshots of data"
cp vm.kept vm.yaml
expect 0 maqet apply vm vm.yaml
qemu-img snapshot -d cp data.qcow2

# ---- sets

expect 0 maqet snapshot vm create --all set
expect 0 maqet snapshot vm load --yes --all set
# Replaced by another program.
cp data.qcow2 data.kept
replaced data.qcow2 set
sums=$(sha256sum hdd.qcow2 data.qcow2)
for verb in load delete; do
    expect 3 maqet snapshot vm $verb --all set
    err_has "The snapshot 'set' of drive 'data' on VM 'vm' is not the one that was created together with those of the other drives: that was created at 2"
    err_has "maqet snapshot vm $verb data set"
done
same "$sums" "$(sha256sum hdd.qcow2 data.qcow2)" "the images"
expect 0 maqet snapshot vm load --yes data set
holds data.qcow2 9
# The right one again.
cp data.kept data.qcow2
expect 0 maqet snapshot vm load --yes --all set
# Replaced by maqet itself, in one step or in two.
expect 0 maqet snapshot vm create data set --overwrite
expect 3 maqet snapshot vm load --yes --all set
expect 0 maqet snapshot vm delete data set
expect 0 maqet snapshot vm create data set
expect 3 maqet snapshot vm load --yes --all set
expect 3 maqet snapshot vm delete --all set
# The same while QEMU runs.
expect 0 maqet start vm
pid=$(vm_pid vm)
expect 3 maqet snapshot vm load --yes --all set --live
err_has "maqet snapshot vm load data set --live"
expect 3 maqet snapshot vm delete --all set --live
same "$pid" "$(vm_pid vm)" "the QEMU that runs"
stop
# A new set of that name is one; and when all of a set are gone, it is forgotten.
expect 0 maqet snapshot vm create --all set --overwrite
expect 0 maqet snapshot vm load --yes --all set
expect 0 maqet snapshot vm delete hdd set
expect 0 maqet snapshot vm delete data set
expect 0 maqet snapshot vm create data set
expect 0 maqet snapshot vm create hdd set
expect 0 maqet snapshot vm load --yes --all set
err_has "were not created together"
sound hdd.qcow2 data.qcow2
