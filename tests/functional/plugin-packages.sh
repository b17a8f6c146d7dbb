#!/bin/sh
# SPDX-License-Identifier: MIT
# Packages of plugins depend on the plugin ABI in the version that has all that the plugin calls:
# the tables of functions come from the header, and the tools of Debian and RPM from what they read
# in the plugin's file.
. "${srcdir:-.}/tests/functional/functions.sh"
: "${CC:=cc}"
CC=${CC%% *}
requires "$CC" make perl
unset MAKEFLAGS MFLAGS MAKELEVEL
umask 022
header="$abs_top_srcdir/include/maqet-plugin.h"
packaging="$abs_top_srcdir/packaging"
version=$(sed -n 's/^AC_INIT(\[maqet\], \[\(.*\)\])/\1/p' "$abs_top_srcdir/configure.ac")

# ---- the tables

table() { # ABI [HEADER]
    awk -f "$packaging/symbols.awk" -v abi="$1" -v release="$version" "${2:-$header}"
}
mkdir -p tools/share/maqet
cp "$packaging/plugin-needs" "$abs_top_builddir"/packaging/plugin-abi-*.symbols tools/share/maqet
tables="$TMP/tools/share/maqet"
table 1 | diff - "$tables/plugin-abi-1.symbols" || fail "another table was built"
# It has each function that the program exports, with a version that there has been.
sed -n 's/^ *\(maqet_[a-z_]*\);/\1/p' "$abs_top_builddir/host.syms" | sort >exported
sed 's/ .*//; /^#/d' "$tables/plugin-abi-1.symbols" | sort | diff exported - ||
    fail "the table has other functions than the program"
! grep -v '^#' "$tables/plugin-abi-1.symbols" | grep -vE '^maqet_[a-z_]+ [0-9]+(\.[0-9]+)+$' ||
    fail "there are functions without a version"
# What the header forgets to say is said.
awk '/MAQET_EXPORT void maqet_props_bool/ { print "/**"; print " */" } { print }' "$header" >forgets.h
expect 1 table 1 forgets.h
err_has "forgets.h: maqet_props_bool() does not say since when it is there"

# What there is in a later version, of one ABI and of another that stands beside it.
later() {
    awk '/^#ifdef __cplusplus/ && ++blocks == 3 {
        print "/**\n * maqet_later - x.\n *\n * Since: 0.12\n */\nMAQET_EXPORT void maqet_later(void);\n"
        print "#if MAQET_PLUGIN_ABI >= 2"
        print "/**\n * maqet_second - x.\n *\n * Since: 1.2\n */\nMAQET_EXPORT void maqet_second(void);\n"
        print "#else"
        print "/**\n * maqet_first - x.\n *\n * Since: 0.9.1\n */\nMAQET_EXPORT void maqet_first(void);\n"
        print "#endif"
    } { print }' "$header" |
        sed -e 's/^#elif MAQET_PLUGIN_ABI != 1$/& \&\& MAQET_PLUGIN_ABI != 2/'
}
mkdir later
later >later/maqet-plugin.h
for abi in 1 2; do
    table $abi later/maqet-plugin.h >"later/plugin-abi-$abi.symbols"
done
same "maqet_later 0.12 maqet_first 0.9.1" \
    "$(diff "$tables/plugin-abi-1.symbols" later/plugin-abi-1.symbols | sed -n 's/^> //p' | paste -sd ' ')" \
    "what a later header has for ABI 1"
same "maqet_later 0.12 maqet_second 1.2" \
    "$(diff "$tables/plugin-abi-1.symbols" later/plugin-abi-2.symbols | sed -n 's/^> \(maqet.*\)/\1/p' | paste -sd ' ')" \
    "what a later header has for ABI 2"

# ---- what a plugin needs

