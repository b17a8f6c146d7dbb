#!/bin/bash
# SPDX-License-Identifier: MIT
# maqet is killed at every step of a live snapshot that is an overlay. Whatever the next commands find, the file that
# QEMU writes to stays, and all that the guest has written is there afterwards: before the snapshot, after
# the kill, and after the recovery. Snapshots that there were hold what they held.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io qemu-img strace

# A place for each number that the guest writes.
put() { # DRIVE NUMBER
    expect 0 maqet qmp vm human-monitor-command \
        "{\"command-line\": \"qemu-io -d /machine/peripheral/$1/virtio-backend \\\"write -P $2 $(($2 * 4))k 4k\\\"\"}"
    same '""' "$(cat out)" "$what: QEMU's answer"
    expect 0 maqet qmp vm human-monitor-command \
        "{\"command-line\": \"qemu-io -d /machine/peripheral/$1/virtio-backend flush\"}"
}
# The first so many numbers, each in its place.
written() { # COUNT WORDS of qemu-img for an image
    local count=$1 number reads=()
    shift
    for ((number = 1; number <= count; number++)); do
        reads+=(-c "read -P $number $((number * 4))k 4k")
    done
    qemu-img convert -U "$@" -O raw got.raw || fail "$what: $* cannot be read"
    ! qemu-io -r -f raw "${reads[@]}" got.raw | grep failed >&2 || fail "$what: something is lost in $*"
}
top() { # DRIVE: the file that the guest writes to, by the tree
    local id=0
    [ ! -e "$1.img.maqet/tree.json" ] || id=$(sed -n 's/^  "top":\([0-9]*\),*$/\1/p' "$1.img.maqet/tree.json")
    if [ "$id" = 0 ]; then echo "$TMP/$1.img"; else echo "$TMP/$1.img.maqet/$id.qcow2"; fi
}
format_of() { # FILE
    case $1 in *hdd.img) echo raw ;; *) echo qcow2 ;; esac
}
# What QEMU has open is there, and so is what the guest writes to by the tree.
files_stay() {
    local drive pid
    pid=$(vm_pid vm)
    find "/proc/$pid/fd" -type l -printf '%l\n' >open
    ! grep '\.img.* (deleted)$' open >&2 || fail "$what: a file that QEMU has open was removed"
    for drive in hdd data; do
        grep -qxF "$(top $drive)" open || fail "$what: QEMU does not have $(top $drive) open"
    done
}
intact() {
    local drive file
    for drive in hdd data; do
        file=$(top $drive)
        written $number -f "$(format_of "$file")" "$file"
    done
}
snapshots_intact() {
    local drive name
    for drive in hdd data; do
        for name in $(maqet --format plain snapshot vm list $drive | cut -f 1); do
            rm -f whole.raw
            expect 0 maqet snapshot vm export $drive "$name" whole.raw --format raw
            # s12 was created when there were 12 numbers.
            written "${name#s}" -f raw whole.raw
        done
    done
}

vm_yaml vm <<'END'
storage:
- {name: hdd, type: raw, file: hdd.img, size: 1M, snapshots: overlay}
- {name: data, type: qcow2, file: data.img, size: 1M, snapshots: overlay}
END
expect 0 maqet add vm.yaml
expect 0 maqet start vm
what="at first"
number=0
next() {
    number=$((number + 1))
    put hdd $number
    put data $number
}
next

# Every so many steps; MAQET_TEST_STRIDE=1 kills it at each.
stride=${MAQET_TEST_STRIDE:-3}
kills=0 created=0 undone=0
for target in hdd --all; do
    for call in rename sendmsg; do
        step=$((kills % stride))
        while :; do
            step=$((step + stride))
            [ $call = sendmsg ] || step=$((step + 1 - stride)) # there are few
            name=s$number
            what="snapshot of $target killed at $call $step"
            code=0
            traced $call "signal=KILL:when=$step" snapshot vm create $target $name --live >out 2>err || code=$?
            [ "$code" -eq 137 ] || break
            kills=$((kills + 1))
            # The guest writes on while nothing is recovered.
            next
            # The recovery is killed, too; then any command will do it.
            code=0
            traced rename signal=KILL:when=1 recover vm >out 2>err || code=$?
            [ $code -eq 137 ] || [ "$code" -eq 0 ] || { cat err; fail "$what: exit code $code of recover"; }
            expect 0 maqet recover vm
            files_stay
            next
            count=0
            for drive in hdd data; do
                ! maqet --format plain snapshot vm list $drive | cut -f 1 | grep -qx $name || count=$((count + 1))
            done
            case $target.$count in
            *.0) undone=$((undone + 1)) ;;
            hdd.1 | --all.2) created=$((created + 1)) ;;
            *) fail "$what: created for $count drives" ;;
            esac
            intact
            [ $number -lt 60 ] || fail "$what: too many steps"
        done
        [ "$code" -eq 0 ] || { cat err; fail "$what: exit code $code"; }
        next
        files_stay
        intact
        snapshots_intact
    done
done
echo "killed $kills times, created $created, undone $undone"
[ $kills -ge 10 ] || fail "hardly ever killed"
if [ $created -lt 2 ] || [ $undone -lt 2 ]; then fail "always or never created"; fi
expect 0 maqet stop vm --timeout 0 --force
intact
sound ./*.maqet/*.qcow2
expect 0 maqet start vm
next
files_stay
expect 0 maqet stop vm --timeout 0 --force
intact
snapshots_intact
