#!/bin/sh
# SPDX-License-Identifier: MIT
# What packages say of maqet is what maqet is: its version and ABI; and each file that is
# installed, each plugin above all, is in exactly one package, the same for Debian and for RPM.
. "${srcdir:-.}/tests/functional/functions.sh"
requires make
unset MAKEFLAGS MFLAGS MAKELEVEL
spec="$abs_top_srcdir/rpm/maqet.spec"
debian="$abs_top_srcdir/debian"

version=$(sed -n 's/^AC_INIT(\[maqet\], \[\(.*\)\])/\1/p' "$abs_top_srcdir/configure.ac")
abi=$(sed -n 's/^#elif MAQET_PLUGIN_ABI != //p' "$abs_top_srcdir/include/maqet-plugin.h")
[ "$version" ] && [ "$abi" ] || fail "neither a version nor an ABI was found"
same "$version" "$(sed -n 's/^Version: *//p' "$spec")" "the version in maqet.spec"
same "$abi" "$(sed -n 's/^%global plugin_abi //p' "$spec")" "the ABI in maqet.spec"
grep -q '^Provides: *maqet(plugin-abi) = %{plugin_abi}$' "$spec" || fail "maqet.spec provides no ABI"
sed -n '/^%changelog/,$p' "$spec" | sed -n 2p | grep -q " - $version-" ||
    fail "the latest entry of maqet.spec's changelog is of another version"

# A variable of the build's.
value() {
    printf 'include Makefile\nshow-value:\n\t@echo "$(%s)"\n' "$1" |
        make -s -C "$abs_top_builddir" --no-print-directory -f - show-value
}
# Each installed file, as it is called in a distribution's folders; LIB is the library folder.
expect 0 make -C "$abs_top_builddir" install DESTDIR="$TMP/root"
for folder in plugindir=usr/lib/LIB/maqet/plugins pkgconfigdir=usr/lib/LIB/pkgconfig \
    systemdsystemunitdir=usr/lib/systemd/system systemduserunitdir=usr/lib/systemd/user \
    includedir=usr/include bashcompdir=usr/share/bash-completion/completions \
    docdir=usr/share/doc/maqet man1dir=usr/share/man/man1 man3dir=usr/share/man/man3 \
    man5dir=usr/share/man/man5 bindir=usr/bin; do
    where=$(value "${folder%%=*}")
    [ -z "$where" ] || printf 's|^%s/|%s/|\n' "$where" "${folder#*=}"
done >folders.sed
(cd root && find . ! -type d | sed 's|^\.||') | sed -f folders.sed | sort >installed
! grep '^/' installed || fail "files in folders that no package knows"
[ "$(grep -c '/maqet/plugins/.*\.so$' installed)" -ge 7 ] || fail "plugins are missing"

# RPM's lists: a package and a pattern a line; what %install removes is in the package "none".
rpm_lists() {
    sed -n -e 's/^rm //p' "$spec" | tr ' ' '\n' | sed 's|%{buildroot}||; s/^/none /'
    awk '/^%changelog/ { exit }
        /^%files/ { package = $2 ? "maqet-" $2 : "maqet"; next }
        package && /^%\{_/ { print package, $1 }' "$spec"
}
rpm_lists | sed -e 's|^maqet-devel |maqet-dev |' -e 's|%{_libdir}|usr/lib/LIB|' -e 's|%{_bindir}|usr/bin|' \
    -e 's|%{_datadir}|usr/share|' -e 's|%{_mandir}|usr/share/man|' \
    -e 's|%{_docdir}|usr/share/doc|' -e 's|%{_includedir}|usr/include|' \
    -e 's|%{_unitdir}|usr/lib/systemd/system|' -e 's|%{_userunitdir}|usr/lib/systemd/user|' \
    -e 's|\(/man[0-9]/.*\)\*$|\1|' >rpm

# Debian's lists, likewise.
debian_lists() {
    sed 's/^/none /' "$debian/not-installed"
    sed -n 's|^\tdh_install --package=\(.*\) \$(UNITDIR)/|\1 usr/lib/systemd/system/|p' "$debian/rules"
    for list in "$debian"/*.install; do
        sed "s/^/$(basename "$list" .install) /" "$list"
    done
}

# owners LISTS: "FILE PACKAGE" for each installed file. None and two are mistakes.
owners() {
    while read -r file; do
        owner=
        while read -r package pattern; do
            # shellcheck disable=SC2254 # it is a pattern
            case $file in
            $pattern | $pattern/*)
                [ -z "$owner" ] || [ "$owner" = "$package" ] ||
                    fail "$1: $file is in $owner and in $package"
                owner=$package
                ;;
            esac
        done <"$1"
        [ -n "$owner" ] || fail "$1: $file is in no package"
        echo "$file $owner"
    done <installed
}
# Nothing is listed that isn't there, but for units that were left out of this build.
no_dead_patterns() { # LISTS
    while read -r package pattern; do
        # shellcheck disable=SC2254 # it is a pattern
        while read -r file; do
            case $file in $pattern | $pattern/*) continue 2 ;; esac
        done <installed
        case $pattern in
        */systemd/*) ;;
        *) fail "$1: $package lists $pattern, which is not installed" ;;
        esac
    done <"$1"
}
owners rpm >rpm.owners
no_dead_patterns rpm
grep -q '/maqet-storage-qcow2.so maqet-plugins-core$' rpm.owners || fail "qcow2 is not where it belongs"
# The comparison itself can fail.
grep -v 'maqet-iface-ide' rpm >short
! (owners short) >/dev/null 2>&1 || fail "a plugin in no package is not noticed"
{ cat rpm; echo 'maqet usr/lib/LIB/maqet/plugins'; } >twice
! (owners twice) >/dev/null 2>&1 || fail "a plugin in two packages is not noticed"

# The archive is made without debian/, which distributions have their own of.
[ -d "$debian" ] || skip_always "there is no debian/ here"
same "$version" "$(sed -n '1s/^maqet (\(.*\)-[^-]*) .*/\1/p' "$debian/changelog")" \
    "the version in debian/changelog"
same "maqet-plugin-abi-$abi" "maqet-plugin-abi-$(
    printf 'include debian/rules\nshow-value:\n\t@echo "$(ABI)"\n' |
        make -s -C "$abs_top_srcdir" --no-print-directory -f - show-value
)" "what debian/rules provides"
grep -q -- '-Vmaqet:Provides=maqet-plugin-abi-$(ABI)$' "$debian/rules" || fail "debian/rules provides no ABI"
awk '/^Package:/ { package = $2 } /^Provides: \$\{maqet:Provides\}$/ { print package }' \
    "$debian/control" >out
same maqet "$(cat out)" "the package that provides the ABI"
debian_lists | sed -e 's|usr/lib/\*/|usr/lib/LIB/|' >debian
owners debian >debian.owners
no_dead_patterns debian
diff -u debian.owners rpm.owners || fail "Debian and RPM disagree on what is in which package"
sed -n 's/^Package: //p' "$debian/control" | sort >debian.packages
{ echo maqet; sed -n 's/^%package /maqet-/p' "$spec" | sed 's/-devel$/-dev/'; } | sort >rpm.packages
diff -u debian.packages rpm.packages || fail "Debian and RPM have other packages"
# What is installed stands in each package's list, and each list belongs to a package.
for list in "$debian"/*.install; do
    grep -qx "$(basename "$list" .install)" debian.packages || fail "$list belongs to no package"
done
