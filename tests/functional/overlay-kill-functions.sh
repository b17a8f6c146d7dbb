# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# overlay-kill-functions.sh - a drive 'hdd' of a VM 'vm' with overlays over hdd.qcow2, what each of them holds, and
# QEMU that is killed while it works on them; after functions.sh.
folder=hdd.qcow2.maqet

# ---- the model ----

# A disk is described by a digit for each 64K of it, which are filled with that number: what each snapshot holds, and
# the drive ("now"). The caller sets them.
declare -A model=()
# The file of a snapshot, or of the topmost node ("now").
file_of() { # NAME
    awk -F '"' -v name="$1" '
        $2 == "top" { gsub(/[^0-9]/, "", $3); top = $3 }
        $2 == "id" { gsub(/[^0-9]/, "", $3); id = $3; file = "hdd.qcow2" }
        $2 == "file" { file = "'$folder'/" $4 }
        $2 == "mode" && name == "now" && id == top { print file; exit }
        $2 == "snapshot" && $4 == name { print file; exit }' $folder/tree.json
}
# Each snapshot holds what the model says, and so does the drive, as plain qemu-img reads them.
intact() { # NAME of a snapshot that may be there or not; - for none
    local name disk at words=()
    maqet --format plain snapshot vm list hdd | cut -f 1 >there
    while read -r name; do
        [ "${model[$name]+set}" ] || [ "$name" = "$1" ] || fail "$what: a snapshot $name"
    done <there
    for name in "${!model[@]}"; do
        if [ "$name" != now ] && ! grep -qx "$name" there; then
            [ "$name" = "$1" ] || fail "$what: the snapshot $name is gone"
            continue
        fi
        disk=${model[$name]}
        words+=(-c "open -r -U -o driver=qcow2 $(file_of "$name")")
        for ((at = 0; at < ${#disk}; at++)); do words+=(-c "read -q -P ${disk:at:1} $((at * 64))k 64k"); done
        words+=(-c close)
    done
    qemu-io "${words[@]}" >out 2>&1 || fail "$what: $(cat out)"
    [ ! -s out ] || fail "$what: $(cat out), of $(declare -p model)"
}

# Writes to six blocks, or to COUNT of them, with a number that is used for the first time; the VM is stopped.
number=0
put() { # [COUNT]
    local at disk=${model[now]} words=() blocks
    number=$((number + 1))
    blocks=($number $((number + 4)) $((number + 9)) $((number + 12)) 20 $((number + 20)))
    for at in "${blocks[@]:0:${1:-6}}"; do
        words+=(-c "write -q -P $number $((at * 64))k 64k")
        disk=${disk:0:at}$number${disk:at+1}
    done
    [ ${#words[@]} -eq 0 ] || qemu-io -f qcow2 "${words[@]}" "$(file_of now)"
    model[now]=$disk
}
# And a snapshot before that.
create() { # NAME [COUNT]
    expect 0 maqet snapshot vm create hdd "$1"
    model[$1]=${model[now]}
    put "${2:-6}"
}
# Keeps all files, to begin from there again.
keep() {
    mkdir kept
    cp -pr hdd.qcow2 $folder data/vms/vm kept
}
as_it_was() {
    rm -rf hdd.qcow2 $folder data/vms/vm
    cp -pr kept/hdd.qcow2 kept/$folder .
    cp -pr kept/vm data/vms/vm
}

# ---- what must be true afterwards ----

# Of a VM that is stopped and tidied: the files are those of the tree, and an overlay stores the name of what it
# stands on by the tree. One node has each of them.
in_order() {
    awk -F '"' '
        $2 == "id" || $2 == "parent" { gsub(/[^0-9]/, "", $3); value[$2] = $3 }
        $2 == "file" { print value["id"], value["parent"], $4 }' $folder/tree.json >nodes
    cut -d ' ' -f 3 nodes | sort >wanted
    (cd $folder && ls -A) | grep -vx tree.json | sort >out
    diff wanted out >&2 || fail "$what: files in $folder"
    local id parent file below
    while read -r id parent file; do
        below=$(awk -v id="$parent" '$1 == id { print $3 }' nodes)
        same "${below:-../hdd.qcow2}" "$(head -c 4096 "$folder/$file" | grep -aoE '[./a-z0-9]+\.qcow2')" \
            "$what: what $id stands on"
    done <nodes
    ! grep -q '"prepared":[1-9]\|"merging_above":[1-9]' $folder/tree.json || fail "$what: something is left to do"
}
is_running() {
    local pid
    [ -e run/vm/run ] && read -r pid <run/vm/run && [ "$pid" ] && ! process_ended "$pid"
}
kills=0
# Whatever was killed, the next commands repair all of it. A VM that is stopped merges what is not needed any more.
repaired() { # NAME
    kills=$((kills + 1))
    expect 0 maqet recover vm
    [ ! -e data/vms/vm/pending.json ] || fail "$what: the job is pending"
    is_running || expect 0 maqet start vm
    expect 0 maqet stop vm --timeout 0 --force
    expect 0 maqet recover vm
    intact "$1"
    in_order
}

# ---- the kills ----

begin() {
    as_it_was
    expect 0 maqet start vm
    # It has nothing to do, and its system calls are those of what maqet has it do.
    expect 0 maqet pause vm
    pid=$(cat run/vm/run)
}
# Runs maqet; the VM's QEMU is killed at a system call. The exit code is in $code.
with_kill() { # CALL WHEN ARGUMENT...
    local killer
    rm -f attached
    strace -f -o trace.qemu -p "$pid" -e "trace=$1" -e "inject=$1:signal=KILL:when=$2" 2>attached &
    killer=$!
    eventually 20 grep -q attached attached
    code=0
    maqet "${@:3}" >out 2>err || code=$?
    # Asked to end, it may wait for ever for a thread of a QEMU that was killed.
    kill -KILL $killer 2>/dev/null || :
    wait $killer 2>/dev/null || :
}
# At some steps, or at every so many until it is not killed any more; NAME is that of the snapshot that comes or goes.
kill_during() { # CALL STEPS NAME ARGUMENT...
    local steps=$2 step
    [ -z "${MAQET_TEST_STRIDE:-}" ] || steps=$(seq 1 "$MAQET_TEST_STRIDE" 200)
    for step in $steps; do
        what="${*:4}, QEMU killed at $1 $step"
        begin
        with_kill "$1" $step "${@:4}"
        echo "$what: $code $(cat err)"
        [ $code -lt 126 ] || fail "$what: exit code $code: $(cat err)"
        if ! process_ended "$pid"; then
            [ $code -eq 0 ] || fail "$what: exit code $code: $(cat err)"
            expect 0 maqet stop vm --timeout 0 --force
            break
        fi
        [ $code -eq 0 ] || grep -q "VM 'vm'.*QEMU has ended" err || fail "$what: not said what has happened: $(cat err)"
        repaired "$3"
    done
}
