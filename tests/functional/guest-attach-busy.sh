#!/bin/sh
# SPDX-License-Identifier: MIT
# Drives are attached to a guest and detached from it again and again, while the guest writes to them:
# nothing of them accumulates in QEMU, or outside. Each round has three drives, and a SCSI controller
# that comes and goes with one of them; MAQET_TEST_ROUNDS sets how often: 34 are a hundred drives.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
rounds=${MAQET_TEST_ROUNDS:-4}
drives='qcow2-virtio raw-virtio qcow2-scsi'

# What QEMU has, by its monitor and by the kernel: objects, and open files without their numbers.
inside() {
    for command in query-named-block-nodes query-block query-fdsets query-chardev query-block-jobs query-pci; do
        expect 0 maqet qmp "$vm" $command
        grep -o '"\(node-name\|device\|qdev\|qdev_id\|fdset-id\|label\)": [^,]*' out | sort
    done
    for path in /machine/peripheral /machine/peripheral-anon /machine/unattached /objects /chardevs; do
        expect 0 maqet qmp "$vm" qom-list "{\"path\": \"$path\"}"
        grep -o '"name": .*' out | sort
    done
    for fd in "/proc/$pid/fd"/*; do
        readlink "$fd" || : # it may be closed by now
    done | sed 's/\[[0-9]*\]//' | sort | uniq -c
}
devices() {
    expect 0 maqet qmp "$vm" qom-list '{"path": "/machine/peripheral"}'
    grep -o '"name": .*' out | sort
}
# What is on the disk, and what runs.
outside() {
    find . -not -name out -not -name err -not -name '*side-*' | sort
    find data/vms/"$vm" run/"$vm" -name '*.json' ! -name images.json -exec cat {} +
    pgrep -af "$TMP" | sed 's/^[0-9]* //' | grep -v pgrep | sort | uniq -c
}
# QEMU's memory in KiB, without that of the guest and of the code that is translated.
memory() {
    awk '$1 == "Size:" { size = $2 } $1 == "Rss:" && size < 65536 { sum += $2 } END { print sum }' "/proc/$pid/smaps"
}
round() { # NUMBER
    for drive in $drives; do
        expect 0 maqet attach "$vm" --name "$drive" --type "${drive%-*}" interface="${drive#*-}" \
            file="$vm-$drive" size=8M serial="BUSY-${drive#*-}"
    done
    # By its name, dd would create a file once the disk is gone.
    in_guest "$vm" "
        seen() { grep -l BUSY- /sys/block/*/serial /sys/block/*/device/vpd_pg80 2>/dev/null; }
        until [ \$(seen | wc -l) -eq 3 ]; do sleep 0.1; done
        for disk in \$(seen); do
            disk=\${disk#/sys/block/} disk=/dev/\${disk%%/*}
            until [ -b \$disk ]; do sleep 0.1; done
            echo round $1 | dd of=\$disk bs=512 conv=sync,fsync 2>/dev/null
            (exec 3<\$disk
            while dd if=/dev/zero of=/proc/self/fd/3 bs=64k seek=1 count=64 conv=fsync,notrunc; do sleep 0.05; done
            ) >/dev/null 2>&1 &
        done
        sleep 0.1"
    for drive in $drives; do
        expect 0 maqet detach "$vm" "$drive" --timeout "$(patience 30)"
    done
    # Nobody writes to what is gone.
    in_guest "$vm" 'i=0; while pidof dd; do sleep 0.1; [ $((i += 1)) -lt 600 ] || exit 1; done >/dev/null'
}

for machine in q35 pc; do
    vm=busy-$machine
    guest_yaml "$vm" "$machine" <<END
  - {name: first, type: qcow2, file: $vm-first.qcow2, size: 8M}
END
    expect 0 maqet add "$vm.yaml"
    boot "$vm"
    pid=$(vm_pid "$vm")
    devices >devices-before
    # The first rounds leave what stays: images, and threads that wait for work.
    round 1
    round 2
    inside >inside-before
    outside >outside-before
    before=$(memory)
    i=2
    while [ $i -lt "$rounds" ]; do
        i=$((i + 1))
        round $i
    done
    inside >inside-after
    outside >outside-after
    devices >devices-after
    diff devices-before devices-after || fail "a device is left on $machine"
    diff inside-before inside-after || fail "something is left in QEMU on $machine"
    diff outside-before outside-after || fail "something is left outside on $machine"
    grown=$(($(memory) - before))
    echo "$machine: $((3 * rounds)) drives, QEMU has grown by $grown KiB"
    [ "$grown" -lt $((8192 + rounds * 400)) ] || fail "QEMU has grown by $grown KiB on $machine"
    for drive in $drives; do
        same "round $i" "$(qemu-img dd -U -f "${drive%-*}" -O raw bs=512 count=1 if="$vm-$drive" of=first-sector &&
            head -n 1 first-sector | tr -d '\0')" "what the guest wrote to $drive"
    done
    expect 0 qemu-img check -q "$vm-qcow2-virtio"
    expect 0 qemu-img check -q "$vm-qcow2-scsi"
    shut_down "$vm"
done
