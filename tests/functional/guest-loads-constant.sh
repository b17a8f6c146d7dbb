#!/bin/sh
# SPDX-License-Identifier: MIT
# What a load of a checkpoint costs, and a fork, does not depend on how much memory the guest has and uses.
# Counted, not timed: the bytes that maqet and what it waits for read and write, those that QEMU reads, and what
# of the host's memory QEMU has when the guest runs again.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
[ -r /proc/self/io ] || skip_always "this kernel does not count what processes read"

# Of random data, which nothing can compress.
piece=16 # MB
prepare() { # VM MEMORY PIECES
    cat >"$1.yaml" <<END
name: $1
binary: qemu-system-x86_64
accel: tcg
memory: $2
display: none
arguments:
  - kernel: $KERNEL
  - initrd: $INITRD
  - append: "$GUEST_APPEND"
  - no-reboot
storage:
  - {name: disk, size: 64M, file: $1.qcow2, snapshots: overlay}
END
    expect 0 maqet add "$1.yaml"
    expect 0 maqet start "$1"
    guest_wait "$TMP/run/$1/console.sock" || fail "the guest '$1' does not answer"
    guest_run "$TMP/run/$1/console.sock" "mkdir -p /fill && mount -t tmpfs -o size=95% none /fill &&
        head -c ${piece}m /dev/urandom >/fill/0 && i=0 &&
        while [ \$((i += 1)) -lt $3 ]; do cat /fill/0 >/fill/\$i || exit 1; done" ||
        fail "the guest '$1' cannot fill its memory"
    expect 0 maqet checkpoint "$1" create ready
    expect 0 maqet stop "$1" --timeout 0 --force
}
prepare small 256M 4
prepare large 1G 48
for vm in small large; do
    echo "$vm: $(($(stat -c %b "data/vms/$vm/checkpoints/ready.ram") / 2048)) MB are saved"
done
[ "$(stat -c %b data/vms/large/checkpoints/ready.ram)" -gt \
    $((4 * $(stat -c %b data/vms/small/checkpoints/ready.ram))) ] || fail "the large guest has not filled its memory"

# counted VM COMMAND...: three figures in KB. The kernel adds what a process has read to what its parent has,
# when that waits for it; QEMU, for which nobody does, has its own account.
counted() {
    vm=$1
    shift
    sh -c '"$@" >out 2>err && cat "/proc/$$/io" >io' sh "$MAQET" "$@" || fail "$*: $(cat err)"
    pid=$(vm_pid "$vm")
    awk -v ours="$(awk '/^[rw]char:/ { sum += $2 } END { print sum }' io)" '
        $1 == "rchar:" { read = $2 }
        $1 == "VmRSS:" { memory = $2 }
        END { printf "%d %d %d\n", ours / 1024, read / 1024, memory }' "/proc/$pid/io" "/proc/$pid/status"
}
ends() { expect 0 maqet stop "$1" --timeout 0 --force; }
# count WHAT: the file figures, with a line for each size.
count() {
    for size in small large; do
        case $1 in
        load | read)
            option=
            [ "$1" = load ] || option=--read
            figures=$(counted $size checkpoint $size load ready --yes $option)
            ends $size
            ;;
        start)
            figures=$(counted $size start $size --from ready --yes)
            ends $size
            ;;
        fork)
            figures=$(counted $size-fork fork $size $size-fork --from ready)
            expect 0 maqet rm $size-fork --force --delete-storage --yes
            ;;
        esac
        echo "$figures"
        echo "$1, $size: KB that maqet reads and writes, QEMU reads, QEMU has: $figures" >&2
    done >figures
}
# constant: the second line of the file is hardly more than the first one.
constant() {
    awk 'function more(column, slack) { return $column > first[column] * 1.3 + slack * 1024 }
        NR == 1 { for (i = 1; i <= NF; i++) first[i] = $i }
        NR == 2 { grown = more(1, 4) || more(2, 4) || more(3, 48) }
        END { exit NR != 2 || NF != 3 || first[2] == 0 || grown }' figures
}

for what in load start fork; do
    count $what
    constant || fail "$what: it grows with the guest's memory"
done

# And what reads the memory is seen by that.
count read
! constant || fail "a load that reads all of the memory is not seen"
