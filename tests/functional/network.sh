#!/bin/sh
# SPDX-License-Identifier: MIT
# The guest's network card and what it is connected to: QEMU's own network, an interface of the
# host, a bridge, or nothing; inside QEMU's sandbox, and with what the administrator has to do.

# In namespaces of our own: with interfaces and a bridge, and with a file in /etc.
if [ -z "${MAQET_TEST_APART:-}" ]; then
    for how in -nm -Urnm; do
        ! unshare $how true 2>/dev/null || MAQET_TEST_APART=1 exec unshare $how sh "$0"
    done
fi
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires unshare ip
[ "${MAQET_TEST_APART:-}" ] || skip_always "no network namespace can be created"
ip link set lo up

define() { # VM LINE...
    defined=$1
    shift
    printf '%s\n' "$@" | vm_yaml "$defined"
}
card() { # VM: the network card and its address
    maqet args "$1" | sed -n 's/.*-device \(.*,netdev=[^ ]*\).*/\1/p'
}
network() { # VM: what it is connected to
    maqet args "$1" | sed -n 's/.*-netdev \([^ ]*\).*/\1/p'
}
started() { # VM: with the card that its definition has
    expect 0 maqet start "$1"
    maqet qmp "$1" human-monitor-command '{"command-line": "info network"}' >filter
}
ended() {
    expect 0 maqet stop "$1" --timeout 0 --force
}

# ---- QEMU's own ----

define plain
expect 0 maqet add plain.yaml
same "user,id=maqet-network" "$(network plain)" "the network by default"
uuid=$(maqet --format json status plain | sed -n 's/.*"uuid": *"\([^"]*\)".*/\1/p' | head -1)
mac=$(card plain | sed 's/.*mac=\([^,]*\).*/\1/')
case $mac in 52:54:00:*) ;; *) fail "the MAC address is $mac" ;; esac
define second
expect 0 maqet add second.yaml
[ "$(card second)" != "$(card plain)" ] || fail "two machines have the same card: $(card second)"
started plain
grep -q "$mac" filter || fail "QEMU's card has another address than $mac: $(cat filter)"
# The guest sees the machine's UUID.
maqet qmp plain query-uuid | grep -q "$uuid" || fail "QEMU has another UUID than $uuid"
ended plain
# A change of the definition changes neither.
define plain 'vcpus: 2'
expect 0 maqet apply plain plain.yaml
same "$mac" "$(card plain | sed 's/.*mac=\([^,]*\).*/\1/')" "MAC address after a change"

define none 'network: none'
expect 0 maqet add none.yaml
same "" "$(network none)$(card none)" "no network"
define model 'network: {model: e1000e, mac: "02:00:00:00:00:01"}'
expect 0 maqet add model.yaml
card model | grep -q '^e1000e,.*mac=02:00:00:00:00:01' || fail "the card is $(card model)"
started model
grep -q 02:00:00:00:00:01 filter || fail "QEMU's card has another address: $(cat filter)"
ended model

# What `arguments` say wins.
define own 'network: user' 'arguments:' '  - nic: none'
expect 0 maqet add own.yaml
expect 0 maqet args own
err_has "own.yaml:5:10: 'network' is ignored: \`arguments\` says -netdev, -nic or -net"
same "" "$(network own 2>/dev/null)" "the network beside -nic"

# ---- an interface of the host ----

define tap 'network: {type: tap, interface: maqet0}'
expect 0 maqet add tap.yaml
expect 3 maqet start tap
err_has "tap.yaml:5:10: VM 'tap': this host has no interface 'maqet0' for its network"
err_has 'sudo ip tuntap add maqet0 mode tap user $USER'
# A file that somebody else wrote puts nothing into commands for root.
for type in tap bridge; do
    key=$([ $type = tap ] && echo interface || echo bridge)
    define foreign "network: {type: $type, $key: 'a;\$(b)'}"
    expect 0 maqet apply foreign foreign.yaml
    expect 3 maqet start foreign
    err_has "this host has no $key 'a;\$(b)'"
    grep -qE "sudo ip (tuntap|link) add 'a;\\\$\(b\)' " err || fail "not quoted: $(cat err)"
done
if ! ip tuntap add maqet0 mode tap 2>/dev/null; then
    skip_always "no interface can be created"
fi
started tap
grep -q 52:54:00: filter || fail "QEMU has no card: $(cat filter)"
ip link show maqet0 | grep -qv NO-CARRIER || fail "nobody has the interface"
# QEMU is confined as without it.
grep -q '^Seccomp:.2' "/proc/$(vm_pid tap)/status" || fail "QEMU does not filter its system calls"
define other 'network: {type: tap, interface: maqet0}'
expect 0 maqet add other.yaml
expect 1 maqet start other
err_has "VM 'other': the interface 'maqet0' is in use by another program"
ended tap
define wrong 'network: {type: tap, interface: lo}'
expect 0 maqet add wrong.yaml
expect 4 maqet start wrong
err_has "VM 'wrong': the interface 'lo' cannot be used: it is not a tap interface"

# ---- a bridge ----

define bridge 'network: {type: bridge, bridge: maqetbr}'
expect 0 maqet add bridge.yaml
expect 3 maqet start bridge
err_has "bridge.yaml:5:10: VM 'bridge': this host has no bridge 'maqetbr' for its network"
err_has "sudo ip link add maqetbr type bridge"
ip link add maqetbr type bridge || skip_always "no bridge can be created"
mkdir over
mount -t tmpfs over over 2>/dev/null || skip_always "nothing can be mounted"
mkdir over/upper over/work
mount -t overlay over -o "lowerdir=/etc,upperdir=over/upper,workdir=over/work" /etc 2>/dev/null ||
    skip_always "no overlay can be mounted"
cleanup_fn "umount /etc; umount '$TMP/over'"
mkdir -p /etc/qemu
echo 'allow other' >/etc/qemu/bridge.conf
expect 4 maqet start bridge
err_has "qemu-bridge-helper got no interface on the bridge 'maqetbr': access denied by acl file"
err_has "echo 'allow maqetbr' >>/etc/qemu/bridge.conf"
echo 'allow maqetbr' >/etc/qemu/bridge.conf
started bridge
grep -q 52:54:00: filter || fail "QEMU has no card: $(cat filter)"
ip -o link show master maqetbr | grep -q tap || fail "no interface is on the bridge"
grep -q '^Seccomp:.2' "/proc/$(vm_pid bridge)/status" || fail "QEMU does not filter its system calls"
ended bridge
gone() { ! ip -o link show master maqetbr | grep -q tap; }
eventually 20 gone
