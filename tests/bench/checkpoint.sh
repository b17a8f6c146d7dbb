# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# SUMMARY: how long a guest stands still for a checkpoint, and how long loading one takes
#
# Checkpoints of a Linux guest whose memory is full, against what QEMU itself has for the same.
# BENCH_PARTS limits it to some of: size drives method busy load; little, middle and large are the
# parts of size.
. "${srcdir:?run by script/bench}/tests/bench/bench-functions.sh"

parts=" ${BENCH_PARTS:-size drives method busy load} "
memory=${BENCH_MEMORY:-1G} # of most guests

machine

# ---- guests ----

mkdir programs
for program in heartbeat memory; do
    "${CC:-cc}" -O2 -static -o programs/$program "$abs_top_srcdir/tests/bench/$program.c"
done
tar -c -C programs -f programs.tar heartbeat memory
truncate -s %2048 programs.tar

# start_guest NAME MEMORY DRIVES [RATE]: a guest with its heart beating and its memory full; with a
# RATE, of which it changes so many megabytes a second.
start_guest() {
    vm=$1
    beat=$TMP/beat.$vm
    devices='"drive1"'
    : >storage.yaml
    drive=0
    while [ $((drive += 1)) -le "$3" ]; do
        echo "  - {name: drive$drive, size: 20G, file: $TMP/$vm-$drive.qcow2," \
            "serial: DRIVE$drive, overcommit: true}" >>storage.yaml
        [ $drive -eq 1 ] || devices="$devices, \"drive$drive\""
    done
    echo "  - {name: tools, type: raw, file: $TMP/programs.tar, interface: sata, media: cdrom}" \
        >>storage.yaml
    guest_yaml "$vm" q35 "serial: \"unix:$beat,server=on,wait=off\"" <storage.yaml
    expect 0 maqet add "$vm.yaml" --set "memory=$2"
    boot "$vm"
    disk=$(disk_with_serial "$vm" DRIVE1)
    in_guest "$vm" "tar -x -C /tmp -f /dev/sr0 &&
        (setsid /tmp/heartbeat beat /dev/ttyS1 /dev/$disk >/dev/null 2>&1 &) && sleep 1"
    # What the kernel needs to keep account of it grows with the memory.
    spare=48
    [ "$2" != 4G ] || spare=256
    filled=$(in_guest "$vm" "/tmp/memory $spare ${4:-}")
    printf "\nA guest with %s and drives: %s; %s MB of its memory are full.\n" "$2" "$3" "$filled"
}
end_guest() {
    expect 0 maqet stop "$vm" --timeout 0 --force
    expect 0 maqet rm "$vm" --yes
    rm -f "$vm"-*.qcow2
}

# What is written to the disk after a command must not slow the next one.
settle() {
    sync "$TMP/$vm"-*.qcow2
    sleep 0.3
}

# ---- what is compared ----

nothing() {
    watch "$vm.none"
}

# checkpoint SERIES OPTION...: how it went, by which method, and away with it.
checkpoint() {
    name=$1
    shift
    watch "$name" "$MAQET" --format json checkpoint "$vm" create s "$@"
    receipt "$name"
    sed -n 's/.*"method": *"\([a-z]*\)".*/\1/p' out >>"$name.method"
    expect 0 maqet checkpoint "$vm" delete s
    settle
}
by_maqet() {
    checkpoint "$vm.maqet"
}

# QEMU's own job, by its monitor, which may be deaf while it writes.
cat >snapshot-save <<'END'
set -eu
"$MAQET" qmp "$1" snapshot-save "{\"job-id\": \"save\", \"tag\": \"s\", \"vmstate\": \"drive1\",
    \"devices\": [$2]}" >/dev/null 2>late || :
until jobs=$("$MAQET" --format plain qmp "$1" query-jobs 2>/dev/null) &&
    echo "$jobs" | grep -q '"status": *"concluded"'; do
    case $jobs in '[]') cat late >&2 && exit 1 ;; esac
    sleep 0.05
done
! echo "$jobs" | grep '"error":' >&2
"$MAQET" qmp "$1" job-dismiss '{"id": "save"}' >/dev/null
END
by_qemu() {
    watch "$vm.qemu" sh "$TMP/snapshot-save" "$vm" "$devices"
    maqet qmp "$vm" snapshot-delete \
        "{\"job-id\": \"delete\", \"tag\": \"s\", \"devices\": [$devices]}" >out
    eventually 60 deleted
    settle
}
deleted() {
    maqet --format plain qmp "$vm" query-jobs | grep -q '"status": *"concluded"' &&
        maqet qmp "$vm" job-dismiss '{"id": "delete"}'
}

# Which methods the receipts of a series tell.
methods() {
    sort "$1.method" | uniq -c | awk '{ printf "%s%s %d times", s, $2, $1; s = ", " }'
}

