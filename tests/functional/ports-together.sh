#!/bin/sh
# SPDX-License-Identifier: MIT
# Commands that choose ports of the host for new VMs, at the same time: no port is chosen twice.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires perl qemu-img

# Each looks for a free port after the same one.
for vm in a b; do
    [ $vm = a ] && port=13222 || port=13223
    vm_yaml $vm <<EOF
ports: ["$port:22"]
storage:
  - {name: hdd, type: qcow2, size: 1M, file: $vm.qcow2, snapshots: overlay}
EOF
    qemu-img create -q -f qcow2 $vm.qcow2 1M
    expect 0 maqet add $vm.yaml
done

ports() { sed -n 's/.*"\([0-9.:]*:\)\{0,1\}\([0-9]*\):22[/"].*/\2/p' data/vms/*/vm.json; }
# together COMMAND NAME COUNT OPTION...: of both VMs, at the same time.
together() {
    command=$1 name=$2 count=$3
    shift 3
    maqet "$command" a "a-$name" --count "$count" "$@" >a.out 2>a.err &
    first=$!
    maqet "$command" b "b-$name" --count "$count" "$@" >b.out 2>b.err &
    second=$!
    wait $first || fail "$command of 'a': $(cat a.err)"
    wait $second || fail "$command of 'b': $(cat b.err)"
    same $((2 + 2 * count)) "$(ports | wc -l)" "VMs with a port after $command"
    same '' "$(ports | sort | uniq -d)" "ports that two VMs have after $command"
}
together clone new 25
expect 0 maqet rm $(ls data/vms | grep -- -new-) --delete-storage --yes

for vm in a b; do
    expect 0 maqet start $vm
    expect 0 maqet checkpoint $vm create ready
done
together fork now 4 --from ready
expect 0 maqet stop $(ls data/vms) --timeout 0 --force

# Those of `arguments` are chosen once, too, though nobody listens on them yet.
vm_yaml c <<EOF
network: none
arguments:
  - netdev: {type: user, id: n, hostfwd: "tcp:127.0.0.1:12622-:22"}
  - device: {driver: virtio-net-pci, netdev: n}
storage:
  - {name: hdd, type: qcow2, size: 1M, file: c.qcow2, snapshots: overlay}
EOF
qemu-img create -q -f qcow2 c.qcow2 1M
expect 0 maqet add c.yaml
expect 0 maqet clone c c1
expect 0 maqet clone c c2
same 3 "$(grep -h -o '127.0.0.1:[0-9]*-:22' data/vms/c*/vm.json | sort -u | wc -l)" "ports of 'c' and its clones"

# A command waits for another one that chooses, and nobody waits for one that was killed.
perl -e 'my $lock = pack("ssx4qqix4", 1, 0, 0, 0, 0); open(F, "+>>", "data/vms/.ports.lock") or die;
    fcntl(F, 6, $lock) or die; open(H, ">", "held"); sleep' &
holder=$!
eventually 20 [ -e held ]
maqet clone a late --lock-timeout "$(patience 600)" >out 2>err &
waiter=$!
eventually 30 grep -q "Waiting for 'perl" err
[ ! -e data/vms/late ] || fail "a clone was stored while another command chose ports"
kill -9 $holder
wait $holder || :
wait $waiter || fail "the lock is free, but the clone failed: $(cat err)"
[ -e data/vms/late ] || fail "there is no clone"
