#!/bin/sh
# SPDX-License-Identifier: MIT
# `make install DESTDIR=` puts everything in its place, and the installed program finds its
# plugins, refuses a PATH of others, and answers for itself.
. "${srcdir:-.}/tests/functional/functions.sh"
requires make
unset MAKEFLAGS MFLAGS MAKELEVEL

expect 0 make -C "$abs_top_builddir" install DESTDIR="$TMP/root"
prefix=$(sed -n 's/^prefix = //p' "$abs_top_builddir/Makefile")
libdir=$(find root -name 'maqet-storage-qcow2.so' -exec dirname {} \;)
[ -n "$libdir" ] || fail "no plugin was installed"
for file in "root$prefix/bin/maqet" "root$prefix/include/maqet-plugin.h" \
    "$libdir/maqet-storage-raw.so" "$libdir/maqet-storage-virtfs.so" \
    "$libdir/maqet-iface-virtio.so" "$libdir/maqet-iface-sata.so" \
    "$libdir/maqet-iface-ide.so" "$libdir/maqet-iface-scsi.so"; do
    [ -e "$file" ] || fail "$file was not installed"
done
find root -name 'maqet.1*' | grep -q . || fail "no manual was installed"
find root -name '*.la' | grep -q maqet-core && fail "the core library was installed"

installed="$TMP/root$prefix/bin/maqet"
version=$("$installed" --version | head -n 1)
same "maqet $(sed -n 's/^AC_INIT(\[maqet\], \[\(.*\)\])/\1/p' "$abs_top_srcdir/configure.ac")" "$version"
printf 'name: x\nbinary: qemu-system-x86_64\nstorage:\n  - {name: hdd, size: 1M}\n' >vm.yaml
MAQET_PLUGIN_PATH="$TMP/$libdir" expect 0 "$installed" validate vm.yaml
# Without plugins where they belong, the error says where it looked.
expect 3 env -u MAQET_PLUGIN_PATH "$installed" validate vm.yaml
err_has "There is no storage plugin 'qcow2' (searched in: $prefix"
