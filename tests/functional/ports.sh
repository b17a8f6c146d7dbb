#!/bin/sh
# SPDX-License-Identifier: MIT
# Ports of the host that lead to the guest: who has a port that is taken is named before QEMU
# starts, and a port that a start chooses is free.

# In a network namespace, so that nobody else has these ports.
if [ -z "${MAQET_TEST_APART:-}" ]; then
    for how in -n -Urn; do
        ! unshare $how true 2>/dev/null || MAQET_TEST_APART=1 exec unshare $how sh "$0"
    done
fi
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires socat unshare ip
[ "${MAQET_TEST_APART:-}" ] || skip_always "no network namespace can be created"
ip link set lo up

# define VM PORT...: a VM with these ports.
define() {
    defined=$1
    shift
    {
        echo 'ports:'
        printf '  - "%s"\n' "$@"
    } | vm_yaml "$defined"
}
usernet() { # VM: the ports that QEMU really has, as PROTOCOL ADDRESS PORT GUEST_PORT
    maqet qmp "$1" human-monitor-command '{"command-line": "info usernet"}' |
        sed 's/\\r\\n/\n/g' | awk '/HOST_FORWARD/ { sub(/\[.*/, "", $1); print $1, $3, $4, $6 }'
}
hold() { # ADDRESS: a process that has this port, as socat writes it
    socat "$1" EXEC:true &
    held=$!
    cleanup_fn "kill $held 2>/dev/null"
}
let_go() {
    kill "$held"
    wait "$held" 2>/dev/null || :
}
# No QEMU was started: there is not even a log of one.
never_started() {
    [ ! -e "run/$1/qemu.log" ] || fail "QEMU was started"
}

define web 2222:22 127.0.0.2:2222:22 5353:53/udp auto:80 0.0.0.0:auto:81
expect 0 maqet add web.yaml
expect 0 maqet start web
usernet web >ports
for port in 'TCP 127.0.0.1 2222 22' 'TCP 127.0.0.2 2222 22' 'UDP 127.0.0.1 5353 53'; do
    grep -qx "$port" ports || { cat ports >&2; fail "not forwarded: $port"; }
done
chosen=$(sed -n 's/^TCP 127.0.0.1 \([0-9]*\) 80$/\1/p' ports)
[ "${chosen:-0}" -gt 1023 ] || { cat ports >&2; fail "no port was chosen"; }
socat -u /dev/null "TCP4:127.0.0.1:$chosen" || fail "nobody listens on the port that was chosen"
grep -qE '^TCP (\*|0.0.0.0) [0-9]{4,5} 81$' ports || { cat ports >&2; fail "no port of all addresses"; }

# It is not in the way of its own restart.
expect 0 maqet restart web --timeout 0 --force

# Another VM has it.
define db 8080:80 2222:22
expect 0 maqet add db.yaml
expect 1 maqet start db
err_has "db.yaml:7:5: VM 'db': the port tcp 127.0.0.1:2222 of this host is in use by QEMU of VM 'web' (PID $(vm_pid web))"
err_has "maqet stop web"
err_has 'Forward another port; with "auto:22", each start chooses a free one'
never_started db
expect 0 maqet stop web --timeout 0 --force
expect 0 maqet start db
expect 0 maqet stop db --timeout 0 --force

# One of another data folder.
expect 0 maqet start web
expect 0 maqet --data-dir other add db.yaml
expect 1 maqet --data-dir other start db
err_has "the port tcp 127.0.0.1:2222 of this host is in use by QEMU of VM 'web' in $TMP/data (PID $(vm_pid web))"
expect 0 maqet stop web --timeout 0 --force

# Any program, by TCP and UDP, with all addresses, and with those of IPv6.
for address in TCP4-LISTEN:8080,bind=127.0.0.1 TCP4-LISTEN:8080 TCP6-LISTEN:8080,ipv6only=0; do
    hold "$address"
    eventually 10 sh -c "ss -Hltn 'sport = 8080' | grep -q ."
    expect 1 maqet start db
    err_has "db.yaml:6:5: VM 'db': the port tcp 127.0.0.1:8080 of this host is in use by 'socat $address EXEC:true' (PID $held)"
    let_go
done
define udp 5353:53/udp
expect 0 maqet add udp.yaml
hold UDP4-RECVFROM:5353
eventually 10 sh -c "ss -Hlun 'sport = 5353' | grep -q ."
expect 1 maqet start udp
err_has "the port udp 127.0.0.1:5353 of this host is in use by 'socat UDP4-RECVFROM:5353"
let_go
expect 0 maqet start udp
expect 0 maqet stop udp --timeout 0 --force

# Another address has ports of its own.
hold TCP4-LISTEN:8080,bind=127.0.0.3
eventually 10 sh -c "ss -Hltn 'sport = 8080' | grep -q ."
expect 0 maqet start db
expect 0 maqet stop db --timeout 0 --force
let_go
define away 192.0.2.1:8080:80
expect 0 maqet add away.yaml
expect 3 maqet start away
err_has "away.yaml:6:5: VM 'away': this host has no address 192.0.2.1"

# What is taken between the check and QEMU's own attempt is explained, too: here the check sees
# nothing, as the port is another one by then.
mkdir bin
cat >bin/qemu-system-x86_64 <<EOF
#!/bin/sh
case "\$*" in
*-name*) exec "$(command -v qemu-system-x86_64)" "\$@" -netdev user,id=late,hostfwd=tcp:127.0.0.1:2222-:1 ;;
esac
exec "$(command -v qemu-system-x86_64)" "\$@"
EOF
chmod +x bin/qemu-system-x86_64
cp db.yaml late.yaml
runs_by "$TMP/bin/qemu-system-x86_64" late.yaml
sed -i 's/^name: db/name: late/; s/2222:22/2223:22/' late.yaml
sed -i '/8080/d' late.yaml
printf 'sandbox: off\n' >>late.yaml
expect 0 maqet add late.yaml
expect 0 maqet start web
expect 1 maqet start late
err_has "The port was in use a moment ago, and is free now: start the VM again"
expect 0 maqet stop web --timeout 0 --force
