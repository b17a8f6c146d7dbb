#!/bin/bash
# SPDX-License-Identifier: MIT
# Overlay snapshots against a model: what is done is chosen at random, live and stopped, and a third
# of it is killed at a random system call; each snapshot must hold what the model says.
#   MAQET_TEST_SEED      another choice
#   MAQET_TEST_STEPS     more than the 40 of an ordinary run
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires strace qemu-io qemu-img

seed=${MAQET_TEST_SEED:-1}
steps=${MAQET_TEST_STEPS:-40}
block=65536 blocks=16

# A disk is described by a digit for each of its blocks, which are filled with that number.
for digit in 0 1 2 3 4 5 6 7 8 9; do
    head -c $block /dev/zero | tr '\0' "\\$(printf %03o "$digit")" >"block$digit"
done
disk() {
    local i files=()
    for ((i = 0; i < blocks; i++)); do files+=("block${1:i:1}"); done
    cat "${files[@]}"
}

field() { sed -n "s/^  \"$1\":\([0-9]*\),*$/\1/p" hdd.img.maqet/tree.json; }
top() {
    local id=0
    if [ -e hdd.img.maqet/tree.json ]; then id=$(field top); fi
    if [ "$id" = 0 ]; then echo "-f $type hdd.img"; else echo "-f qcow2 hdd.img.maqet/$id.qcow2"; fi
}
is_running() { [ "$(vm_status vm)" = running ]; }
monitor() { maqet qmp vm human-monitor-command "{\"command-line\": \"$1\"}" >out 2>err; }
put() { # DIGIT BLOCK
    local words="write -P $1 $(($2 * block)) $block"
    if is_running; then
        monitor "qemu-io -d /machine/peripheral/hdd/virtio-backend \\\"$words\\\"" &&
            [ "$(cat out)" = '""' ] || fail "QEMU does not write: $(cat out err)"
    else
        # shellcheck disable=SC2046
        qemu-io $(top) -c "$words" >out 2>&1 || fail "$(cat out)"
    fi
}
# Whether the guest sees a disk.
shows() {
    if is_running; then monitor 'qemu-io -d /machine/peripheral/hdd/virtio-backend \"flush\"'; fi
    # shellcheck disable=SC2046
    qemu-img convert -U $(top) -O raw got.raw >out 2>&1 || fail "$(cat out)"
    disk "$1" | cmp -s - got.raw
}
exists() { maqet --format plain snapshot vm list hdd 2>err | cut -f 1 | grep -qx "$1"; }

declare -A model
# Whatever a killed command was to make of the disk, it is that or what it was.
after_kill() { # COMMAND SNAPSHOT
    expect 0 maqet recover vm
    case $1 in
    create) if exists "$2"; then model[$2]=$now; fi ;;
    delete) if ! exists "$2"; then unset "model[$2]"; fi ;;
    load) if ! shows "$now"; then now=${model[$2]}; fi ;;
    esac
}
run() { # COMMAND SNAPSHOT [OPTION]...
    local calls=(write rename unlink fsync clone sendmsg) code=0
    local call=${calls[RANDOM % ${#calls[@]}]}
    what="step $step, seed $seed: $1 $2"
    if ((RANDOM % 3 == 0)); then
        what="$what, killed at $call"
        traced "$call" "signal=KILL:when=$((1 + RANDOM % 12))" snapshot vm "$1" hdd "${@:2}" \
            >out 2>err || code=$?
        if [ "$code" -eq 137 ]; then
            killed=$((killed + 1))
            after_kill "$1" "$2"
            return
        fi
        [ "$code" -eq 0 ] || fail "$what: exit code $code: $(cat err)"
    else
        expect 0 maqet snapshot vm "$1" hdd "${@:2}"
    fi
    case $1 in
    create) model[$2]=$now ;;
    delete) unset "model[$2]" ;;
    load) now=${model[$2]} ;;
    esac
}

for type in raw qcow2; do
    RANDOM=$seed
    model=() killed=0 now=0000000000000000
    vm_yaml vm <<END
storage:
- {name: hdd, type: $type, file: hdd.img, size: $((blocks * block)), snapshots: overlay}
END
    expect 0 maqet add vm.yaml
    expect 0 maqet start vm
    for ((step = 0; step < steps; step++)); do
        names=("${!model[@]}")
        name=${names[RANDOM % (${#names[@]} + 1)]-}
        choice=$((RANDOM % 12))
        what="step $step, seed $seed"
        if ((choice < 4)); then
            at=$((RANDOM % blocks)) digit=$((1 + RANDOM % 9))
            put $digit $at
            now=${now:0:at}$digit${now:at+1}
        elif ((choice < 7)); then
            run create "s$step" --auto
        elif ((choice == 7)); then
            if is_running; then
                expect 0 maqet stop vm --timeout 0 --force
            else
                expect 0 maqet start vm
            fi
        elif [ -z "$name" ]; then
            continue
        elif ((choice < 10)); then
            run delete "$name" --auto
        else
            if is_running; then expect 0 maqet stop vm --timeout 0 --force; fi
            run load "$name" --yes
        fi
        shows "$now" || fail "$what: the disk is not as it should be"
    done
    for name in "${!model[@]}"; do
        expect 0 maqet snapshot vm export hdd "$name" "$name.raw" --format raw
        disk "${model[$name]}" | cmp -s - "$name.raw" || fail "seed $seed: '$name' is not as it was"
        rm "$name.raw"
    done
    # Without snapshots, the image is what the guest sees, and nothing else is left.
    expect 0 maqet stop vm --timeout 0 --force
    for name in "${!model[@]}"; do
        expect 0 maqet snapshot vm delete hdd "$name"
    done
    expect 0 maqet snapshot vm create hdd last
    expect 0 maqet snapshot vm delete hdd last
    [ ! -e hdd.img.maqet ] || fail "left: $(ls hdd.img.maqet)"
    same "-f $type hdd.img" "$(top)" "the image"
    shows "$now" || fail "the image is not what the guest saw"
    same 600 "$(stat -c %a hdd.img)" "its permissions"
    expect 0 maqet rm vm --force --yes
    rm -f hdd.img
    echo "$type: $killed killed"
done
