#!/bin/sh
# SPDX-License-Identifier: MIT
# A folder is shared with a guest that is running, and no longer: its program runs exactly as long.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
virtiofsd=${MAQET_TEST_VIRTIOFSD-}
for place in /usr/libexec/virtiofsd /usr/lib/virtiofsd /usr/lib/qemu/virtiofsd; do
    [ -n "$virtiofsd" ] || [ ! -x "$place" ] || virtiofsd=$place
done
[ -n "$virtiofsd" ] || skip "virtiofsd is not installed"
[ "$(id -u)" -eq 0 ] || skip_always "the oldest virtiofsd wants to be root"

mkdir first second
echo 'from the host' >second/word
guest_yaml vm q35 <<END
  - {name: first, type: virtiofs, path: first, sandbox: chroot, virtiofsd: $virtiofsd}
END
guest_yaml plain q35 <<END
  - {name: disk, type: raw, size: 1M}
END
expect 0 maqet add vm.yaml
boot vm
helpers() {
    while read -r helper _; do
        [ ! -d "/proc/$helper" ] || grep -q '^State:.Z' "/proc/$helper/status" || echo "$helper"
    done <run/vm/helpers
}
before=$(helpers)
for round in 1 2; do
    expect 0 maqet attach vm --name second --type virtiofs path=second sandbox=chroot "virtiofsd=$virtiofsd"
    same 2 "$(helpers | wc -l)" "the programs beside QEMU"
    eventually 60 in_guest vm "mkdir -p /mnt && mount -t virtiofs second /mnt"
    same 'from the host' "$(in_guest vm 'cat /mnt/word')" "what the guest reads"
    in_guest vm "echo 'round $round' >/mnt/answer; umount /mnt"
    same "round $round" "$(cat second/answer)" "what the guest wrote"
    expect 0 maqet detach vm second --timeout "$(patience 30)"
    same "$before" "$(helpers)" "the programs beside QEMU"
    [ ! -e run/vm/helper-second.sock ] || fail "the socket is left"
    same 1 "$(wc -l <run/vm/helpers)" "the record of programs"
    expect 0 maqet qmp vm query-chardev
    out_lacks second
done
shut_down vm

# Its program maps the guest's memory.
expect 0 maqet add plain.yaml
expect 0 maqet start plain
expect 3 maqet attach plain --name second --type virtiofs path=second sandbox=chroot "virtiofsd=$virtiofsd"
err_has "its program must map the guest's memory, and the VM was started with memory that cannot be shared"
err_has 'Add `shared_memory: on` to the VM, and start it again'
[ ! -s run/plain/helpers ] || fail "its program runs"
expect 0 maqet stop plain --timeout 0 --force
expect 0 maqet apply plain plain.yaml --set shared_memory=on
expect 0 maqet start plain
expect 0 maqet attach plain --name second --type virtiofs path=second sandbox=chroot "virtiofsd=$virtiofsd"
expect 0 maqet qmp plain qom-list '{"path": "/machine/peripheral"}'
out_has second
