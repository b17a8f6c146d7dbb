#!/bin/sh
# SPDX-License-Identifier: MIT
# What ssh(1) is told, whatever the paths are; and a guest in which nobody answers.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires ssh

# It says what it has understood instead of connecting. The user's other hosts are behind one.
mkdir bin
printf 'Host *\n    ProxyJump gateway.example\n' >ssh_config
printf '#!/bin/sh\nexec "%s" -F "%s" -G "$@"\n' "$(command -v ssh)" "$TMP/ssh_config" >bin/ssh
chmod +x bin/ssh
PATH="$TMP/bin:$PATH"
export MAQET_DATA_DIR="$TMP/an \"odd\" \\ %d folder"
mkdir -p "$MAQET_DATA_DIR/keys"
vm_yaml vm <<END2
ports: ["auto:22"]
ssh: {user: guest, key: 'an "odd" \\ %d folder/keys/key'}
END2
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet ssh vm
# ssh -G does not expand the first of both.
key=$(printf '%s/keys/key' "$MAQET_DATA_DIR" | sed 's/%/%%/g')
for line in "user guest" "hostname 127.0.0.1" "identityfile $key" \
    "userknownhostsfile $MAQET_DATA_DIR/vms/vm/known_hosts" "stricthostkeychecking accept-new" \
    "connecttimeout 120"; do
    grep -qxF -- "$line" out || { cat out >&2; fail "ssh has not understood: $line"; }
done
! grep -E '^proxy(jump|command)' out || fail "it would be reached by way of another host"

# The agent's silence is not the command's: 124 would mean that this took too long.
expect 125 maqet exec vm --wait 1 -- true
err_has "waiting for the guest agent's answer"
