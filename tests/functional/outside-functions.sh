# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# outside-functions.sh - for tests of the plugins in examples/plugins/: each is copied out of the
# tree and built against a maqet that is installed in a folder of its own, by what pkg-config
# knows of that one; nothing of the source tree is within its reach.

: "${CC:=cc}"
CC=${CC%% *}
requires make pkg-config "$CC"
unset MAKEFLAGS MFLAGS MAKELEVEL MAQET_PLUGIN_PATH
unset PKG_CONFIG_PATH PKG_CONFIG_LIBDIR PKG_CONFIG_DISABLE_UNINSTALLED 2>/dev/null
umask 022
outside_root="$TMP/root"

outside_install() {
    expect 0 make -C "${abs_top_builddir:?}" install DESTDIR="$outside_root"
    outside_pc=$(find "$outside_root" -name maqet.pc)
    # What is below a folder of its own is what a cross compiler calls its system root.
    export PKG_CONFIG_LIBDIR="${outside_pc%/*}" PKG_CONFIG_SYSROOT_DIR="$outside_root"
    # The plugin folder that the program was built with lies outside of that root.
    MAQET_PLUGIN_PATH=$(find "$outside_root" -name maqet-storage-raw.so -exec dirname {} \;)
    MAQET=$(find "$outside_root" -path '*/bin/maqet')
    export MAQET MAQET_PLUGIN_PATH
    [ -x "$MAQET" ] && [ -n "$MAQET_PLUGIN_PATH" ] || fail "maqet was not installed"
}

# outside_build NAME: copies examples/plugins/NAME to the folder NAME, builds and installs it.
outside_build() {
    cp -R "${abs_top_srcdir:?}/examples/plugins/$1" "$1"
    chmod -R u+w "$1"
    expect 0 make -C "$1" CC="$CC" CFLAGS="-O2 -Wall -Wextra -Werror"
    expect 0 make -C "$1" install DESTDIR="$outside_root"
    expect 0 maqet plugin info "$(sed -n 's/^ *\.name = "\(.*\)",$/\1/p' "$1"/*.c | head -n 1)"
}

# outside_check NAME: its own tests, which end with 77 where they cannot run.
outside_check() {
    status=0
    make -C "$1" check CC="$CC" >"$1.log" 2>&1 || status=$?
    [ "$status" -eq 0 ] && return
    ! grep -q 'Error 77' "$1.log" || skip "the tests of $1: $(cat "$1.log")"
    cat "$1.log" >&2
    fail "make check in examples/plugins/$1"
}
