#!/bin/bash
# SPDX-License-Identifier: MIT
# Snapshots against a model: of a machine that has overlays on a raw and on a qcow2 image, and
# internal snapshots of a third one. What is done is chosen at random, live and stopped, with one
# drive or with all at once; until a third of it was killed at a random system call (maqet, what it
# runs, or QEMU), commands are. Each snapshot must hold what the model says, as plain qemu-img reads it.
#   MAQET_TEST_SEED      another choice
#   MAQET_TEST_STEPS     more than the 40 of an ordinary run; from 300 on, trees get 50 nodes, and
#                        MAQET_TEST_LIMIT should be some seconds for each step
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires strace qemu-io qemu-img

seed=${MAQET_TEST_SEED:-1}
steps=${MAQET_TEST_STEPS:-40}
RANDOM=$seed
unit=4096 kib=4
drives=(hdd data sys)
declare -A image=([hdd]=hdd.raw [data]=data.qcow2 [sys]=sys.qcow2)
declare -A format=([hdd]=raw [data]=qcow2 [sys]=qcow2)

# A disk is described by a digit for each of its units, which are filled with that number. now: what
# the guest sees of each drive; model: what each snapshot holds, by "DRIVE NAME".
declare -A now=() model=()
for digit in 0 1 2 3 4 5 6 7 8 9; do
    head -c $unit /dev/zero | tr '\0' "\\$(printf %03o "$digit")" >"unit$digit"
