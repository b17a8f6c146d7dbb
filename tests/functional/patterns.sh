#!/bin/sh
# SPDX-License-Identifier: MIT
# Several VMs by a pattern, or all of them.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

# Without any, there is nothing to do, and that is no failure.
for command in start stop restart pause resume status; do
    expect 0 maqet $command --all
    err_has "There are no VMs, so there is nothing to do"
    expect 0 maqet $command --all --format json
    same '[]' "$(tr -d ' \n' <out)" "the result of $command --all"
done

for vm in web1 web2 db; do
    vm_yaml $vm </dev/null
    expect 0 maqet add $vm.yaml
done
states() {
    maqet ls --format plain | sort | cut -f 1,2 | tr '\t\n' '= ' | sed 's/ $//'
}
same 'db=created web1=created web2=created' "$(states)" "states"

for command in start stop restart pause resume status; do
    expect 3 maqet $command 'x*'
    err_has "There is no VM whose name matches 'x*'"
done
# Those that do not run are none of its business, unless they are named.
for command in stop restart pause resume; do
    expect 0 maqet $command --all
    err_has "No VM is running, so there is nothing to do"
    expect 0 maqet $command 'web*'
    err_has "None of these VMs is running, so there is nothing to do"
done
same 'db=created web1=created web2=created' "$(states)" "states"

expect 0 maqet start 'web*'
same 'db=created web1=running web2=running' "$(states)" "states"
expect 0 maqet pause 'web[13]'
same 'db=created web1=paused web2=running' "$(states)" "states"
expect 0 maqet pause --all
same 'db=created web1=paused web2=paused' "$(states)" "states"
expect 0 maqet resume '*2' web1
same 'db=created web1=running web2=running' "$(states)" "states"
expect 0 maqet resume -a
out_has "VM 'web1' was not paused"
expect 0 maqet start --all
out_has "VM 'web1' is already running"
same 'db=running web1=running web2=running' "$(states)" "states"

# One that is selected twice is there once; an unknown one does not keep the others.
expect 3 maqet status 'web*' web1 'db' 'none*' --format json
same 3 "$(grep -c '^    "name"' out)" "VMs in the result"
expect 0 maqet status web1 --format json
same '{' "$(head -c 1 out)" "the result of one"
expect 0 maqet status --all
for vm in web1 web2 db; do
    out_has "$vm"
done

expect 3 maqet stop web1 --all
err_has "--all and VM are mutually exclusive"
expect 0 maqet stop db --timeout 0 --force
pid=$(vm_pid web2)
expect 0 maqet restart 'web?' --timeout 0 --force
[ "$(vm_pid web2)" != "$pid" ] || fail "it was not restarted"
expect 0 maqet restart --all --timeout 0 --force
same 'db=stopped web1=running web2=running' "$(states)" "states"
expect 0 maqet stop --all --timeout 0 --force
same 'db=stopped web1=stopped web2=stopped' "$(states)" "states"

# What removes something takes no patterns, and neither does what takes one VM.
expect 3 maqet rm 'web*' --yes
err_has "There is no VM 'web*'"
expect 3 maqet start 'web*' --foreground
err_has "There is no VM 'web*'"
expect 3 maqet start --all --foreground
err_has "--foreground takes exactly one VM"
same 3 "$(maqet ls --format plain | wc -l)" "VMs"
