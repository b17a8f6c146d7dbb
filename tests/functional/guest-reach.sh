#!/bin/sh
# SPDX-License-Identifier: MIT
# The way into a guest: waiting until it is ready, ssh, and copies to it and from it, by ssh and by
# the agent.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
requires ssh ssh-keygen perl tar

ssh-keygen -q -t ed25519 -N '' -f key
guest_yaml vm q35 'netdev: "user,id=net,hostfwd=tcp:127.0.0.1:0-:22,hostfwd=tcp:127.0.0.1:0-:80"' \
    'device: "virtio-net-pci,netdev=net"' <<EOF
  - {name: hdd, type: qcow2, size: 32M, file: vm.qcow2}
EOF
cat >>vm.yaml <<EOF
guest_agent: on
ssh: {user: root, key: key}
EOF
vm_yaml bare </dev/null
expect 0 maqet add vm.yaml
expect 0 maqet add bare.yaml --set guest_agent=off

# The key is checked, with its place.
for wrong in 'ssh: {user: "-o"}' 'ssh: {port: 70000}' 'ssh: {usr: root}' 'ssh: root'; do
    vm_yaml wrong <<EOF
$wrong
EOF
    expect 3 maqet validate wrong.yaml
    err_has "wrong.yaml:5:"
done

# What is missing is said, with the lines to add.
expect 255 maqet ssh vm
err_has "is not running"
expect 3 maqet wait vm --for ssh
err_has "is not running"
expect 3 maqet wait vm
err_has "--for CONDITION"
expect 3 maqet wait vm --for port:0
err_has "port:NUMBER"
expect 0 maqet wait vm --for stopped
expect 0 maqet start bare
expect 255 maqet ssh bare
err_has "no port of this host leads to port 22 of the guest"
err_has '`ports: ["auto:22"]`'
expect 3 maqet wait bare --for agent
err_has "guest agent"
expect 3 maqet cp vm.yaml bare:/tmp
err_has "guest agent"

# A start that waits; one that waits in vain says that the VM runs.
expect 2 maqet start vm --wait-for console:never-written --timeout 0.5
err_has "timed out after 0.5 s waiting for 'never-written' on the console"
err_has "It was started, and runs"
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet start vm --wait-for agent --timeout "$(patience 120)"
guest_wait "$TMP/vm.serial" || fail "the guest does not answer"

# Nobody has set up its network: QEMU accepts connections, the guest does not.
expect 2 maqet wait vm --for ssh --timeout 1
expect 2 maqet wait vm --for port:22 --timeout 1
err_has "waiting for port 22 of the guest"
expect 3 maqet wait vm --for port:81 --timeout "$(patience 60)"
err_has "no port of this host leads to port 81"
"$MAQET" wait vm --for ssh --for port:22 --for port:80 --timeout "$(patience 120)" >wait.out 2>wait.err &
waiting=$!
in_guest vm "network '$(cat key.pub)'"
expect 0 maqet wait vm --for ssh --timeout "$(patience 60)"
expect 0 maqet wait vm --for port:22 --timeout "$(patience 60)"
# The network is there, but nothing listens: the guest refuses.
expect 2 maqet wait vm --for port:80 --timeout 1
kill -0 $waiting || fail "it has not waited for all: $(cat wait.err)"
in_guest vm 'nc -ll -p 80 -e cat >/dev/null 2>&1 </dev/null & true'
wait $waiting || fail "wait: $(cat wait.err)"

# ssh: its output, its exit code, a file of known hosts of its own.
expect 7 maqet ssh vm -- 'echo "$HOME"; exit 7' </dev/null
same /root "$(cat out)" "what the command has printed"
[ -s data/vms/vm/known_hosts ] || fail "no known hosts"
[ ! -e "$HOME/.ssh/known_hosts" ] || ! grep -q "$(cut -d' ' -f3 data/vms/vm/known_hosts)" "$HOME/.ssh/known_hosts" ||
    fail "the user's known hosts have the guest"

# Operands are no options of ssh.
expect 2 maqet ssh vm -- -V </dev/null
err_has "illegal option"