cat >plugin.c <<'EOF'
#include <maqet-plugin.h>
static int
emit(const struct maqet_drive *drive, struct maqet_args *args, struct maqet_error **err)
{
    (void)err;
    maqet_props_string(maqet_args_blockdev(args, maqet_drive_name(drive)), "driver", "null-co");
#ifdef CALLS
    CALLS();
#endif
    return 0;
}
static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER, .name = NAME, .summary = "x", .interface = "virtio",
    .emit_args = emit};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
EOF
build() { # NAME ABI FLAGS...
    name=$1 abi=$2
    shift 2
    "$CC" -O2 -fPIC -shared -Ilater "-DMAQET_PLUGIN_ABI=$abi" "-DNAME=\"$name\"" \
        -o "maqet-storage-$name.so" "$@" plugin.c
}
needs() { # WANTED NAME-OR-OPTION...
    said=$1
    shift
    expect 0 later/plugin-needs "$@"
    same "$said" "$(paste -sd , out)" "what is needed by: $*"
}
cp "$packaging/plugin-needs" later
build plain 1
build newer 1 -DCALLS=maqet_later -s
build first 1 -DCALLS=maqet_first -Wl,-z,now
build second 2 -DCALLS=maqet_second
needs "1 0.1" maqet-storage-plain.so
needs "1 0.12" maqet-storage-newer.so
needs "1 0.9.1" maqet-storage-first.so
needs "2 1.2" maqet-storage-second.so
needs "1 0.12,2 1.2" maqet-storage-plain.so maqet-storage-second.so maqet-storage-newer.so maqet-storage-first.so
needs "1 0.3" --minimum=0.3 maqet-storage-plain.so
needs "1 0.12" --minimum=0.3 maqet-storage-newer.so
needs "2 0.1" --abi=2 maqet-storage-plain.so
needs "maqet(plugin-abi-1) >= 0.12" --rpm maqet-storage-newer.so
echo maqet-storage-second.so | expect 0 later/plugin-needs --rpm
same "maqet(plugin-abi-2) >= 1.2" "$(cat out)" "what RPM is told"
# Relocations in fewer bytes, where linker and linker at run time have them; other machines.
if build packed 1 -Wl,-z,pack-relative-relocs 2>packed.err && [ ! -s packed.err ]; then
    needs "1 0.1" maqet-storage-packed.so
fi
if build narrow 1 -m32 -ffreestanding 2>/dev/null; then
    needs "1 0.1" maqet-storage-narrow.so
fi
# All that this tree has.
for plugin in "$abs_top_builddir"/.libs/maqet-*.so; do
    expect 0 "$tables/plugin-needs" "$plugin"
    same "1 0.1" "$(cat out)" "what $plugin needs"
done

# What cannot be told.
refused() { # MESSAGE ARGUMENT...
    message=$1
    shift
    expect 1 "$tables/plugin-needs" "$@"
    err_has "$message"
    [ ! -s out ] || fail "something is needed after all: $(cat out)"
}
refused "maqet-storage-newer.so: it calls maqet_later(), which is no function of plugin ABI 1 in this maqet" \
    maqet-storage-newer.so
refused "it is for plugin ABI 2, which this maqet does not have" maqet-storage-second.so
cp maqet-storage-plain.so maqet-storage-other.so
refused "maqet-storage-other.so: its struct cannot be found, so its plugin ABI is not known; use --abi" \
    maqet-storage-other.so
cp maqet-storage-plain.so plain.so
refused "plain.so: it is not named as a plugin is" plain.so
echo text >maqet-storage-text.so
refused "it is not an ELF file" maqet-storage-text.so
head -c 3000 maqet-storage-plain.so >maqet-storage-short.so
refused "its sections are missing" maqet-storage-short.so
refused "cannot be read" maqet-storage-none.so

# ---- RPM

