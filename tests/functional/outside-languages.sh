#!/bin/sh
# SPDX-License-Identifier: MIT
# Storage plugins in other languages, outside of the tree: one in C++, by each standard from C++11
# on, and one in Rust, whose panics end in errors.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${srcdir:-.}/tests/functional/outside-functions.sh"
qemu_required
requires qemu-io
outside_install
copy() { # NAME
    cp -R "${abs_top_srcdir:?}/examples/plugins/$1" "$1"
    chmod -R u+w "$1"
}
# installed NAME: it is where maqet looks for plugins, and the example beside it is valid.
installed() {
    expect 0 make -C "$1" install DESTDIR="$outside_root"
    expect 0 maqet plugin info "$1"
    expect 0 maqet validate "$1/vm.yaml"
}

requires g++
copy throttled
warnings="-Wall -Wextra -Wconversion -Wsign-conversion -pedantic -Werror"
for compiler in g++ clang++; do
    command -v $compiler >/dev/null || continue
    for standard in 11 14 17 20; do
        # shellcheck disable=SC2046,SC2086 # one flag a word
        expect 0 $compiler -std=c++$standard $warnings $(pkg-config --cflags maqet) -fPIC \
            -c -o throttled.o throttled/throttled.cc
    done
done
expect 0 make -C throttled CXX=g++ CXXFLAGS="-O2 $warnings"
installed throttled
outside_check throttled

# Not every host has it, and it is large.
command -v cargo >/dev/null && (cd / && cargo --version) >/dev/null 2>&1 || skip_always "cargo is not installed"
copy vmdk
expect 0 env RUSTFLAGS="-D warnings" make -C vmdk
[ -z "$(nm -D --defined-only vmdk/maqet-storage-vmdk.so | grep -v ' maqet_storage_plugin$')" ] ||
    fail "it exports something else besides its entry"
installed vmdk
outside_check vmdk

# A panic is an error of the plugin's, and prints nothing by itself.
cp -R vmdk panics
rm panics/maqet-storage-vmdk.so
sed -i '/fn space(/a \        if drive.size("size") == 4096 { panic!("no {}", "luck") }' panics/vmdk.rs
expect 0 make -C panics
printf 'name: x\nbinary: qemu-system-x86_64\nstorage: [{name: disk, type: vmdk, size: 4K}]\n' >x.yaml
MAQET_PLUGIN_PATH="$TMP/panics:$MAQET_PLUGIN_PATH" expect 1 maqet add x.yaml
err_has "the plugin failed by a mistake of its own: no luck"
! grep -q "panicked at" err || fail "the panic itself was printed"
