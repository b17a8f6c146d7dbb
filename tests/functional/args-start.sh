#!/bin/sh
# SPDX-License-Identifier: MIT
# Every storage x interface x media on q35 and pc (and on aarch64's virt where its QEMU is
# installed) is not only emitted but taken by QEMU.
. "${srcdir:-.}/tests/functional/functions.sh"
VM_BOOTS=yes
. "${abs_top_srcdir:?}/tests/functional/combinations.sh"
qemu_required

number=0
try() {
    case $2 in
    virt) command -v qemu-system-aarch64 >/dev/null || return 0 ;;
    esac
    maqet -q add "$3"
    maqet start "$1" 2>err || { cat err "$3" >&2; fail "$1 does not start"; }
    case $1 in
    *-none-*)
        maqet qmp "$1" query-named-block-nodes | grep -q '"drive"' || fail "$1: no node" ;;
    *-virtfs | *-empty-cdrom) ;;
    *) maqet qmp "$1" query-block | grep -q '"qdev": *"drive\|/drive' || fail "$1: no device" ;;
    esac
    maqet -q stop "$1" --timeout 0 --force
    number=$((number + 1))
}
each_combination try
[ "$number" -ge 34 ] || fail "only $number combinations were tried"
