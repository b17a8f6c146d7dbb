#!/bin/sh
# SPDX-License-Identifier: MIT
# A drive is attached to a guest and detached from it again and again, while the guest writes to it:
# nothing of it accumulates in QEMU, or outside. MAQET_TEST_ROUNDS sets how often.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
rounds=${MAQET_TEST_ROUNDS:-6}

find_disk() { # NAME SERIAL
    disk=$(disk_with_serial "$1" "$2")
    [ -n "$disk" ]
}
# What QEMU has, by its monitor and by the kernel: objects, and open files without their numbers.
inside() {
    for command in query-named-block-nodes query-block query-fdsets query-chardev query-block-jobs; do
        expect 0 maqet qmp "$vm" $command
        grep -o '"\(node-name\|device\|qdev\|fdset-id\|label\)": [^,]*' out | sort
    done
    for path in /machine/peripheral /machine/peripheral-anon /objects; do
        expect 0 maqet qmp "$vm" qom-list "{\"path\": \"$path\"}"
        grep -o '"name": .*' out | sort
    done
    for fd in "/proc/$pid/fd"/*; do
        readlink "$fd" || : # it may be closed by now
    done | sed 's/\[[0-9]*\]//' | sort | uniq -c
}
# What is on the disk, and what runs.
outside() {
    find . -not -name out -not -name err -not -name '*side-*' | sort
    find data/vms/"$vm" run/"$vm" -name '*.json' ! -name images.json -exec cat {} +
    pgrep -af "$TMP" | sed 's/^[0-9]* //' | grep -v pgrep | sort | uniq -c
}
round() { # NUMBER
    expect 0 maqet attach "$vm" --name busy file="$vm-busy.qcow2" size=8M serial=BUSY
    eventually 60 find_disk "$vm" BUSY
    in_guest "$vm" "echo round $1 | dd of=/dev/$disk bs=512 conv=sync,fsync 2>/dev/null
        (exec 3</dev/$disk # by its name, dd would create a file when the disk is gone
        while dd if=/dev/zero of=/proc/self/fd/3 bs=64k seek=1 count=64 conv=fsync,notrunc; do :; done) >/dev/null 2>&1 &
        sleep 0.1"
    expect 0 maqet detach "$vm" busy --timeout "$(patience 30)"
}

for machine in q35 pc; do
    vm=busy-$machine
    guest_yaml "$vm" "$machine" <<END
  - {name: first, type: qcow2, file: $vm-first.qcow2, size: 8M}
END
    echo 'hotplug_slots: 1' >>"$vm.yaml"
    expect 0 maqet add "$vm.yaml"
    boot "$vm"
    pid=$(vm_pid "$vm")
    # The first rounds leave what stays: the image, and threads that wait for work.
    round 1
    round 2
    inside >inside-before
    outside >outside-before
    memory=$(awk '$1 == "VmRSS:" { print $2 }' "/proc/$pid/status")
    i=2
    while [ $i -lt "$rounds" ]; do
        i=$((i + 1))
        round $i
    done
    inside >inside-after
    outside >outside-after
    diff inside-before inside-after || fail "something is left in QEMU on $machine"
    diff outside-before outside-after || fail "something is left outside on $machine"
    grown=$(($(awk '$1 == "VmRSS:" { print $2 }' "/proc/$pid/status") - memory))
    echo "$machine: $rounds rounds, QEMU has grown by $grown KiB"
    [ "$grown" -lt $((100 * 1024 + rounds * 50)) ] || fail "QEMU has grown by $grown KiB on $machine"
    same "round $i" "$(qemu-img dd -U -f qcow2 -O raw bs=512 count=1 if="$vm-busy.qcow2" of=first-sector &&
        head -n 1 first-sector | tr -d '\0')" "what the guest wrote"
    expect 0 qemu-img check -q "$vm-busy.qcow2"
    shut_down "$vm"
done