if command -v rpmbuild >/dev/null; then
    attributes=$(rpm -E '%{_fileattrsdir}')
    case $attributes in
    /*) ;;
    *) attributes=$(rpm -E '%{_rpmconfigdir}')/fileattrs ;;
    esac
    cp -R "$attributes" attributes
    cp "$packaging/maqetplugin.attr" attributes
    mkdir -p rpm/SOURCES
    cp maqet-storage-plain.so maqet-storage-newer.so rpm/SOURCES
    mkdir -p share/maqet
    cp later/plugin-needs later/*.symbols share/maqet
    cat >plugin.spec <<'EOF'
Name: maqet-plugin-x
Version: 1
Release: 1
Summary: x
License: MIT
%global debug_package %{nil}
%global __strip /bin/true
%description
x
%install
install -D -m 755 -t %{buildroot}%{_libdir}/maqet/plugins %{_sourcedir}/*.so
%files
%{_libdir}/maqet/plugins/*
EOF
    expect 0 env HOME="$TMP" rpmbuild --load "$TMP/attributes/maqetplugin.attr" -bb --nodeps -D "_topdir $TMP/rpm" -D "_fileattrsdir $TMP/attributes" \
        -D "_datadir $TMP/share" plugin.spec
    expect 0 rpm -qp --requires rpm/RPMS/*/*.rpm
    out_has "maqet(plugin-abi-1) >= 0.12"
fi

# ---- Debian

command -v dh_listpackages >/dev/null && command -v dpkg-buildpackage >/dev/null ||
    skip_always "debhelper is not installed"
. "${srcdir:-.}/tests/functional/outside-functions.sh"
qemu_required
outside_install
mkdir -p tools/bin tools/perl/Debian/Debhelper/Sequence
cp "$packaging/dh_maqetplugin" tools/bin
cp "$packaging/maqetplugin.pm" tools/perl/Debian/Debhelper/Sequence
export PERL5LIB="$TMP/tools/perl"
PATH="$TMP/tools/bin:$PATH"
cp -R "$abs_top_srcdir/examples/plugins/maqet-plugin-template" fine
chmod -R u+w fine
(cd fine && sh ./rename fine) >/dev/null
# The package's own tests run, and its manual page is in it.
unset CFLAGS CPPFLAGS LDFLAGS
expect 0 env -u DEB_BUILD_OPTIONS sh -c 'cd fine && dpkg-buildpackage -d -b -us -uc'
out_has "fine: all is well"
expect 0 dpkg-deb -f maqet-plugin-fine_0.1_*.deb Depends
grep -qE "(^|, )maqet-plugin-abi-1 \(>= 0\.1\)(,|$)" out || fail "it depends on: $(cat out)"
expect 0 dpkg-deb -c maqet-plugin-fine_0.1_*.deb
out_has /maqet/plugins/maqet-storage-fine.so
out_has /man5/maqet-storage-fine.5
# So it can be installed with what this version of maqet provides.
dpkg --compare-versions "$version" ge 0.1 || fail "maqet $version does not provide what it needs"

# A plugin that calls something newer needs the version that introduced it; what no function
# tells of, its author says.
sed -i 's/^maqet_props_string .*/maqet_props_string 0.7/' "$tables/plugin-abi-1.symbols"
export DEB_BUILD_OPTIONS=nocheck
expect 0 sh -c 'cd fine && dpkg-buildpackage -d -b -us -uc'
expect 0 dpkg-deb -f maqet-plugin-fine_0.1_*.deb Depends
out_has "maqet-plugin-abi-1 (>= 0.7)"
printf '\noverride_dh_maqetplugin:\n\tdh_maqetplugin --minimum=0.8\n' >>fine/debian/rules
expect 0 sh -c 'cd fine && dpkg-buildpackage -d -b -us -uc'
expect 0 dpkg-deb -f maqet-plugin-fine_0.1_*.deb Depends
out_has "maqet-plugin-abi-1 (>= 0.8)"
sed -i '/^maqet_props_string /d' "$tables/plugin-abi-1.symbols"
expect 2 sh -c 'cd fine && dpkg-buildpackage -d -b -us -uc'
err_has "it calls maqet_props_string(), which is no function of plugin ABI 1 in this maqet"
# Its manual page is one.
expect 0 pod2man --section=1 "$packaging/dh_maqetplugin" page.1
expect 0 podchecker "$packaging/dh_maqetplugin"
