# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# SUMMARY: how long forks of a VM take, and how much memory and disk they need together
#
# Forks of a Linux guest that uses a part of its memory, beside bare starts of QEMU.
# BENCH_PARTS limits it to some of: little large clock gap run. BENCH_FORKS: how many at a time.
. "${srcdir:?run by script/bench}/tests/bench/bench-functions.sh"

parts=" ${BENCH_PARTS:-little large clock gap run} "
forks=${BENCH_FORKS:-20}
memory=${BENCH_MEMORY:-1G} filled=${BENCH_FILLED:-550} # of the little guest, and MB of it

# Sockets, PID files and locks are in memory, as they are in /run or $XDG_RUNTIME_DIR; else on the disk.
volatile=$TMP runtime='beside the images'
if [ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] && [ -w /dev/shm ]; then
    volatile=$(mktemp -d /dev/shm/maqet-bench.XXXXXX) runtime='in memory'
    cleanup_fn "rm -rf $volatile"
fi
export MAQET_RUNTIME_DIR="$volatile/run"

machine
echo "The runtime folders, maqet's and the bare QEMU's, are $runtime."

mkdir programs
for program in heartbeat memory; do
    "${CC:-cc}" -O2 -static -o programs/$program "$abs_top_srcdir/tests/bench/$program.c"
done
tar -c -C programs -f programs.tar heartbeat memory
truncate -s %2048 programs.tar

in_guest() { guest_run "$MAQET_RUNTIME_DIR/$1/console.sock" "$2" || fail "in the guest '$1': $2"; }

# prepare NAME MEMORY MEGABYTES AGENT [FUNCTION]: a stopped VM with a checkpoint of a guest that has filled so much,
# after which a function was called. With an agent, forks have their clock set, which is the guest's work. The
# drive has $snapshots.
snapshots=overlay
prepare() {
    vm=$1
    cat >"$vm.yaml" <<END
name: $vm
binary: qemu-system-x86_64
accel: tcg
memory: $2
guest_agent: $4
arguments:
  - kernel: $KERNEL
  - initrd: $INITRD
  - append: "$GUEST_APPEND"
  - no-reboot
storage:
  - {name: disk, size: 20G, file: $TMP/$vm.qcow2, snapshots: $snapshots, overcommit: true}
  - {name: tools, type: raw, file: $TMP/programs.tar, interface: sata, media: cdrom}
END
    expect 0 maqet add "$vm.yaml"
    expect 0 maqet start "$vm"
    guest_wait "$MAQET_RUNTIME_DIR/$vm/console.sock" || fail "the guest '$vm' does not answer"
    spare=$(in_guest "$vm" "tar -x -C /tmp -f /dev/sr0 && cat /proc/meminfo" |
        awk -v wanted="$3" '$1 == "MemFree:" { print int($2 / 1024) - wanted }')
    full=$(in_guest "$vm" "/tmp/memory $spare")
    reader=$(in_guest "$vm" 'pidof memory')
    ${5:-:}
    expect 0 maqet checkpoint "$vm" create ready
    source=$(pss "$vm")
    expect 0 maqet stop "$vm" --timeout 0 --force
    printf '\nA guest with %s, which has filled %s MB of it. Its drive has snapshots: %s. Forks at a time: %s.\n' \
        "$2" "$full" "$snapshots" "$forks"
}
end() {
    expect 0 maqet rm "$vm" --yes
    rm -rf "$TMP/$vm".qcow2* "$TMP"/bare-* "$volatile"/bare-*
}
names() { seq -f 'fork-%g' "$1"; }

# pss VM...: what their QEMUs have of the host's memory, in KB, each page divided among those who have it.
pss() {
    for name; do
        cat "/proc/$(cat "$MAQET_RUNTIME_DIR/$name/run")/smaps_rollup"
    done | awk '$1 == "Pss:" { sum += $2 } END { print sum }'
}
# read_memory VM...: their guests read all that the source's guest has filled, so it is in the memory of each. With
# words of their shells alone: a guest that starts programs needs memory for them, and QEMU for what it translates.
read_memory() {
    for name; do
        read=$(in_guest "$name" "kill -USR1 $reader && read -r megabytes </tmp/read && echo \$megabytes")
        same "$full" "$read" "megabytes that the guest '$name' has read"
    done
}
# KB that everything takes on the disk.
disk() { du -sk "$TMP" | cut -f 1; }
start_forks() {
    figure=$("$bench_programs/stopwatch" "$MAQET" -q fork "$vm" fork --from ready --count "$1") || fail "fork"
}
end_forks() {
    # shellcheck disable=SC2046 # names
    expect 0 maqet rm $(names "$1") --force --delete-storage --yes
}

by_maqet() {
    start_forks "$forks"
    add "$vm.maqet" "$figure"
    end_forks "$forks"
}
# QEMU with the arguments of the VM, which boots: as many, two at a time. Each is gone when its guest
# runs, so the last one has the processors for itself as the first one has.
cat >bare <<'END'
slot=$1 && shift
folder=$volatile/bare-$slot
sed "s|$TMP/$vm.qcow2|$TMP/bare-$slot.qcow2|g; s|$MAQET_RUNTIME_DIR/$vm/|$folder/|g" "$TMP/arguments" | tr '\n' '\0' |
    xargs -0 "$bench_programs/incoming" - "$folder/monitor" >/dev/null
END
export vm TMP volatile bench_programs
by_qemu() {
    took "$vm.qemu" xargs -a "$TMP/numbers" -P 2 -n 1 --process-slot-var=SLOT sh -c "sh '$TMP/bare' \$SLOT"
}
prepare_bare() {
    maqet --format plain args "$vm" >arguments
    seq "$forks" >numbers
    for slot in 0 1; do
        mkdir -p "$volatile/bare-$slot/qemu"
        cp --sparse=always "$vm.qcow2" bare-$slot.qcow2
        cp -r --sparse=always "$vm.qcow2.maqet" bare-$slot.qcow2.maqet
    done
}