done
disk() {
    local i files=()
    for ((i = 0; i < ${#1}; i++)); do files+=("unit${1:i:1}"); done
    cat "${files[@]}"
}

# ---- what is there ----

# Whether QEMU is there; asking maqet takes longer.
is_running() {
    local pid
    [ -e run/vm/run ] && read -r pid <run/vm/run && [ "$pid" ] && ! process_ended "$pid"
}
tree() { echo "${image[$1]}.maqet/tree.json"; }
# The nodes of a drive, one a line: its number, its file, its format, and the snapshot that it is.
nodes() { # DRIVE
    if [ ! -e "$(tree "$1")" ]; then return; fi
    awk -F '"' -v image="${image[$1]}" -v format="${format[$1]}" '
        $2 == "id" { gsub(/[^0-9]/, "", $3); id = $3; file = image; snapshot = "" }
        $2 == "file" { file = image ".maqet/" $4; format = "qcow2" }
        $2 == "snapshot" { snapshot = $4 }
        $2 == "mode" || $2 == "snapshot" { lines[id] = id " " file " " format " " snapshot }
        END { for (id in lines) print lines[id] }' "$(tree "$1")"
}
top() { # DRIVE
    local id=0
    if [ -e "$(tree "$1")" ]; then id=$(sed -n 's/^  "top":\([0-9]*\),*$/\1/p' "$(tree "$1")"); fi
    if [ "$id" = 0 ]; then echo "-f ${format[$1]} ${image[$1]}"; else
        echo "-f qcow2 ${image[$1]}.maqet/$id.qcow2"
    fi
}
exists() { # DRIVE NAME
    maqet --format plain snapshot vm list "$1" 2>err | cut -f 1 | grep -qx "$2"
}

# What a file holds, as a disk is described; a unit that no one number fills is an x.
describe() { # FILE
    od -An -v -tu1 -w$unit "$1" | awk '
        { digit = $1; for (i = 2; i <= NF; i++) if ($i != $1) digit = "x"; printf "%s", digit }'
}
# Whether a file holds a disk; in $difference, what it holds instead.
is_disk() { # DISK FILE HOW-IT-WAS-READ...
    if disk "$1" | cmp -s - "$2"; then return; fi
    difference="$(describe "$2") (${*:3}), not $1"
    return 1
}
# Whether what qemu-img reads, of the words that name an image, is a disk.
reads() { # DISK WORD...
    qemu-img convert -U "${@:2}" -O raw got.raw >out 2>&1 || fail "$what: $(cat out)"
    is_disk "$1" got.raw "${@:2}"
}
# Whether the guest sees a disk; QEMU has written all of it.
shows() { # DRIVE DISK
    # shellcheck disable=SC2046
    reads "$2" $(top "$1")
}
# Whether a snapshot holds a disk. What qemu-img reads of an internal one has the present size, and
# while a machine runs, one that replaced another may have a name that only maqet knows.
holds_disk() { # DRIVE NAME DISK [exported]
    local words=''
    if [ "$1" != sys ]; then
        words=$(nodes "$1" | awk -v name="$2" '$4 == name { print "-f", $3, $2 }')
    elif [ ! "${4:-}" ] && [ ${#3} -eq ${#now[sys]} ] && qemu-img snapshot -U -l sys.qcow2 | grep -q " $2 "; then
        words="-f qcow2 -l snapshot.name=$2 sys.qcow2"
    fi
    # shellcheck disable=SC2086
    if [ "$words" ]; then reads "$3" $words; else
        rm -f whole.raw
        expect 0 maqet snapshot vm export "$1" "$2" whole.raw --format raw
        is_disk "$3" whole.raw "exported"
    fi
}
check_now() { # DRIVE...
    local drive
    for drive; do
        shows "$drive" "${now[$drive]}" || fail "$what: what the guest sees of $drive: $difference"
    done
}
# All snapshots of all drives are there, and no others.
check_listed() {
    local key drive
    for drive in "${drives[@]}"; do
        for key in "${!model[@]}"; do
            [ "${key% *}" != "$drive" ] || echo "${key#* }"
        done | sort >wanted
        maqet --format plain snapshot vm list "$drive" 2>err | cut -f 1 | sort >out
        diff wanted out >&2 || fail "$what: the snapshots of $drive"
    done
}
check_held() { # KEY...
    local key
    for key; do
        holds_disk "${key% *}" "${key#* }" "${model[$key]}" || fail "$what: $key is not as it was: $difference"
    done
    checked=$((checked + $#))
}
check_all() {
    check_listed
    check_held "${!model[@]}"
}
# After a kill: at most twelve of them, as reading hundreds each time would take hours. All are read
# every tenth step.
check_some() {
    local keys=("${!model[@]}") first
    check_listed
    [ ${#keys[@]} -gt 0 ] || return 0
    first=$((RANDOM % ${#keys[@]}))
    check_held "${keys[@]:first:12}"
}
# Without a fault, but for clusters that a killed program has leaked.
check_images() {
    local file code
    for file in data.qcow2 sys.qcow2 ./*.maqet/*.qcow2; do
        code=0
        [ ! -e "$file" ] || qemu-img check "$file" >out 2>&1 || code=$?
        [ $code -eq 0 ] || [ $code -eq 3 ] || fail "$what: $file is not sound: $(cat out)"
    done
}

# ---- what the guest does ----

guest() { # DRIVE WORDS: by the guest's own device
    maqet qmp vm human-monitor-command \
        "{\"command-line\": \"qemu-io -d /machine/peripheral/$1/virtio-backend \\\"$2\\\"\"}" \
        >out 2>err && [ "$(cat out)" = '""' ] || fail "$what: QEMU does not '$2': $(cat out err)"
}
put() { # DRIVE
    local length=${#now[$1]} at count digit=$((RANDOM % 10)) digits words
    at=$((RANDOM % length))
    count=$((1 + RANDOM % 6))
    ((at + count <= length)) || count=$((length - at))
    words="write -P $digit $((at * unit)) $((count * unit))"
    [ $digit -gt 0 ] || words="write -z $((at * unit)) $((count * unit))"
    if is_running; then
        guest "$1" "$words"
        guest "$1" flush
    else
        # shellcheck disable=SC2046
        qemu-io $(top "$1") -c "$words" >out 2>&1 || fail "$what: $(cat out)"
    fi
    digits=$(printf "%${count}s" '' | tr ' ' "$digit")
    now[$1]=${now[$1]:0:at}$digits${now[$1]:at+count}
}
grow() { # DRIVE
    local count=$((1 + RANDOM % 20)) longer
    [ $((${#now[$1]} + count)) -le 96 ] || return 0
    longer=${now[$1]}$(printf "%${count}s" '' | tr ' ' 0)
    what="$what: resize $1"
    carry_out resize vm "$1" $((${#longer} * kib))K
    # The guest sees the old size, or the new one.
    if [ $code -eq 0 ] || shows "$1" "$longer"; then now[$1]=$longer; fi
}

# ---- commands, and what kills them ----

# Whatever the command was to make of the drives, it is that or what it was.
after_kill() { # COMMAND NAME DRIVE...
    local command=$1 name=$2 count=0 drive
    shift 2
    case $command in
    create)
        for drive; do if exists "$drive" "$name"; then count=$((count + 1)); fi; done
        [ $count -eq 0 ] || [ $count -eq $# ] || fail "$what: created on $count of $# drives"
        [ $count -eq 0 ] || done_with create "$name" "$@"
        ;;
    replace)
        for drive; do
            exists "$drive" "$name" || fail "$what: drive $drive has neither the old nor the new one"
            # The old one may differ from the new one in nothing but its size.
            if holds_disk "$drive" "$name" "${now[$drive]}" exported; then count=$((count + 1)); fi
        done
        [ $count -ne $# ] || done_with create "$name" "$@"
        ;;
    delete)
        for drive; do
            if ! exists "$drive" "$name"; then done_with delete "$name" "$drive"; fi
        done
        ;;
    load)
        for drive; do
            if shows "$drive" "${now[$drive]}"; then count=$((count + 1)); fi
        done
        [ $count -eq $# ] || done_with load "$name" "$@"
        ;;
    esac
}
done_with() { # COMMAND NAME DRIVE...
    local drive
    for drive in "${@:3}"; do
        case $1 in
        create | replace) model["$drive $2"]=${now[$drive]} ;;
        delete) unset "model[$drive $2]" ;;
        load) now[$drive]=${model["$drive $2"]} ;;
        esac
    done
}

one_of() { local words=("$@"); echo "${words[$1 % ($# - 1) + 1]}"; } # NUMBER WORD...
# Runs maqet, with something killed at a random system call; the exit code is in $code.
with_kill() { # ARGUMENT...
    local call when=$((1 + RANDOM % 14)) number=$RANDOM who=maqet pid killer
    # A QEMU that is started is followed, too, for as long as it runs.
    if ((RANDOM % 3 == 0)) && [ "$1" != start ]; then
        who=tools
        if is_running; then who=QEMU; fi
    fi
    case $who in
    maqet) call=$(one_of $number write rename unlink fsync clone sendmsg recvfrom wait4 fchmod) ;;
    tools) call=$(one_of $number pwrite64 fdatasync) when=$((1 + RANDOM % 6)) ;;
    QEMU) call=$(one_of $number pwrite64 fdatasync openat sendmsg) when=$((1 + RANDOM % 6)) ;;
    esac
    what="$what, $who killed at $call $when"
    code=0
    case $who in
    maqet) traced "$call" "signal=KILL:when=$when" "$@" >out 2>err || code=$? ;;
    tools)
        ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o trace -e "trace=$call" \
            -e "inject=$call:signal=KILL:when=$when" "$MAQET" "$@" >out 2>err || code=$?
        ;;
    QEMU)
        pid=$(cat run/vm/run)
        rm -f attached
        strace -f -o trace.qemu -p "$pid" -e "trace=$call" \
            -e "inject=$call:signal=KILL:when=$when" 2>attached &
        killer=$!
        eventually 20 grep -q attached attached
        maqet "$@" >out 2>err || code=$?
        kill $killer 2>/dev/null || :
        # It may wait for ever for a thread of a QEMU that was killed.
        for ((tries = 0; tries < 100; tries++)); do
            process_ended $killer && break
            sleep 0.1
        done
        kill -KILL $killer 2>/dev/null || :
        wait $killer 2>/dev/null || :
        ;;
    esac
    case $code in
    0) ;;
    137) killed=$((killed + 1)) ;;
    *)
        [ $who != maqet ] && [ $code -lt 126 ] || fail "$what: exit code $code: $(cat err)"
        killed=$((killed + 1))
        ;;
    esac
}
recover() {
    if ((RANDOM % 3 == 0)) && is_running; then
        what="$what, then QEMU"
        pid=$(cat run/vm/run)
        kill -KILL "$pid"
        eventually 20 process_ended "$pid"
    fi
    if ((RANDOM % 3 == 0)); then
        what="$what, then its recovery"
        traced "$(one_of $RANDOM write rename unlink)" "signal=KILL:when=$((1 + RANDOM % 6))" \
            recover vm >out 2>err || :
    fi
    expect 0 maqet recover vm
}
# Runs maqet, which is killed while fewer than a third of all steps were, and some more. $code is 0 if it came to
# its end; otherwise, what it left has been seen to.
carry_out() { # ARGUMENT...
    code=0
    if is_running; then live=$((live + 1)); else stopped=$((stopped + 1)); fi
    if ((killed * 3 <= step + 30)); then
        with_kill "$@"
        # A command that nothing has killed leaves nothing to be recovered.
        if [ $code -ne 0 ] || [ -e data/vms/vm/pending.json ]; then
            recover
            code=1
        fi
    else
        expect 0 maqet "$@"
    fi
}
run() { # COMMAND NAME DRIVE... -- OPTION...
    local command=$1 name=$2 on=() word target
    shift 2
    while [ "$1" != -- ]; do on+=("$1"); shift; done
    shift
    target=${on[0]}
    [ ${#on[@]} -eq 1 ] || target=--all
    word=$command
    [ $command != replace ] || word=create
    what="step $step, seed $seed: $command $target $name $*"
    carry_out snapshot vm "$word" "$target" "$name" "$@"
    if [ $code -eq 0 ]; then
        done_with "$command" "$name" "${on[@]}"
    else
        after_kill "$command" "$name" "${on[@]}"
        check_some
    fi
}

# ---- the choice ----

# A snapshot that there is, in $name, and the drives that it is of, in $on: all, or one.
choose() {
    local keys=("${!model[@]}") key drive
    on=()
    [ ${#keys[@]} -gt 0 ] || return 1
    # The order of an associative array is always the same for the same keys.
    key=${keys[RANDOM % ${#keys[@]}]}
    name=${key#* }
    for drive in "${drives[@]}"; do
        if [ "${model["$drive $name"]+set}" ]; then on+=("$drive"); fi
    done
    [ ${#on[@]} -eq ${#drives[@]} ] || on=("${key% *}")
}
create() {
    if ((RANDOM % 5 == 0)) && choose; then
        run replace "$name" "${on[@]}" -- --auto --overwrite
        return
    fi
    on=("${drives[RANDOM % 3]}")
    if ((RANDOM % 3 < (steps < 300 ? 1 : 2))); then on=("${drives[@]}"); fi
    run create "s$step" "${on[@]}" -- --auto
}
delete() {
    choose || { on=() && return; }
    # Of a set, one is deleted, or all are.
    if [ ${#on[@]} -gt 1 ] && ((RANDOM % 2 == 0)); then on=("${on[RANDOM % 3]}"); fi
    run delete "$name" "${on[@]}" -- --auto
}
load() {
    choose || { on=() && return; }
    if [ ${#on[@]} -gt 1 ] && ((RANDOM % 3 == 0)); then on=("${on[RANDOM % 3]}"); fi
    if is_running && ((RANDOM % 2 == 0)); then expect 0 maqet stop vm --timeout 0 --force; fi
    run load "$name" "${on[@]}" -- --yes --auto
}
start_or_stop() {
    if ! is_running; then
        what="$what: start"
        carry_out start vm --wait "$(patience 30)"
    else
        what="$what: stop"
        carry_out stop vm --timeout 0 --force
        is_running || check_images
    fi
}

vm_yaml vm <<END
storage:
- {name: hdd, type: raw, file: hdd.raw, size: 128K, snapshots: overlay}
- {name: data, type: qcow2, file: data.qcow2, size: 128K, snapshots: overlay}
- {name: sys, type: qcow2, file: sys.qcow2, size: 128K}
END
for drive in "${drives[@]}"; do now[$drive]=$(printf '%032d' 0); done
expect 0 maqet add vm.yaml
expect 0 maqet start vm
# The trees grow until they are that large, then they shrink until nearly nothing is left.
limit=$((steps < 300 ? 2 + steps / 10 : 50)) growing=true killed=0 checked=0 most=0 live=0 stopped=0 done=0
# Whether as much was done as the head of this file says, and both live and stopped.
enough() {
    [ $((live * 6)) -ge "$steps" ] && [ $((stopped * 6)) -ge "$steps" ] &&
        [ $((killed * (steps < 300 ? 4 : 3))) -ge "$steps" ] && { [ "$steps" -lt 300 ] || [ $most -ge 48 ]; }
}
for ((step = 0; step < steps || (step < 3 * steps && !done); step++)); do
    what="step $step, seed $seed"
    note_step "$what"
    choice=$((RANDOM % 14))
    count=$(nodes hdd | wc -l)
    [ "$count" -le $most ] || most=$count
    if [ "$count" -ge $limit ]; then growing=false; elif [ "$count" -le 3 ]; then growing=true; fi
    on=("${drives[RANDOM % 3]}")
    case $choice in
    [0-2]) if ((choice == 2)) && ! is_running; then start_or_stop; else put "${on[0]}"; fi ;;
    3) grow "${on[0]}" ;;
    [45]) start_or_stop ;;
    [67]) load ;;
    8) create ;;
    9) delete ;;
    *) if $growing; then create; else delete; fi ;;
    esac
    check_now "${on[@]}"
    if enough; then done=1; fi
    if ((step % 10 == 9)); then check_now "${drives[@]}" && check_all; fi
done
what="seed $seed, at the end"
expect 0 maqet stop vm --timeout 0 --force
check_images
check_all
# Without snapshots, the images are what the guest sees, and nothing else is left.
while choose; do
    expect 0 maqet snapshot vm delete "${on[0]}" "$name"
    done_with delete "$name" "${on[0]}"
done
for drive in "${drives[@]}"; do
    expect 0 maqet snapshot vm create "$drive" last
    expect 0 maqet snapshot vm delete "$drive" last
    [ ! -e "${image[$drive]}.maqet" ] || fail "$what: left: $(ls "${image[$drive]}.maqet")"
    same 600 "$(stat -c %a "${image[$drive]}")" "permissions of ${image[$drive]}"
done
check_now "${drives[@]}"
check_images
expect 0 maqet rm vm --force --yes
echo "$killed killed; $live commands live, $stopped stopped; $most nodes at most, $checked snapshots read"
enough || fail "too little was killed, or done live, or done stopped, or the trees had too few nodes"
