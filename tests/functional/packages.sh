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
abis=$(grep -o 'MAQET_PLUGIN_ABI != [0-9]*' "$abs_top_srcdir/include/maqet-plugin.h" | sed 's/.* //')
[ "$version" ] && [ "$abis" ] || fail "neither a version nor an ABI was found"
same "$version" "$(sed -n 's/^Version: *//p' "$spec")" "the version in maqet.spec"
same "$abis" "$(sed -n 's/^Provides: *maqet(plugin-abi-\([0-9]*\)) = %{version}$/\1/p' "$spec")" \
    "the ABIs that maqet.spec provides"
sed -n '/^%changelog/,$p' "$spec" | sed -n 2p | grep -q " - $version-" ||
    fail "the latest entry of maqet.spec's changelog is of another version"

# The page for packagers tells of every option of configure.
sed -n 's/^ *\[AS_HELP_STRING(\[\(--[a-z-]*\).*/\1/p; s/^ *\[*AC_ARG_WITH(\[systemd.*/--with-systemdsystemunitdir/p' \
    "$abs_top_srcdir/configure.ac" | grep -v '^--with-systemd$' >options
[ "$(wc -l <options)" -gt 10 ] || fail "too few options of configure: $(cat options)"
while read -r option; do
    grep -qF -- "\`$option" "$abs_top_srcdir/docs/packaging.md" || fail "docs/packaging.md lacks $option"
done <options

# A variable of the build's.
value() {
    printf 'include Makefile\nshow-value:\n\t@echo "$(%s)"\n' "$1" |
        make -s -C "$abs_top_builddir" --no-print-directory -f - show-value
}
# Each installed file, as it is called in a distribution's folders; LIB is the library folder.
expect 0 make -C "$abs_top_builddir" install DESTDIR="$TMP/root"
for folder in plugindir=usr/lib/LIB/maqet/plugins pkgconfigdir=usr/lib/LIB/pkgconfig \
    systemdsystemunitdir=usr/lib/systemd/system systemduserunitdir=usr/lib/systemd/user \
    includedir=usr/include pkgdatadir=usr/share/maqet bashcompdir=usr/share/bash-completion/completions \
    zshcompdir=usr/share/zsh/vendor-completions fishcompdir=usr/share/fish/vendor_completions.d \
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
        package && /^%\{_/ && !/_fileattrsdir/ { print package, $1 }' "$spec"
}
rpm_lists | sed -e 's|^maqet-devel |maqet-dev |' -e 's|%{_libdir}|usr/lib/LIB|' -e 's|%{_bindir}|usr/bin|' \
    -e 's|%{_datadir}|usr/share|' -e 's|%{_mandir}|usr/share/man|' \
    -e 's|%{_docdir}|usr/share/doc|' -e 's|%{_includedir}|usr/include|' \
    -e 's|%{_unitdir}|usr/lib/systemd/system|' -e 's|%{_userunitdir}|usr/lib/systemd/user|' \
    -e 's|\(/man[0-9]/.*\)\*$|\1|' -e 's|/zsh/site-functions/|/zsh/vendor-completions/|' >rpm

# Debian's lists, likewise.
debian_lists() {
    sed 's/^/none /' "$debian/not-installed"
    sed -n 's|^\tdh_install --package=\(.*\) \$(UNITDIR)/|\1 usr/lib/systemd/system/|p' "$debian/rules"
    for list in "$debian"/*.install; do
        sed -e '/^packaging\//d' -e "s/^/$(basename "$list" .install) /" "$list"
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

# What the build makes is the same in all languages. In Turkish, [a-z] lacks letters.
joined() {
    find "$abs_top_srcdir" -name build -prune -o \( -name '*.mk' -o -name Makefile.am \) -print |
        xargs sed -e ':a' -e '/\\$/N; s/\\\n//; ta'
}
ranges() {
    grep -E '\$\((SED|AWK|GREP)\)[^|]*\[\^?[a-zA-Z]-' | grep -vE 'LC_ALL=C +\$\((SED|AWK|GREP)\)'
}
! joined | ranges || fail "a rule depends on the language of its user"
joined | sed 's/LC_ALL=C//' | ranges >/dev/null || fail "a rule with a range is not noticed"

# The archive is made without debian/, which distributions have their own of.
[ -d "$debian" ] || skip_always "there is no debian/ here"
same "$version" "$(sed -n '1s/^maqet (\(.*\)-[^-]*) .*/\1/p' "$debian/changelog")" \
    "the version in debian/changelog"
# provides TREE: what debian/rules there says of the ABIs.
provides() {
    printf "include debian/rules\nshow-value:\n\t@echo '\$(PROVIDES)'\n" |
        make -s -C "$1" --no-print-directory -f - show-value
}
same "$(for abi in $abis; do
    echo "maqet-plugin-abi-$abi (= \${source:Upstream-Version})"
done | paste -sd ,)" "$(provides "$abs_top_srcdir")" "what debian/rules provides"
grep -q -- "-Vmaqet:Provides='\$(PROVIDES)'\$" "$debian/rules" || fail "debian/rules provides no ABI"
# A header that offers two ABIs has both provided.
mkdir -p both/debian both/include
cp "$debian/rules" both/debian
sed 's/^\(#elif MAQET_PLUGIN_ABI != [0-9]*\)$/\1 \&\& MAQET_PLUGIN_ABI != 22/' \
    "$abs_top_srcdir/include/maqet-plugin.h" >both/include/maqet-plugin.h
same "$(provides "$abs_top_srcdir"),maqet-plugin-abi-22 (= \${source:Upstream-Version})" \
    "$(provides both)" "what debian/rules provides for two ABIs"
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
