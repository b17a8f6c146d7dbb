#!/bin/bash
# SPDX-License-Identifier: MIT
# Backups against a model: what is done is chosen at random, while the VM runs and while it is
# stopped; many backups are killed at a random system call, and so is QEMU. Each backup that is
# there shows what its drives showed at that moment, is listed and can be verified, the next increment can
# be created, and nothing is left of the others. In the end, each is restored.
#   MAQET_TEST_SEED      another choice
#   MAQET_TEST_STEPS     more than the 30 of an ordinary run
#   MAQET_TEST_STRIDE=1  more steps, until maqet and QEMU were killed a hundred times each
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires strace qemu-io qemu-img
. "${abs_top_srcdir:?}/tests/functional/backup-functions.sh"

seed=${MAQET_TEST_SEED:-1} steps=${MAQET_TEST_STEPS:-30}
kills=3 ends=1 choices=12
if [ "${MAQET_TEST_STRIDE:-}" = 1 ]; then kills=100 ends=100 choices=16; fi
RANDOM=$seed
vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 1M, file: hdd.qcow2}
  - {name: data, type: raw, size: 1M, file: data.raw, snapshots: overlay}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet snapshot vm create data one --live
mkdir -p to/vm

declare -A now model_hdd model_data
now[hdd]=0000000000000000 now[data]=0000000000000000
killed=0 ended=0 increments=0 backups=0

# What is there since the last look shows what the drives show.
look() {
    local id
    while read -r id; do
        [ -z "${model_hdd[$id]:-}" ] || continue
        model_hdd[$id]=${now[hdd]} model_data[$id]=${now[data]}
        backups=$((backups + 1))
        shown to "$id" hdd "${now[hdd]}" || fail "$what: hdd of $id"
        shown to "$id" data "${now[data]}" || fail "$what: data of $id"
        if is_increment to "$id" hdd; then increments=$((increments + 1)); fi
        if is_increment to "$id" data; then increments=$((increments + 1)); fi
    done < <(ids to)
}
recovered() {
    expect 0 maqet recover vm
    [ ! -e data/vms/vm/pending.json ] || fail "$what: still pending"
    # A folder that is not complete goes with the next backup at the latest.
    look
    nothing_left to
    sound_chain
}
# What there is can be listed and verified, and the next increment stands on it.
sound_chain() {
    [ -n "$(ids to)" ] || return 0
    expect 0 maqet --format plain backup vm list to
    same "$(ids to)" "$(awk -F '\t' '$NF == "complete" { print $2 }' out | sort)" "$what: what is listed"
    expect 0 maqet backup vm verify to
    expect 0 maqet backup vm create to --incremental
    nothing_left to
    look
}
back_up() {
    local calls=(write rename fsync clone sendmsg mkdir wait4 pwrite64) code=0 options=(--incremental)
    local call=${calls[RANDOM % ${#calls[@]}]} nth=$((1 + RANDOM % 12))
    if ((RANDOM % 4 == 0)); then options=(); fi
    if ((RANDOM % 3 > 0)); then
        what="$what, killed at $call $nth"
        traced "$call" "signal=KILL:when=$nth" backup vm create to "${options[@]}" >out 2>err || code=$?
        [ "$code" -eq 137 ] || [ "$code" -eq 0 ] || fail "$what: exit code $code: $(cat err)"
        if [ "$code" -eq 137 ]; then killed=$((killed + 1)); fi
        recovered
    else
        expect 0 maqet backup vm create to "${options[@]}"
        nothing_left to
        look
    fi
}
# QEMU is killed, in the middle of a backup or not.
end_qemu() {
    local pid
    pid=$(vm_pid vm)
    ended=$((ended + 1))
    maqet backup vm create to --incremental >out 2>err &
    if ((RANDOM % 2)); then eventually 20 sh -c 'ls -d to/vm/.2*.maqet-new || ! pgrep -P '"$!"; fi
    kill -9 "$pid"
    wait "$!" || :
    eventually 20 process_ended "$pid"
    recovered
}

# Each backup is read after each kill, so that many would take ever longer. Those that are left out stay
# as they are until then.
prune() {
    local id
    [ "$(ids to | wc -l)" -gt 24 ] || return 0
    for id in $(ids to); do
        shown to "$id" hdd "${model_hdd[$id]}" || fail "$what: hdd of $id has changed"
        shown to "$id" data "${model_data[$id]}" || fail "$what: data of $id has changed"
    done
    expect 0 maqet backup vm prune to --keep 8
    nothing_left to
    for id in "${!model_hdd[@]}"; do
        [ -e "to/vm/$id" ] || unset "model_hdd[$id]" "model_data[$id]"
    done
}

for ((step = 1; step <= steps || killed < kills || ended < ends; step++)); do
    prune
    what="step $step, seed $seed"
    note_step "$what"
    case $((RANDOM % choices)) in
    [0-4])
        for drive in hdd data; do
            digit=$((RANDOM % 10)) place=$((RANDOM % blocks))
            put $drive $digit $place
            now[$drive]=$(changed "${now[$drive]}" $digit $place)
        done
        ;;
    [5-9]) back_up ;;
    10)
        if is_running; then expect 0 maqet stop vm --timeout 0 --force; else expect 0 maqet start vm; fi
        ;;
    *) if is_running; then end_qemu; else expect 0 maqet start vm; fi ;;
    esac
done
what='at the end'
expect 0 maqet backup vm create to --incremental
look
mv to moved
for id in "${!model_hdd[@]}"; do
    shown moved "$id" hdd "${model_hdd[$id]}" || fail "hdd of $id has changed"
    shown moved "$id" data "${model_data[$id]}" || fail "data of $id has changed"
done
# Restored as it was, seen by qemu-img, which knows nothing of maqet.
restored=0
for id in $(printf '%s\n' "${!model_hdd[@]}" | sort | awk "NR % ${MAQET_TEST_STRIDE:-5} == 0"); do
    what="restoring of $id"
    expect 0 maqet backup vm restore moved "$id" --to again
    disk "${model_hdd[$id]}" >wanted.raw
    qemu-img compare -q -f raw -F qcow2 wanted.raw again/hdd.qcow2 || fail "$what: hdd"
    disk "${model_data[$id]}" >wanted.raw
    qemu-img compare -q -f raw -F raw wanted.raw again/data.raw || fail "$what: data"
    expect 0 maqet rm again --yes --delete-storage
    rmdir again
    restored=$((restored + 1))
done
# And of the VM itself, the last one: the drives are what they are.
if is_running; then expect 0 maqet stop vm --timeout 0 --force; fi
expect 0 maqet backup vm restore moved --drive hdd
disk "${now[hdd]}" >wanted.raw
qemu-img compare -q -f raw -F qcow2 wanted.raw hdd.qcow2 || fail "hdd is another one after the last backup was restored"
[ "$restored" -gt 0 ] || fail "nothing was restored"
echo "$backups backups, with $increments increments; killed maqet $killed times, and QEMU $ended times"
[ "$backups" -gt 2 ] && [ "$increments" -gt 0 ] && [ "$killed" -ge "$kills" ] && [ "$ended" -ge "$ends" ] || fail "too little was done"
