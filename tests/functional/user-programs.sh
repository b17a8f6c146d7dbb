#!/bin/sh
# SPDX-License-Identifier: MIT
# Programs that maqet runs for the user (ssh, the editor, the command of run) have the user's umask,
# although maqet's own files are private; and what exec does with standard input.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires script perl

vm_yaml vm <<EOF
ssh: {user: root}
guest_agent: on
storage:
  - {name: hdd, type: qcow2, size: 1M, file: hdd.qcow2}
arguments:
  - netdev: "user,id=net,hostfwd=tcp:127.0.0.1:0-:22"
  - device: "virtio-net-pci,netdev=net"
EOF
mkdir bin
printf '#!/bin/sh\numask >"%s"\n' "$TMP/mask" >bin/ssh
cp bin/ssh bin/edit
chmod +x bin/*
PATH=$TMP/bin:$PATH

# has_mask COMMAND...: what it runs has the umask of the shell.
has_mask() {
    for mask in 0022 0002; do
        rm -f mask
        (umask $mask && expect 0 "$@") || exit 1
        same $mask "$(cat mask)" "the umask in: $*"
    done
}
expect 0 maqet add vm.yaml
EDITOR="$TMP/bin/edit"
export EDITOR
unset VISUAL
has_mask maqet edit vm
expect 0 maqet start vm
has_mask maqet ssh vm
expect 0 maqet checkpoint vm create ready
expect 0 maqet stop vm --timeout 0 --force
has_mask maqet run vm --from ready --discard -- sh -c "umask >'$TMP/mask'"
same 600 "$(stat -c %a data/vms/vm/vm.json)" "the permissions of the definition"

# Standard input that does not end: --timeout has an end nevertheless, and so has Ctrl-C.
expect 0 maqet start vm
mkfifo endless
exec 9<>endless
expect 124 maqet exec vm --timeout 0.2 -- true <endless
err_has "Standard input has not ended in time, so the command was not run"
err_has "say --no-input"
expect 124 maqet exec vm --timeout 0 -- true <endless
err_has "Standard input has not ended"
perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$MAQET" exec vm -- true <endless >out 2>err &
reading=$!
eventually 30 sh -c "readlink /proc/$reading/fd/* | grep -q eventfd"
kill -INT $reading
code=0
wait $reading || code=$?
same 130 $code "the exit code of an interrupted exec"
err_has "The command was not run"
# A terminal is not read: the agent, which nobody has started here, is what is missing.
code=0
script -qefc "'$MAQET' exec vm --wait 0.2 -- true" screen <endless >/dev/null || code=$?
same 125 $code "the exit code on a terminal"
grep -q "guest agent" screen || fail "not said: $(cat screen)"
expect 0 maqet stop vm --timeout 0 --force
# Nothing is read for a guest that has no agent.
expect 0 maqet apply vm vm.yaml --set guest_agent=off
expect 0 maqet start vm
expect 125 maqet exec vm -- true <endless
exec 9>&-
expect 0 maqet stop vm --timeout 0 --force
