# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# SUMMARY: listing, making, loading and deleting snapshots
#
# Snapshots of drives against what QEMU and qemu-img need for the same.
. "${srcdir:?run by script/bench}/tests/bench/bench-functions.sh"
requires qemu-io

machine

# ---- a list of 50 snapshots of a drive of 100 GB ----
#
# thin: next to nothing is allocated. full: all tables are there, as when all was written.
# changed: full, with a cluster in each of eight places written before each snapshot, so that each
# one has eight L2 tables of its own.

snapshots=${BENCH_SNAPSHOTS:-50} # less for the test of this script

# change IMAGE NUMBER: the L2 tables are the same each time, the clusters are not.
change() {
    qemu-io -f qcow2 \
        -c "write -q $2M 64k" \
        -c "write -q $((12 * 1024 + $2))M 64k" -c "write -q $((24 * 1024 + $2))M 64k" \
        -c "write -q $((36 * 1024 + $2))M 64k" -c "write -q $((48 * 1024 + $2))M 64k" \
        -c "write -q $((60 * 1024 + $2))M 64k" -c "write -q $((72 * 1024 + $2))M 64k" \
        -c "write -q $((84 * 1024 + $2))M 64k" "$1"
}

# image NAME OPTIONS
image() {
    qemu-img create -q -f qcow2 -o "$2" "$1.qcow2" 100G
    number=0
    while [ $((number += 1)) -le "$snapshots" ]; do
        [ "$1" != changed ] || change "$1.qcow2" $number
        qemu-img snapshot -c "snapshot-$number" "$1.qcow2"
    done
}

image thin preallocation=off
image full preallocation=metadata
image changed preallocation=metadata
vm_yaml lists <<EOF
storage:
  - {name: thin, file: $TMP/thin.qcow2}
  - {name: full, file: $TMP/full.qcow2}
  - {name: changed, file: $TMP/changed.qcow2}
EOF
expect 0 maqet add lists.yaml

list_maqet() { took "$drive.maqet" "$MAQET" snapshot lists list "$drive"; }
list_qemu_img() { took "$drive.qemu-img" qemu-img snapshot -l "$drive.qcow2"; }
info_qemu_img() { took "$drive.info" qemu-img info "$drive.qcow2"; }
start_maqet() { took "$drive.start" "$MAQET" --version; }
read_alone() {
    figures=$("$bench_programs/read-snapshots" "$drive.qcow2") || fail "read-snapshots"
    add "$drive.table" "${figures% *}"
    add "$drive.usage" "${figures#* }"
}
for drive in thin full changed; do
    same "$snapshots" "$(maqet --format plain snapshot lists list $drive | wc -l)" "snapshots"
    in_turn list_maqet list_qemu_img info_qemu_img start_maqet read_alone
    table "$snapshots snapshots of 100 GB, $drive" $drive.qemu-img
    row "maqet snapshot VM list DRIVE" $drive.maqet
    row "  of this: reading the header and the table" $drive.table
    row "  of this: telling what each one uses" $drive.usage
    row "maqet --version, which only starts and ends" $drive.start
    row "qemu-img snapshot -l" $drive.qemu-img
    row "qemu-img info" $drive.info
done

# ---- while the guest runs ----

"${CC:-cc}" -O2 -static -o heart "$abs_top_srcdir/tests/bench/heartbeat.c"
size=$(stat -c %s heart)
truncate -s %2048 heart
guest_yaml live q35 "serial: \"unix:$TMP/beat,server=on,wait=off\"" <<EOF
  - {name: one, size: 10G, file: $TMP/one.qcow2, serial: ONE, overcommit: true}
  - {name: two, size: 10G, file: $TMP/two.qcow2, serial: TWO, overcommit: true}
  - {name: three, size: 10G, file: $TMP/three.qcow2, serial: THREE, overcommit: true}
  - {name: tools, type: raw, file: $TMP/heart, interface: sata, media: cdrom}
EOF
expect 0 maqet add live.yaml
boot live
disk=$(disk_with_serial live ONE)
in_guest live "head -c $size /dev/sr0 >/tmp/heart && chmod +x /tmp/heart &&
    (setsid /tmp/heart beat /dev/ttyS1 /dev/$disk >/dev/null 2>&1 &) && sleep 1"

monitor() {
    maqet qmp live human-monitor-command "{\"command-line\": \"$1\"}" >out
    ! grep -qi error out || fail "$1: $(cat out)"
}
live_none() { watch none; }
live_one() {
    watch one "$MAQET" --format json snapshot live create one s --live
    receipt one
    expect 0 maqet snapshot live delete one s --live
}
live_all() {
    watch all "$MAQET" --format json snapshot live create --all s --live
    receipt all
    expect 0 maqet snapshot live delete --all s --live
}
live_savevm() {
    watch savevm "$MAQET" qmp live human-monitor-command '{"command-line": "savevm s"}'
    ! grep -qi error out || fail "savevm: $(cat out)"
    monitor 'delvm s'
}
in_turn live_none live_one live_all live_savevm
expect 0 maqet stop live --timeout 0 --force

table "the guest's longest gap in a second" none.gap
row "nothing is done" none.gap
row "maqet snapshot create DRIVE --live" one.gap
row "maqet snapshot create --all --live, 3 drives" all.gap
row "savevm, by the monitor" savevm.gap

table "the command, live" savevm.took
row "maqet snapshot create DRIVE --live" one.took
row "  the pause that it tells" one.pause
row "maqet snapshot create --all --live, 3 drives" all.took
row "  the pause that it tells" all.pause
row "savevm, by the monitor" savevm.took

# ---- while it doesn't ----

qemu-img create -q -f qcow2 ours.qcow2 10G
qemu-io -f qcow2 -c 'write -q 0 256M' ours.qcow2
cp ours.qcow2 theirs.qcow2
sync ours.qcow2 theirs.qcow2
vm_yaml offline <<EOF
storage:
  - {name: disk, file: $TMP/ours.qcow2}
EOF
expect 0 maqet add offline.yaml
offline_maqet() {
    took ours.create "$MAQET" -q snapshot offline create disk s
    took ours.load "$MAQET" -q snapshot offline load --yes disk s
    took ours.delete "$MAQET" -q snapshot offline delete disk s
}
offline_qemu_img() {
    took theirs.create qemu-img snapshot -c s theirs.qcow2
    took theirs.load qemu-img snapshot -a s theirs.qcow2
    took theirs.delete qemu-img snapshot -d s theirs.qcow2
}
in_turn offline_maqet offline_qemu_img
for action in create load delete; do
    case $action in
    create) option=-c ;;
    load) option=-a ;;
    delete) option=-d ;;
    esac
    table "$action, offline" theirs.$action
    row "maqet snapshot VM $action DRIVE NAME" ours.$action
    row "qemu-img snapshot $option" theirs.$action
done
