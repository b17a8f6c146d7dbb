#!/bin/sh
# SPDX-License-Identifier: MIT
# What has happened to VMs, as QEMU and maqet say it.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

vm_yaml one <<EOF
storage:
  - {name: hdd, size: 8M, file: one.qcow2}
EOF
vm_yaml two </dev/null
has() { # VM EVENT [DETAILS]
    "$MAQET" --format plain events "$1" | cut -f 2- |
        grep -qF "$(printf '%s\t%s\t%s' "$1" "$2" "${3:-}")" || {
        "$MAQET" --format plain events "$1" >&2
        fail "not among the events of $1: $2 ${3:-}"
    }
}
expect 0 maqet add one.yaml
expect 0 maqet add two.yaml
has one added
"$MAQET" --format json events one two --follow >followed &
follower=$!
expect 0 maqet start one
same 600 "$(stat -c %a data/vms/one/events)" "the mode of the log"
expect 0 maqet pause one
eventually 10 grep -q '"STOP"' followed
expect 0 maqet resume one
expect 0 maqet start two
expect 0 maqet qmp two system_reset
eventually 10 grep -q '"vm":"two","event":"RESET"' followed
expect 0 maqet stop one --timeout 0 --force
expect 0 maqet stop two --timeout 0 --force
expect 0 maqet snapshot one create hdd s
for event in started STOP RESUME ended; do
    has one "$event"
done
has one SHUTDOWN '[ "guest=false", "reason=host-signal" ]'
has one job-begun "[ \"creation of snapshot 's'\" ]"
has one job-ended
expect 0 maqet events one two
sort -s -c -k 1,2 out || fail "the events of several VMs are not in order"
grep -q '  one  STOP$' out || fail "it is not what people read"
sed 's/^memory: 64M/memory: 65M/' one.yaml >changed.yaml
expect 0 maqet apply one changed.yaml
has one changed

# The monitor is the keeper's own, so maqet's stays free; and without a keeper, nothing is missing
# but the events.
expect 0 maqet start one
keeper=$(cut -d ' ' -f 1 run/one/keeper)
kill -9 "$keeper"
eventually 10 process_ended "$keeper"
expect 0 maqet pause one
expect 0 maqet stop one --timeout 0 --force
expect 0 maqet start one
expect 0 maqet stop one --timeout 0 --force
has one ended

# The log is bounded whoever writes to it: maqet, or the keeper while it works, and only one of them
# replaces its file.
fill() {
    yes '{"time":"2026-01-01T00:00:00.000000Z","event":"filler","details":[]}' |
        head -c 1200000 >>data/vms/one/events
}
fill
expect 0 maqet apply one one.yaml
has one filler
has one changed
[ "$(stat -c %s data/vms/one/events)" -lt 10000 ] || fail "a full log is not replaced"
expect 0 maqet start one
# What QEMU has said before is recorded by then.
expect 0 maqet pause one
eventually 10 grep -q '"STOP"' data/vms/one/events
fill
mv run/one lost
expect 0 maqet apply one changed.yaml
[ "$(stat -c %s data/vms/one/events)" -gt 1200000 ] || fail "the keeper's log was replaced"
mv lost run/one
expect 0 maqet resume one
is_short() { [ "$(stat -c %s data/vms/one/events)" -lt 10000 ]; }
eventually 10 is_short
eventually 10 grep -q '"RESUME"' data/vms/one/events
expect 0 maqet apply one one.yaml
has one changed
expect 0 maqet stop one --timeout 0 --force
has one ended

# Of a machine that was added earlier, QEMU's events are not recorded.
sed -i '/"defaults"/d' data/vms/two/vm.json
expect 0 maqet args two
! grep -q 'id=maqet-events' out || fail "an earlier machine was changed"
expect 3 maqet events three

# A damaged line hides no other.
echo '{"time": ' >>data/vms/two/events
echo '{"time":"2026-01-01T00:00:00.000000Z","event":"\u001b[31mred","details":["a=\u202e"]}' \
    >>data/vms/two/events
expect 0 maqet events two
! grep -q "$(printf '\033')" out || fail "a control sequence is shown"
out_has 'x1b[31mred'
out_has ended

expect 0 maqet rm one two --yes
wait $follower || fail "--follow does not end with the VMs"
[ ! -e data/vms/one ] || fail "the log outlived the machine"
