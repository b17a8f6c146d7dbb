#!/bin/sh
# SPDX-License-Identifier: MIT
# `make install DESTDIR=` puts everything in its place, and the installed program finds its
# plugins, refuses a PATH of others, and answers for itself. A plugin of somebody else's is built
# and installed by what maqet.pc says.
. "${srcdir:-.}/tests/functional/functions.sh"
: "${CC:=cc}"
requires make pkg-config "${CC%% *}"
unset MAKEFLAGS MFLAGS MAKELEVEL
unset PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_DISABLE_UNINSTALLED 2>/dev/null
umask 022

expect 0 make -C "$abs_top_builddir" install DESTDIR="$TMP/root"
prefix=$(sed -n 's/^prefix = //p' "$abs_top_builddir/Makefile")
libdir=$(find root -name 'maqet-storage-qcow2.so' -exec dirname {} \;)
[ -n "$libdir" ] || fail "no plugin was installed"
for file in "root$prefix/bin/maqet" "root$prefix/include/maqet-plugin.h" \
    "$libdir/maqet-storage-raw.so" "$libdir/maqet-storage-virtfs.so" \
    "$libdir/maqet-storage-cloud-init.so" "$libdir/maqet-storage-virtiofs.so" \
    "$libdir/maqet-iface-virtio.so" "$libdir/maqet-iface-sata.so" \
    "$libdir/maqet-iface-ide.so" "$libdir/maqet-iface-scsi.so"; do
    [ -e "$file" ] || fail "$file was not installed"
done
pages=$(find root -name 'maqet.1*' -exec dirname {} \;)
[ -n "$pages" ] || fail "no manual was installed"
# As people ask for the page of a command: man maqet start.
for page in maqet-start.1 maqet-doctor.1 ../man5/maqet.yaml.5 ../man5/maqet-storage-virtiofs.5; do
    [ -s "$pages/$page" ] || fail "$page was not installed"
done
if command -v man >/dev/null; then
    MANPATH=$TMP/${pages%/*} MANPAGER=cat expect 0 man maqet start
    out_has "maqet start [OPTION]..."
fi
find root -name '*.la' | grep -q maqet-core && fail "the core library was installed"

installed="$TMP/root$prefix/bin/maqet"
version=$("$installed" --version | head -n 1)
same "maqet $(sed -n 's/^AC_INIT(\[maqet\], \[\(.*\)\])/\1/p' "$abs_top_srcdir/configure.ac")" "$version"
printf 'name: x\nbinary: qemu-system-x86_64\nstorage:\n  - {name: hdd, size: 1M}\n' >vm.yaml
MAQET_PLUGIN_PATH="$TMP/$libdir" expect 0 "$installed" validate vm.yaml
# Where they belong it finds others, if maqet is installed on this machine, or none: the error about one
# that nobody has says where it looked.
sed 's/{name: hdd, /&type: no-such-plugin, /' vm.yaml >none.yaml
expect 3 env -u MAQET_PLUGIN_PATH "$installed" validate none.yaml
err_has "There is no storage plugin 'no-such-plugin' (searched in: $prefix"

# maqet.pc: the same facts as the program and the header have, and nothing to link to.
pc=$(find root -name maqet.pc)
same "$libdir" "root$(PKG_CONFIG_LIBDIR="${pc%/*}" pkg-config --variable=plugindir maqet)" plugindir
if find root -name 'maqet-uninstalled.pc' | grep -q .; then
    fail "the variant for the build tree was installed"
fi
abi=$(sed -n 's/^#elif MAQET_PLUGIN_ABI != //p' "$abs_top_srcdir/include/maqet-plugin.h")
"$installed" --version | grep -q "^plugin-abi=$abi plugindir=${libdir#root}\$" ||
    fail "the program says otherwise than the header and maqet.pc"
asks() { # ANSWER OPTION...
    answer=$1
    shift
    same "$answer" "$(pkg-config "$@" maqet | sed 's/ *$//')" "pkg-config $*"
}
PKG_CONFIG_LIBDIR="$TMP/${pc%/*}"
export PKG_CONFIG_LIBDIR
asks "$abi" --variable=abi
asks "${version#maqet }" --modversion
asks "" --libs
asks "" --static --libs
[ "$prefix" = /usr ] || asks "-I$prefix/include" --cflags
# Where the builder named no folder outright, they follow the prefix.
if grep -qF 'libdir=${exec_prefix}/lib' "$pc" && grep -qF 'plugindir=${libdir}/' "$pc"; then
    asks "/elsewhere${libdir#"root$prefix"}" --define-variable=prefix=/elsewhere \
        --define-variable=exec_prefix=/elsewhere --variable=plugindir
    asks "-I/elsewhere/include" --define-variable=prefix=/elsewhere --cflags
    asks /other/maqet/plugins --define-variable=libdir=/other --variable=plugindir
fi

# Against what was installed, which a cross compiler would call its system root.
cp -R "$abs_top_srcdir/examples/plugins/vdi" vdi
chmod -R u+w vdi
PKG_CONFIG_SYSROOT_DIR="$TMP/root"
export PKG_CONFIG_SYSROOT_DIR
asks "-I$TMP/root$prefix/include" --cflags
expect 0 make -C vdi CC="${CC%% *}" CFLAGS="-Wall -Wextra -Werror"
unset PKG_CONFIG_SYSROOT_DIR
expect 0 make -C vdi install DESTDIR="$TMP/root"
same 644 "$(stat -c %a "$libdir/maqet-storage-vdi.so")" "the plugin's mode"
printf 'name: x\nbinary: qemu-system-x86_64\nstorage:\n  - {name: hdd, type: vdi, size: 1M}\n' >vdi.yaml
MAQET_PLUGIN_PATH="$TMP/$libdir" expect 0 "$installed" validate vdi.yaml

# Against what was built: the other variant says where the header and the program's plugins are,
# and goes before the one that would be installed.
PKG_CONFIG_LIBDIR="$abs_top_builddir/pkgconfig"
asks "-I$abs_top_srcdir/include" --cflags
asks "$abs_top_builddir/.libs" --variable=plugindir
asks "$abi" --variable=abi
asks "${version#maqet }" --modversion
asks "" --libs