memory_and_disk() {
    awk -v source="$source" -v one="$one" -v all="$all" -v forks="$forks" -v disk=$((after - before)) 'BEGIN {
        printf "\nMemory of the host: the source %.0f MB, one fork %.0f MB, all %.0f MB (%.2f times the source).\n",
            source / 1024, one / 1024, all / 1024, all / source
        printf "Disk: %.0f KB for each fork, with its drive and its files.\n", disk / forks }'
    awk -v one="$one_read" -v all="$all_read" -v full="$full" 'BEGIN {
        printf "When each guest has read the %d MB that are filled: one fork %.0f MB, all %.0f MB (%.2f times one).\n",
            full, one / 1024, all / 1024, all / one }'
}

# measure NAME MEMORY MEGABYTES AGENT
measure() {
    prepare "$@"
    start_forks 1
    one=$(pss fork-1)
    read_memory fork-1
    one_read=$(pss fork-1)
    end_forks 1
    before=$(disk)
    start_forks "$forks"
    # shellcheck disable=SC2046 # names
    all=$(pss $(names "$forks"))
    after=$(disk)
    # shellcheck disable=SC2046 # names
    read_memory $(names "$forks")
    # shellcheck disable=SC2046 # names
    all_read=$(pss $(names "$forks"))
    end_forks "$forks"
    prepare_bare
    in_turn by_maqet by_qemu
    table "$forks forks by one command, $2" "$vm.qemu"
    row "maqet fork VM NAME --from CHECKPOINT --count" "$vm.maqet"
    row "as many bare starts of QEMU, two at a time" "$vm.qemu"
    memory_and_disk
    end
}

case $parts in *' little '*) measure little "$memory" "$filled" off ;; esac
case $parts in *' large '*) measure large 4G 2048 off ;; esac
case $parts in *' clock '*) measure clock "$memory" "$filled" on ;; esac

# ---- the guest's first second ----

# Of a guest whose heart beats on its console: the longest gap from QEMU's RESUME on.
beats_after() { # VM SERIES COMMAND...
    name=$1 series=$2
    shift 2
    "$bench_programs/heartbeat" begin "$MAQET_RUNTIME_DIR/$name/console.sock" 1000 "$@" >out 2>err ||
        fail "$*: $(cat err)"
    resumed=$(maqet --format plain events "$name" | awk -F '\t' '$3 == "RESUME" { at = $1 } END { print at }')
    # shellcheck disable=SC2046 # numbers
    set -- $(tail -n 1 out) "$(date -d "${resumed:?it was not resumed}" +%s%6N)"
    first=$(($2 - $4))
    [ $first -ge 0 ] || fail "a beat before the guest ran: $first us"
    add "$series.first" $first
    add "$series.gap" $((first > $1 ? first : $1))
}
begin_beats() {
    in_guest "$vm" '(sleep 1; exec setsid /tmp/heartbeat beat /dev/ttyS0 /dev/vda) >/dev/null 2>&1 &'
    watch_beats
}
watch_beats() {
    watched=$("$bench_programs/heartbeat" watch "$MAQET_RUNTIME_DIR/$vm/console.sock" 1000) || fail "no heartbeat"
}
gap_load() {
    beats_after "$vm" "$vm.load" "$MAQET" -q checkpoint "$vm" load ready --yes
    watch_beats
    add "$vm.none.gap" "${watched%% *}"
    expect 0 maqet stop "$vm" --timeout 0 --force
}
gap_fork() {
    beats_after fork "$vm.fork" "$MAQET" -q fork "$vm" fork --from ready
    expect 0 maqet rm fork --force --delete-storage --yes
}
# gaps NAME MEMORY MEGABYTES
gaps() {
    prepare "$@" off begin_beats
    # In the page cache.
    find "$MAQET_DATA_DIR/vms/$vm" -type f -exec cat {} + >/dev/null
    in_turn gap_load gap_fork
    end
    table "the guest's first second, $2" "$vm.none.gap"
    row "nothing is done: the longest gap in a second" "$vm.none.gap"
    row "maqet checkpoint VM load: the longest gap" "$vm.load.gap"
    row "  of these, that before the first beat" "$vm.load.first"
    row "maqet fork VM NAME --from CHECKPOINT: the same" "$vm.fork.gap"
    row "  of these, that before the first beat" "$vm.fork.first"
}
case $parts in *' gap '*)
    gaps gap "$memory" "$filled"
    # Who asks for another memory wants no large guest.
    [ "${BENCH_MEMORY:-}" ] || gaps gaps 4G 2048
    ;;
esac

# ---- run ----

run_overlay() { took run.overlay "$MAQET" run run --from ready --discard -- true; }
run_served() { took run.served "$MAQET" run served --from ready --discard -- true; }
case $parts in *' run '*)
    prepare run "$memory" "$filled" off
    snapshots=internal
    prepare served "$memory" "$filled" off
    in_turn run_overlay run_served
    for vm in run served; do end; done
    table "a run of a command, $memory" run.overlay
    row "maqet run VM --from CHECKPOINT --discard -- true" run.overlay
    row "the same, its drive with internal snapshots" run.served
    for series in overlay served; do
        awk -v us="$(median "$TMP/series/run.$series")" -v drive=$series 'BEGIN {
            printf "\n%.0f of them in a minute, one after another, with a drive that is %s.\n", 60e6 / us,
                drive == "overlay" ? "an overlay" : "served" }'
    done
    ;;
esac
