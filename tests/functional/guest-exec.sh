#!/bin/sh
# SPDX-License-Identifier: MIT
# Commands in the guest, by its agent: what they print, how they end, and that nothing stays
# behind in the guest or blocks others.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
requires perl

for vm in vm plain; do
    guest_yaml $vm q35 <<EOF
  - {name: hdd, type: qcow2, size: 32M, file: $vm.qcow2}
EOF
done
echo 'guest_agent: on' >>vm.yaml
echo 'guest_agent: off' >>plain.yaml
expect 0 maqet add vm.yaml
expect 0 maqet add plain.yaml

# What is missing is said, and maqet's own failures have one code.
expect 125 maqet exec vm -- true
err_has "is not running"
err_has "maqet start vm"
expect 125 maqet exec other -- true
expect 0 maqet start plain
expect 125 maqet exec plain -- true
err_has "was started without a port for a guest agent"
err_has 'Add `guest_agent: on`'
expect 0 maqet stop plain --timeout 0 --force

# A guest that is paused answers nobody.
expect 0 maqet start vm
expect 0 maqet pause vm
expect 125 maqet exec vm --wait 0.2 -- true
err_has "VM 'vm' is paused"
err_has "maqet resume vm"
expect 0 maqet resume vm
guest_wait "$TMP/vm.serial" || fail "the guest does not answer"
eventually 20 maqet exec vm -- true

# Both outputs, byte for byte, and the exit code.
expect 7 maqet exec vm -- sh -c 'printf "a\0\377b\n"; echo problem >&2; exit 7' </dev/null
printf 'a\0\377b\n' | cmp - out || fail "standard output"
same problem "$(cat err)" "standard error"
# shellcheck disable=SC2016 # for the guest's shell
expect 143 maqet exec vm -- sh -c 'kill -TERM $$'
# shellcheck disable=SC2016 # nobody expands it
expect 0 maqet exec vm -- printf '%s|' 'two words' '$HOME' "it's" '' '*'
# shellcheck disable=SC2016
same 'two words|$HOME|it'\''s||*|' "$(cat out)" "the arguments"

# One that does not exist, and one that may not be run.
expect 127 maqet exec vm -- no-such-command
err_has "the guest has no command 'no-such-command'"
expect 126 maqet exec vm -- /etc/passwd
err_has "Permission denied"

# Standard input, unless it is not wanted.
printf 'x\0y\nz' >input
expect 0 maqet exec vm -- od -c <input
same "$(od -c input | tr -s ' ')" "$(tr -s ' ' <out)" "what the command has read"
expect 0 maqet exec vm --no-input -- wc -c <input
same 0 "$(cat out)" "what it has read with --no-input"
head -c 3000000 /dev/urandom >large
expect 0 maqet exec vm -- sha256sum <large
same "$(sha256sum <large)" "$(cat out)" "a large input"
head -c 16777217 /dev/zero >larger
expect 125 maqet exec vm -- true <larger
err_has "Standard input is larger than"
err_has "maqet cp"

# Large outputs; what is longer than the agent keeps is an error, not less.
expect 0 maqet exec vm -- head -c 5000000 /dev/zero
same 5000000 "$(stat -c %s out)" "a large output"
expect 125 maqet exec vm -- head -c 17000000 /dev/zero
err_has "The output is not complete"
same 16777216 "$(stat -c %s out)" "a larger output"

# After --timeout nothing of it runs any more, what it has printed is shown, and the code is that
# of timeout(1).
seconds=1
until
    expect 124 maqet exec vm --timeout $seconds -- sh -c 'echo begun; sleep 1000 & sleep 1001'
    err_has "'sh' took longer than $seconds s"
    err_has "It was ended in the guest"
    grep -q begun out
do
    seconds=$((seconds * 2))
    [ $seconds -lt 200 ] || fail "it never gets as far as to print"
done
not_in_guest vm 'pidof sleep'

# While a long one runs, the agent's port is free for others.
"$MAQET" exec vm -- sh -c 'while [ ! -e /tmp/go ]; do sleep 0.1; done; echo gone' \
    >long.out 2>long.err </dev/null &
long=$!
eventually 20 guest_run "$TMP/vm.serial" 'ps | grep "while .*tmp/[g]o"'
expect 0 maqet exec vm -- echo beside
out_has beside
in_guest vm 'mkfs.ext2 /dev/vda >/dev/null 2>&1 && mkdir -p /mnt/a && mount -t ext4 /dev/vda /mnt/a'
expect 0 maqet snapshot vm create hdd quiet --live --quiesce
expect 0 maqet exec vm -- touch /tmp/go
wait $long || fail "the long one: $(cat long.err)"
same gone "$(cat long.out)" "what the long one has printed"

# interrupted SIGNAL EXIT-CODE: the command in the guest ends, too. A shell has SIGINT ignored in
# the background.
interrupted() {
    perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' \
        "$MAQET" exec vm -- sh -c 'echo begun; sleep 2000 & sleep 2001' \
        >int.out 2>int.err </dev/null &
    long=$!
    eventually 20 guest_run "$TMP/vm.serial" 'ps | grep "[s]leep 2000\$" && ps | grep "[s]leep 2001\$"'
    kill "-$1" $long
    code=0
    wait $long || code=$?
    same "$2" "$code" "the exit code after SIG$1"
    grep -q 'It was ended in the guest' int.err || fail "not said: $(cat int.err)"
    grep -q begun int.out || fail "what it has printed is lost"
    not_in_guest vm 'pidof sleep'
}
interrupted INT 130
interrupted TERM 143
interrupted HUP 129

# The guest ends meanwhile.
"$MAQET" exec vm -- sleep 3000 >end.out 2>end.err </dev/null &
long=$!
eventually 20 guest_run "$TMP/vm.serial" 'ps | grep "[s]leep 3000"'
expect 0 maqet stop vm --timeout 0 --force
code=0
wait $long || code=$?
same 125 "$code" "the exit code after the end of the guest"
grep -q "ended" end.err || fail "not said: $(cat end.err)"
