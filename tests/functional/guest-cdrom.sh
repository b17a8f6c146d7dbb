#!/bin/sh
# SPDX-License-Identifier: MIT
# A guest that uses the disc locks the tray, and need not open it when it is asked to: the disc
# comes out once the guest lets go of it, and not before.
. "${srcdir:-.}/tests/functional/guest-functions.sh"

head -c 1M /dev/urandom >first.iso
head -c 1M /dev/urandom >second.iso
guest_yaml vm q35 <<EOF
  - {name: cd, type: raw, file: first.iso, media: cdrom, interface: sata}
EOF
expect 0 maqet add vm.yaml
boot vm

disc() {
    in_guest vm 'md5sum </dev/sr0' | cut -d ' ' -f 1
}
locked() {
    maqet qmp vm query-block | tr -d ' \n' | grep -q '"locked":true'
}
use_disc() {
    in_guest vm "rm -f /over; (exec 3</dev/sr0; while [ ! -e /over ]; do sleep 1; done) </dev/null >/dev/null 2>&1 &"
    eventually 20 locked
}

first=$(md5sum <first.iso | cut -d ' ' -f 1)
second=$(md5sum <second.iso | cut -d ' ' -f 1)
same "$first" "$(disc)" 'the first disc'
use_disc
expect 2 maqet cdrom vm cd insert second.iso --timeout 1
err_has "the guest has locked its tray, and did not open it within 1 s"
err_has '--force'
same "$first" "$(disc)" 'the disc after a refusal'

maqet cdrom vm cd insert second.iso --timeout "$(patience 120)" >out 2>err &
inserting=$!
eventually 20 test -e data/vms/vm/pending.json
in_guest vm 'touch /over'
wait $inserting || fail "the disc stays in a drive that is not in use any more: $(cat err)"
# The first look tells the guest that the disc is another one.
eventually 20 guest_run "$TMP/vm.serial" "dd if=/dev/sr0 of=/dev/null bs=2048 count=1"
same "$second" "$(disc)" 'the second disc'
shut_down vm
