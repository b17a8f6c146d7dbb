#!/bin/sh
# SPDX-License-Identifier: MIT
# A guest can make QEMU, and the programs beside it, complain as often as it likes. Their log, which
# is in memory on most hosts, stays short; the last that they have said is there.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

vm_yaml vm </dev/null
expect 0 maqet add vm.yaml
expect 0 maqet start vm
size() {
    stat -c %s run/vm/qemu.log
}
is_short() {
    [ "$(size)" -lt 2000000 ]
}
# What is appended as QEMU does it.
echo first >>run/vm/qemu.log
yes 'a complaint of QEMU' | head -c 3000000 >>run/vm/qemu.log
echo middle >>run/vm/qemu.log
expect 0 maqet logs vm --qemu
out_has first
yes 'another complaint of QEMU' | head -c 3000000 >>run/vm/qemu.log
printf '\nlast\n' >>run/vm/qemu.log
eventually 10 is_short
echo later >>run/vm/qemu.log
expect 0 maqet logs vm --qemu
[ "$(stat -c %s out)" -lt 6000000 ] || fail "nothing was dropped"
same "[maqet: what is before was dropped]" "$(head -n 1 out)" "the first line"
out_has 'another complaint of QEMU'
same later "$(tail -n 1 out)" "the last line"
same 600 "$(stat -c %a run/vm/qemu.log.1)" "the mode of what was kept"
expect 0 maqet stop vm --timeout 0 --force
# The next start has a log of its own, and nothing is left of a VM that is removed.
expect 0 maqet start vm
expect 0 maqet logs vm --qemu
out_lacks complaint
expect 0 maqet rm vm --yes --force
[ ! -e run/vm ] || fail "left: $(ls run/vm)"
