#!/bin/sh
# SPDX-License-Identifier: MIT
# virtiofs, a plugin with a program beside QEMU: its own tests, and a guest that mounts the folder.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
. "${srcdir:-.}/tests/functional/outside-functions.sh"
outside_install
outside_build virtiofs
outside_check virtiofs

[ "$(id -u)" -eq 0 ] || skip_always "virtiofsd wants to be root"
mkdir shared
echo 'from the host' >shared/word
# A chroot, such as this may be, is no place for the namespaces that it uses by default.
guest_yaml vm q35 <<'END'
  - {name: work, type: virtiofs, path: shared, sandbox: chroot}
END
expect 0 maqet add vm.yaml
boot vm
in_guest vm "mkdir -p /mnt && mount -t virtiofs work /mnt"
same "from the host" "$(in_guest vm 'cat /mnt/word')" "what the guest reads"
in_guest vm "echo 'from the guest' >/mnt/answer && mkdir /mnt/folder && mv /mnt/word /mnt/folder/"
same "from the guest" "$(cat shared/answer)" "what the guest wrote"
same "from the host" "$(cat shared/folder/word)" "what the guest moved"
# Large enough to go through the memory that both map.
in_guest vm "head -c 3000000 /dev/urandom >/mnt/large && sync"
same "$(in_guest vm 'md5sum </mnt/large')" "$(md5sum <shared/large)" "a large file"
pid=$(cat run/vm/helpers)
shut_down vm
eventually 20 sh -c "! grep -qs '^State:.*[RSD] ' /proc/$pid/status"
