#!/bin/sh
# SPDX-License-Identifier: MIT
# What ls, status, args and top tell of VMs: what they really have and use, what a start would
# change, and that a YAML file is newer than what was added.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

vm_yaml web <<'END'
cpu: 2
storage:
- {name: hdd, type: qcow2, size: 8M, file: hdd.qcow2}
- {name: iso, type: raw, media: cdrom, interface: scsi}
arguments:
- machine: pc
END
vm_yaml idle </dev/null

# value VM KEY: of a line of status. lines VM: the keys of its lines.
value() {
    "$MAQET" --format plain status "$1" 2>said | sed -n "s/^$2	//p"
}
# mark VM: its line in ls.
mark() {
    "$MAQET" ls 2>said | grep "^$1 "
}

expect 0 maqet add web.yaml
expect 0 maqet add idle.yaml
same 67108864 "$(value web guest_memory)" "memory of a guest that does not run"
same 2 "$(value web vcpus)" "vCPUs of a guest that does not run"
same pc "$(value web machine)" "machine type"
same '' "$(value web cpu_now)" "processor that it uses"
expect 0 maqet start web idle

# What QEMU really has, not what the definition says.
same 67108864 "$(value web guest_memory)" "memory"
same 2 "$(value web vcpus)" "vCPUs"
value web machine | grep -q '^pc-i440fx-' || fail "not the machine type: $(value web machine)"
expect 0 maqet --format json status web
same 2 "$(grep -c '"attached": true' out)" "attached drives"
# How QEMU is confined, as the kernel says.
confinement=$(value web confinement)
grep -q '^Seccomp:.2' "/proc/$(vm_pid web)/status"
case $confinement in *"seccomp, user $(id -un)") ;; *) fail "confined by: $confinement" ;; esac
expect 0 maqet status web
grep -q "^confined  *$confinement\$" out || fail "not said: $confinement"
same '' "$(value web other)" "other drives"
expect 0 maqet qmp web blockdev-add \
    '{"driver": "null-co", "node-name": "extra", "size": 1048576}'
expect 0 maqet qmp web device_add '{"driver": "virtio-blk-pci", "id": "more", "drive": "extra"}'
value web other | grep -q "^more	null-co	false	1048576	" || fail "not there: $(value web other)"
expect 0 maqet status web
out_has 'other  more'
# One that is taken away is missed.
expect 0 maqet qmp web device_del '{"id": "iso"}'
gone() {
    "$MAQET" status web 2>said | grep -qF "QEMU does not have the drive 'iso'."
}
eventually 20 gone

# CPU and disk now: there is a number, whatever it is. Nobody counts the network of user mode.
for key in cpu_now read_rate write_rate; do
    value web $key | grep -qE '^[0-9.]+$' || fail "no $key"
done
same '' "$(value web receive_rate)" "a network that nobody counts"
expect 0 maqet ls
out_has 'DISK/S'
mark web | awk '$7 != "-" { exit 1 }' || fail "a network: $(mark web)"
# In a guest that does nothing, nothing is read; and what is busy comes first.
expect 0 maqet pause idle
same paused "$(vm_status idle)"
expect 0 maqet top --once
same 'NAME web idle' "$(awk '{ print $1 }' out | xargs)" "the order of top"
expect 0 maqet top idle --format plain
same idle "$(cut -f 1 out)" "the VM that was asked for"
expect 3 maqet top nobody
err_has "There is no VM 'nobody'"

# What is paused tells why, unless a person has paused it.
mark idle | grep -q '^idle  paused  ' || fail "not just paused: $(mark idle)"
expect 0 maqet stop idle --timeout 0 --force
expect 0 maqet apply idle idle.yaml --set arguments.S=
expect 0 maqet start idle
mark idle | grep -qF 'paused (not begun)' || fail "the reason is missing: $(mark idle)"
expect 0 maqet resume idle
same running "$(vm_status idle)"

# A change of the definition is pending until the next start; one that is taken back is not.
running=$("$MAQET" args web)
same "$running" "$("$MAQET" args web --next)" "what the next start would run"
expect 0 maqet apply web web.yaml --set memory=80M --set storage.iso.interface=ide \
    --set arguments.device=e1000
same 'memory storage.iso.interface arguments.device' \
    "$(value web pending | xargs)" "pending changes"
mark web | grep -qF 'running *' || fail "not marked: $(mark web)"
! mark idle | grep -qF '*' || fail "marked: $(mark idle)"
expect 0 maqet ls
out_has '* Its definition has changed since it was started; see: maqet status VM'
same "$running" "$("$MAQET" args web)" "what runs"
"$MAQET" args web --next | grep -qF -- '-m 80M' || fail "what would run is not shown"
expect 3 maqet args web.yaml --next
err_has '--next is for a VM'
expect 0 maqet apply web web.yaml
same '' "$(value web pending)" "pending changes"
! mark web | grep -qF '*' || fail "marked: $(mark web)"
expect 0 maqet apply web web.yaml --set memory=80M
expect 0 maqet restart web --timeout 0 --force
same '' "$(value web pending)" "pending changes after a start"
"$MAQET" args web | grep -qF -- '-m 80M' || fail "not the new memory"