# Copies, by ssh and by the agent.
mkdir -p tree/sub "tree/a b"
printf 'x\0\377' >"tree/a b/it's"
ln -s ../none tree/sub/link
chmod 750 tree/sub
head -c 3000000 /dev/urandom >large
chmod 640 large
for by in --wait=60 --agent; do
    in_guest vm 'rm -rf /tmp/*'
    expect 0 maqet cp $by large vm:/tmp
    out_has "Copied to /tmp/large"
    same "$(sha256sum <large)" "$(in_guest vm 'sha256sum </tmp/large')" "the copy"
    same 640 "$(in_guest vm 'stat -c %a /tmp/large')" "the permissions of the copy"
    expect 0 maqet cp $by "tree/a b/it's" "vm:/tmp/o'n e"
    expect 0 maqet cp $by vm:/tmp/large back
    cmp large back || fail "what came back differs"
    same 640 "$(stat -c %a back)" "the permissions of what came back"
    expect 3 maqet cp $by tree vm:/tmp
    err_has "tree is a folder"
    err_has "--recursive"
    expect 0 maqet cp $by -r tree vm:/tmp
    expect 1 maqet cp $by -r tree vm:/tmp
    err_has "/tmp/tree is a folder"
    rm -rf again
    expect 0 maqet cp $by -r vm:/tmp/tree again
    diff -r --no-dereference tree again || fail "a folder differs"
    same 750 "$(stat -c %a again/sub)" "the permissions of a folder"
    # A device does not come from a guest, and nothing of such a folder.
    in_guest vm 'mknod /tmp/tree/null c 1 3'
    expect 3 maqet cp $by -r vm:/tmp/tree third
    err_has "'tree/null' is neither a file"
    [ ! -e third ] || fail "a part of a folder"
    expect 3 maqet cp $by -r vm:/tmp/tree large
    err_has "large exists"
    # What does not exist, or cannot be written to.
    expect 1 maqet cp $by vm:/tmp/none .
    err_has "/tmp/none: No such file or directory"
    expect 1 maqet cp $by large vm:/none/large
    # Nothing unfinished is left on either side.
    [ -z "$(find . -maxdepth 1 -name '*.maqet-*')" ] || fail "left here: $(ls -a)"
    same '' "$(in_guest vm 'find / -xdev -name "*maqet-*" -o -name "tmp.*" | grep -v ^/proc; true')" "what is left in the guest"
done
expect 3 maqet cp large back
err_has "VM:PATH"
expect 3 maqet cp vm:/tmp/a vm:/tmp/b

# Interrupted: nothing is left, on either side, and that is said.
head -c 60000000 /dev/zero >huge
for by in --wait=60 --agent; do
    perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$MAQET" cp $by huge vm:/tmp/huge 2>int.err &
    copying=$!
    eventually 60 guest_run "$TMP/vm.serial" 'find /tmp -name data -size +1 | grep .'
    kill -INT $copying
    code=0
    wait $copying || code=$?
    same 130 $code "the exit code"
    grep -q 'Nothing was copied' int.err || fail "not said: $(cat int.err)"
    same '' "$(in_guest vm 'find /tmp -name "*huge*" -o -name "*maqet*"')" "what is left in the guest"
done

# The console, also where a text comes in two parts.
"$MAQET" wait vm --for console:written --timeout "$(patience 120)" >wait.out 2>wait.err &
waiting=$!
until process_ended $waiting; do
    expect 0 maqet exec vm --no-input -- sh -c 'printf "  wri" >/dev/ttyS0; sleep 0.2; echo tten >/dev/ttyS0'
done
wait $waiting || fail "the console: $(cat wait.err)"

# A guest that ends, or panics, ends the waiting.
for how in o c; do
    expect 0 maqet restart vm --timeout 0 --force
    guest_wait "$TMP/vm.serial" || fail "the guest does not answer"
    "$MAQET" wait vm --for ssh --timeout "$(patience 300)" >wait.out 2>wait.err &
    waiting=$!
    guest_run "$TMP/vm.serial" "(sleep 1; echo $how >/proc/sysrq-trigger) &" || :
    code=0
    wait $waiting || code=$?
    same 3 $code "the exit code when the guest ends ($how): $(cat wait.err)"
    grep -qE 'has (ended|panicked|powered off)|QEMU has ended' wait.err || fail "not said: $(cat wait.err)"
done
expect 0 maqet rm vm
