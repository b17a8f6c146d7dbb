#!/bin/sh
# SPDX-License-Identifier: MIT
# What a snapshot costs that is an overlay does not depend on the size of the drive, nor on how much
# of it is allocated. Counted, not timed: the system calls of maqet, of what it runs, and of QEMU, and
# the bytes that these read and write. And the guest does not stop.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires qemu-img strace

# The last one has all tables that 20 GB need, as when all of it was written.
qemu-img create -q -f qcow2 small.qcow2 1G
qemu-img create -q -f qcow2 large.qcow2 1T
qemu-img create -q -f qcow2 -o preallocation=metadata full.qcow2 20G
# The firmware reads nothing from them, whose reading would be counted, too.
for size in small large full; do
    vm_yaml $size <<END
arguments:
- boot: strict=on
storage:
- {name: hdd, type: qcow2, file: $size.qcow2, snapshots: overlay, overcommit: true}
END
    expect 0 maqet add $size.yaml
done

files=openat,unlink,rename,read,write,pread64,pwrite64,preadv,pwritev
files=$files,fsync,fdatasync,fallocate,ftruncate,lseek
# Calls, and the bytes of those that read or write, of all traces of a name, one for each thread.
counted() { # NAME [PATTERN]
    cat "$1".[0-9]* >"$1.all"
    rm "$1".[0-9]*
    grep -e "${2:-.}" "$1.all" | awk '/ = [0-9]+$/ { calls++ }
        /^(p?read|p?write)[0-9v]*\(/ && / = [0-9]+$/ { bytes += $NF }
        END { print calls + 0, bytes + 0 }'
}
# What the figures of a drive of 1 GB are, others may be 1.3 times; the first table of an image of 1 TB
# takes 32 KB, and is written to the disk by blocks.
compare() { # WHAT: the lines of the file figures
    first=
    while read -r size calls bytes; do
        echo "$1, $size: $calls calls, $bytes bytes"
        if [ -z "$first" ]; then
            first=$calls first_bytes=$bytes
            [ "$calls" -ge "$2" ] || fail "$1: hardly anything was counted"
        fi
        [ $((calls * 10)) -le $((first * 13)) ] || fail "$1: $calls system calls, $size"
        [ $((bytes * 10)) -le $((first_bytes * 13 + 1310720)) ] || fail "$1: $bytes bytes, $size"
    done <figures
}

for size in small large full; do
    ASAN_OPTIONS=detect_leaks=0 expect 0 strace -ff -qq -o trace -e "trace=$files" -e signal=none \
        "$MAQET" snapshot $size create hdd one
    echo "$size $(counted trace)"
done >figures
compare 'created, stopped' 30

# What QEMU does for it, by whatever thread.
for size in small large full; do
    expect 0 maqet start $size
    rm -f attached
    strace -ff -y -o trace.qemu -p "$(vm_pid $size)" -e "trace=$files" -e signal=none 2>attached &
    tracer=$!
    eventually 20 grep -q attached attached
    ASAN_OPTIONS=detect_leaks=0 expect 0 strace -ff -qq -o trace.maqet -e "trace=$files" -e signal=none \
        "$MAQET" snapshot $size create hdd two --live
    out_has 'guest pause 0 ms, not stopped'
    kill $tracer
    wait $tracer || :
    echo "$size $(counted trace.qemu "$TMP/.*qcow2")" >>figures.qemu
    echo "$size $(counted trace.maqet)" >>figures.maqet
    "$MAQET" --format plain events $size | cut -f 3 >events
    grep -q job-begun events || fail "no events: $(cat events)"
    ! grep -qE '^(STOP|RESUME)$' events || fail "the guest of $size was stopped"
    expect 0 maqet stop $size --timeout 0 --force
done
mv figures.qemu figures
compare 'QEMU, created live' 3
mv figures.maqet figures
compare 'created live' 30