# pauses NAME MEMORY DRIVES
pauses() {
    start_guest "$1" "$2" "$3"
    in_turn nothing by_maqet by_qemu
    end_guest
    echo "maqet checkpoint VM create saved it by: $(methods "$1.maqet")."
    table "the guest's pause: $2, drives: $3" "$1.maqet.gap"
    row "nothing is done: the longest gap in a second" "$1.none.gap"
    row "maqet checkpoint VM create: the pause it tells" "$1.maqet.pause"
    row "maqet checkpoint VM create: the longest gap" "$1.maqet.gap"
    row "snapshot-save, by the monitor: the longest gap" "$1.qemu.gap"
    table "the command: $2, drives: $3" "$1.maqet.took"
    row "maqet checkpoint VM create" "$1.maqet.took"
    row "snapshot-save, by the monitor" "$1.qemu.took"
}

# ---- sizes and drives ----

case $parts in *' size '* | *' little '*) pauses little 512M 1 ;; esac
case $parts in *' size '* | *' middle '*) pauses middle 1G 1 ;; esac
case $parts in *' size '* | *' large '*) pauses large 4G 1 ;; esac
case $parts in *' drives '*)
    pauses two 1G 2
    pauses four 1G 4
    ;;
esac

# ---- methods ----

background() { checkpoint "$vm.background" --method background; }
precopy() { checkpoint "$vm.precopy" --method precopy --limit 60; }
stop() { checkpoint "$vm.stop" --method stop; }
limited() { checkpoint "$vm.limited" --method precopy --limit 5; }

# Precopy is refused where it is not sound.
precopies=
limits=
if precopy_sound; then
    precopies=precopy
    limits=limited
else
    echo "This QEMU's precopy is not sound under TCG: it is left out."
fi

case $parts in *' method '*)
    start_guest methods "$memory" 1
    in_turn nothing background $precopies stop
    end_guest
    for figure in pause gap took; do
        case $figure in
        pause) title="the pause that maqet tells, $memory" ;;
        gap) title="the guest's longest gap, $memory" ;;
        took) title="the command, $memory" ;;
        esac
        table "$title" methods.background.$figure
        [ $figure != gap ] || row "nothing is done" methods.none.gap
        row "maqet checkpoint VM create --method background" methods.background.$figure
        [ -z "$precopies" ] ||
            row "maqet checkpoint VM create --method precopy" methods.precopy.$figure
        row "maqet checkpoint VM create --method stop" methods.stop.$figure
    done
    ;;
esac

# ---- a guest that is busy ----

case $parts in *' busy '*)
    start_guest busy "$memory" 1 200
    sleep 3
    echo "It changes $(in_guest busy 'cat /tmp/rate') MB a second when it is left alone."
    in_turn nothing by_maqet background $limits
    end_guest
    echo "maqet checkpoint VM create saved it by: $(methods busy.maqet)."
    [ -z "$limits" ] || echo "--method precopy --limit 5 ended by: $(methods busy.limited)."
    table "a guest that changes 200 MB/s, $memory" busy.background.gap
    row "nothing is done: the longest gap in a second" busy.none.gap
    row "maqet checkpoint VM create: the pause it tells" busy.maqet.pause
    row "maqet checkpoint VM create: the longest gap" busy.maqet.gap
    row "maqet checkpoint VM create: the command" busy.maqet.took
    row "--method background: the pause that it tells" busy.background.pause
    row "--method background: the longest gap" busy.background.gap
    row "--method background: the command" busy.background.took
    [ -z "$limits" ] || {
        row "--method precopy --limit 5: the pause" busy.limited.pause
        row "--method precopy --limit 5: the longest gap" busy.limited.gap
        row "--method precopy --limit 5: the command" busy.limited.took
    }
    ;;
esac

# ---- loading ----

# A VM that runs is ended first, so that is in the figure.
load_running() {
    [ "$(vm_status load)" = running ] || expect 0 maqet checkpoint load load s --yes
    took load.running "$MAQET" checkpoint load load s --yes
}
load_stopped() {
    expect 0 maqet stop load --timeout 0 --force
    took load.stopped "$MAQET" checkpoint load load s --yes
}
load_start() {
    expect 0 maqet stop load --timeout 0 --force
    took load.start "$MAQET" start load --from s --yes
}
# The same with memory that is read and not mapped.
load_read() {
    expect 0 maqet stop load --timeout 0 --force
    took load.read "$MAQET" checkpoint load load s --yes --read
}
# QEMU with the same arguments and the drives where they were, which boots and has nothing to load.
load_bare() {
    expect 0 maqet stop load --timeout 0 --force
    qemu-img snapshot -a s load-1.qcow2
    # The folder of its PID file, which maqet makes for each start.
    mkdir -p "$MAQET_RUNTIME_DIR/load/qemu"
    figure=$(tr '\n' '\0' <arguments | xargs -0 "$bench_programs/incoming" \
        - "$TMP/monitor") || fail "incoming"
    add load.bare "$figure"
}

case $parts in *' load '*)
    start_guest load "$memory" 1
    expect 0 maqet checkpoint load create s
    maqet --format plain args load >arguments
    in_turn load_running load_stopped load_start load_read load_bare
    table "load, $memory" load.bare
    row "maqet checkpoint VM load, a VM that is stopped" load.stopped
    row "maqet start VM --from CHECKPOINT" load.start
    row "maqet checkpoint VM load, one that is ended first" load.running
    row "the same with --read" load.read
    row "QEMU without a state, until its guest runs" load.bare
    ;;
esac
