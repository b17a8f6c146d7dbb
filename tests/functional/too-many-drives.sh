#!/bin/sh
# SPDX-License-Identifier: MIT
# As many drives as a bus says that fit do start; one more is an error that says how many.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

drives() { # MACHINE INTERFACE COUNT
    vm_yaml "$1-$2" <<EOF
arguments:
  - machine: $1
storage:
$(i=0; while [ $i -lt "$3" ]; do printf '  - {name: d%d, type: raw, interface: %s, size: 4k}\n' $i "$2"; i=$((i + 1)); done)
EOF
}
for pair in q35:virtio q35:ide pc:virtio pc:ide pc:sata; do
    machine=${pair%:*} interface=${pair#*:}
    drives "$machine" "$interface" 300
    expect 3 maqet validate "$machine-$interface.yaml"
    most=$(sed -n 's/.*: \([0-9]*\) fit on the machine type.*/\1/p' err)
    [ "${most:-0}" -gt 0 ] || { cat err; fail "no number in the message"; }
    drives "$machine" "$interface" "$((most + 1))"
    expect 3 maqet validate "$machine-$interface.yaml"
    drives "$machine" "$interface" "$most"
    expect 0 maqet add "$machine-$interface.yaml"
    expect 0 maqet -q start "$machine-$interface"
    expect 0 maqet stop "$machine-$interface" --timeout 0 --force
done
