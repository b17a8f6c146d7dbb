#!/bin/sh
# SPDX-License-Identifier: MIT
# A name that QEMU could take for one of its own words is a name like others.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

for vm in id guest process debug-threads help on no; do
    mkdir "share-$vm"
    vm_yaml "$vm" <<EOF
storage:
  - {name: id, file: $vm.qcow2, size: 1M}
  - {name: driver, file: $vm.raw, type: raw, size: 1M}
  - {name: path, type: virtfs, path: "share-$vm", security_model: mapped-file}
EOF
    expect 0 maqet add "$vm.yaml"
    expect 0 maqet start "$vm"
    expect 0 maqet --format json qmp "$vm" query-name
    grep -qF "\"name\": \"$vm\"" out || grep -qF "\"name\":\"$vm\"" out ||
        { cat out >&2; fail "QEMU has another name for '$vm'"; }
    expect 0 maqet stop "$vm" --timeout 0 --force
done

# How QEMU was told the name is no reason for a checkpoint not to fit.
vm_yaml kept <<EOF
storage:
  - {name: hdd, file: kept.qcow2, size: 1M}
EOF
expect 0 maqet add kept.yaml
expect 0 maqet start kept
expect 0 maqet checkpoint kept create one
expect 0 maqet stop kept --timeout 0 --force
record=$(find data -name one.json)
grep -qF '"guest=kept"' "$record" || fail "the record does not have the name"
sed -i 's/"guest=kept"/"kept"/' "$record"
expect 0 maqet checkpoint kept load --yes one