# The YAML was changed since: also by a comment, until it is applied again.
same '' "$(value web changed_file)" "changed files"
touch web.yaml
same '' "$(value web changed_file)" "a file that was only touched"
echo '# more' >>web.yaml
same "$TMP/web.yaml" "$(value web changed_file)" "changed files"
expect 0 maqet apply web web.yaml --set memory=80M
out_has "VM 'web' is unchanged."
same '' "$(value web changed_file)" "changed files"
rm web.yaml
same '' "$(value web changed_file)" "a file that is gone"
# Standard input cannot be read again, and an earlier maqet has recorded nothing.
expect 0 sh -c "'$MAQET' add - --name pipe <idle.yaml"
same '' "$(value pipe changed_file)" "changed files"
sed -i 's/"added":/"earlier":/' data/vms/idle/vm.json
echo '# more' >>idle.yaml
same '' "$(value idle changed_file)" "changed files"

# How the guest is connected, and how one logs in: of one that runs, the ports that it has.
vm_yaml open <<'END'
ports: ["auto:22"]
END
expect 0 maqet add open.yaml
same '' "$(value open ssh)" "the command that logs in"
expect 0 maqet start open
port=$(value open port | cut -f 3)
[ "$port" -gt 0 ] || fail "no port was chosen"
same "ssh -p $port 127.0.0.1" "$(value open ssh)" "the command that logs in"
expect 0 maqet qmp open human-monitor-command '{"command-line": "hostfwd_add tcp:127.0.0.1:0-:80"}'
same '22 80' "$(value open port | cut -f 4 | sort -n | xargs)" "ports of the guest"
# If `arguments` connect it, nothing is said but what QEMU has.
vm_yaml net <<'END'
ports: ["127.0.0.1:2345:22", "0.0.0.0:5353:53/udp", "auto:80"]
END
expect 0 maqet add net.yaml
same user "$(value net network | cut -f 1)" "the network"
same 'ssh -p 2345 127.0.0.1' "$(value net ssh)" "the command that logs in"
expect 0 maqet status net
grep -qE '^ports +127.0.0.1:2345 -> 22, udp 0.0.0.0:5353 -> 53, 127.0.0.1:auto -> 80$' out ||
    fail "the ports: $(cat out)"
expect 0 maqet apply net idle.yaml --set 'network={type: tap, interface: tap7}'
same 'tap	tap7' "$(value net network)" "the network"
same '' "$(value net ssh)" "the command that logs in"
expect 0 maqet apply net idle.yaml --set arguments.nic=none
same '	' "$(value net network)" "a network of the arguments"

# The host counts what goes through a TAP device: what the host sends, the guest receives.
tap=mqs$$
if [ "$(id -u)" -eq 0 ] && command -v ip >/dev/null && ip tuntap add dev $tap mode tap 2>/dev/null; then
    cleanup_fn "ip link del $tap 2>/dev/null"
    ip link set $tap up
    expect 0 maqet apply idle idle.yaml --set "network={type: tap, interface: $tap}"
    expect 0 maqet stop idle --timeout 0 --force
    expect 0 maqet start idle
    same "tap	$tap" "$(value idle network)" "the network"
    value idle receive_rate | grep -qE '^[0-9]+$' || fail "no rate of a TAP device"
    value idle send_rate | grep -qE '^[0-9]+$' || fail "no rate of a TAP device"
    expect 0 maqet stop idle --timeout 0 --force
fi

# On a terminal, top is refreshed until q or Ctrl-C, and leaves the terminal as it was.
requires script stty
for key in q '\003'; do
    rm -f screen
    {
        eventually 30 grep -q 'q: quit' screen
        # shellcheck disable=SC2059 # an escape
        printf "$key"
    } | TERM=xterm script -qefc "trap : INT; stty -g >before; '$MAQET' top -n 0.1; echo \$? >code
        stty -g >after" screen >/dev/null || fail "top failed: $(cat screen)"
    same 0 "$(cat code)" "the exit code after $key"
    cmp before after || fail "the terminal is not as it was after $key"
    grep -qF "$(printf '\033[?1049h')" screen || fail "no screen of its own"
    grep -qF "$(printf '\033[?1049l')" screen || fail "its screen is left"
    grep -qF 'WRITE/S' screen || fail "nothing is shown"
done
# Whatever the terminal's width, tables fit; elsewhere nothing is cut.
long=$TMP/images/$(printf 'a-long-name-%.0s' 1 2 3 4 5 6).qcow2
expect 0 maqet apply open open.yaml --set "storage=[{name: hdd, file: $long, size: 1M}]" \
    --set 'ports=["3001:1", "3002:2", "3003:3", "3004:4", "3005:5"]'
for columns in 80 100; do
    TERM=xterm NO_COLOR=1 script -qec "stty cols $columns; '$MAQET' ls; '$MAQET' status open web
        '$MAQET' config open" screen >/dev/null 2>&1 </dev/null || fail "$(cat screen)"
    tr -d '\r' <screen | grep -v '^Script ' | grep -q NAME || fail "nothing is shown"
    widest=$(tr -d '\r' <screen | grep -v '^Script ' | wc -L)
    [ "$widest" -le "$columns" ] || fail "$widest columns instead of $columns: $(cat screen)"
done
grep -q 'a-long.*….*-name-.qcow2' screen || fail "not cut in the middle: $(cat screen)"
expect 0 maqet config open
out_has "$long"

# One that is killed by SIGTERM, too.
rm -f screen
{
    eventually 30 grep -q 'q: quit' screen
    kill -TERM "$(cat pid)"
} </dev/null &
TERM=xterm script -qefc "sh -c 'echo \$\$ >pid; exec \"$abs_top_builddir/maqet\" top -n 0.1'" screen \
    >/dev/null </dev/null || fail "top failed after SIGTERM: $(cat screen)"
wait
grep -qF "$(printf '\033[?1049l')" screen || fail "its screen is left"
