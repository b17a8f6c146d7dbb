# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# unit-functions.sh - for tests of the units of systemd: what stands in them, run as systemd
# would. There is no systemd in most of the places where tests run.

# install_units: root/ becomes what `make install` makes; $system_unit and $user_unit.
install_units() {
    (
        unset MAKEFLAGS MFLAGS MAKELEVEL
        expect 0 make -C "$abs_top_builddir" install DESTDIR="$TMP/root"
    )
    system_unit=$(find root -path '*/system/maqet@.service')
    user_unit=$(find root -path '*/user/maqet@.service')
    [ -n "$system_unit" ] && [ -n "$user_unit" ] || skip_always "built without systemd's units"
}

# setting UNIT KEY: its value; one value a key, for these units repeat none.
setting() {
    sed -n "s/^$2=//p" "$1"
}

# as_systemd UNIT KEY NAME: runs the command of the unit's instance, with the program of the
# build tree in the place of the one that would be installed. In a unit %i is the instance, and
# $$ is one dollar; words and quotes are as in a shell.
as_systemd() {
    environment=$(setting "$1" Environment)
    bindir=$(find root -name maqet -path '*/bin/*')
    eval "set -- $(setting "$1" "$2" | sed -e 's/\$\$/$/g' -e "s|%i|$3|g" -e "s|${bindir#root}|$MAQET|g")"
    exec env "$environment" "$@"
}
