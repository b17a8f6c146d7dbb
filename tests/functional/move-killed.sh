#!/bin/sh
# SPDX-License-Identifier: MIT
# maqet is killed at every step of moving and converting the image of a drive of a stopped VM: the next
# command finds it in one of both places, as the definition says, with all that was in it; nothing is
# left in the other one.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io strace

far=$(mktemp -d /dev/shm/maqet-move.XXXXXX)
cleanup_fn "rm -rf '$far'"
mkdir near
vm_yaml vm <<EOF
storage:
  - {name: hdd, type: raw, size: 1M, file: hdd.raw, snapshots: overlay}
  - {name: data, type: qcow2, size: 1M, file: data.qcow2}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
qemu-io -f raw -c "write -q -P 3 0 64k" hdd.raw
expect 0 maqet snapshot vm create hdd one
qemu-io -f qcow2 -c "write -q -P 4 64k 64k" hdd.raw.maqet/1.qcow2
fill data.qcow2 5

# The path of a drive's image in the definition.
path_of() {
    grep -o "\"$TMP/[^\"]*$1[^\"]*\"\|\"$far/[^\"]*$1[^\"]*\"" data/vms/vm/vm.json | tr -d '"' | sed 's,\\/,/,g'
}
# What is there, but for the state of the VM.
images() {
    find "$TMP" "$far" \( -name 'hdd*' -o -name 'data.*' -o -name '.hdd*' -o -name '.data*' -o -name '*.qcow2' \) \
        ! -path "$TMP/data/*" ! -type d | LC_ALL=C sort | tr '\n' ' '
}
whole() {
    [ ! -e data/vms/vm/pending.json ] || fail "$what: the job is pending"
    hdd=$(path_of hdd)
    data=$(path_of data)
    same "$(printf '%s\n' "$hdd" "$hdd.maqet/1.qcow2" "$hdd.maqet/tree.json" "$data" | grep -v tree.json |
        LC_ALL=C sort | tr '\n' ' ')" "$(images)" "$what: the images"
    ! qemu-io -f qcow2 -c "read -P 3 0 64k" -c "read -P 4 64k 64k" "$hdd.maqet/1.qcow2" | grep failed ||
        fail "$what: hdd has lost something"
    ! qemu-io -f "${data##*.}" -c "read -P 5 0 64k" "$data" | grep failed || fail "$what: data has lost something"
    for path in "$hdd" "$data"; do
        grep -qF "\"$path\"" data/vms/vm/images.json || fail "$what: $path is not recorded"
        same 1 "$(grep -o '"path": *"[^"]*"' data/vms/vm/images.json | grep -c "/$(basename "${path%.*}")\.[a-z0-9]*\"")" \
            "$what: the records of $path"
    done
}
what="at first"
whole

# Every so many steps; MAQET_TEST_STRIDE=1 kills it at each.
stride=${MAQET_TEST_STRIDE:-3}
kills=0
undone=0
# sweep CALL COMMAND: $COMMAND prints the arguments, for where the images are now.
sweep() {
    call=$1
    step=$((kills % stride))
    while :; do
        step=$((step + stride))
        before=$(path_of hdd)$(path_of data)
        what="$($2) killed at $call $step"
        code=0
        # shellcheck disable=SC2046
        traced "$call" "signal=KILL:when=$step" $($2) >out 2>err || code=$?
        [ "$code" -eq 137 ] || break
        kills=$((kills + 1))
        # The recovery is killed, too.
        code=0
        traced unlink "signal=KILL:when=1" recover vm >out 2>err || code=$?
        [ "$code" -eq 137 ] || [ "$code" -eq 0 ] || { cat err; fail "$what: exit code $code of recover"; }
        expect 0 maqet recover vm
        whole
        [ "$before" != "$(path_of hdd)$(path_of data)" ] || undone=$((undone + 1))
    done
    [ "$code" -eq 0 ] || { cat err; fail "$what: exit code $code"; }
    whole
}
move_near() {
    case $(path_of hdd) in */near/*) echo "move vm hdd $TMP" ;; *) echo "move vm hdd near" ;; esac
}
move_far() {
    case $(path_of hdd) in "$far"/*) echo "move vm hdd $TMP" ;; *) echo "move vm hdd $far" ;; esac
}
convert() {
    case $(path_of data) in *.raw) echo "convert vm data qcow2" ;; *) echo "convert vm data raw" ;; esac
}
for command in move_near move_far convert; do
    for call in rename renameat2 linkat unlink fsync; do
        sweep $call $command
    done
done
echo "killed $kills times, undone $undone times"
[ "$kills" -ge 12 ] || fail "hardly ever killed"
[ "$undone" -ge 3 ] && [ "$undone" -lt "$kills" ] || fail "always or hardly ever undone"
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
whole
