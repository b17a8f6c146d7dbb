#!/bin/sh
# SPDX-License-Identifier: MIT
# The public header alone is enough for a plugin, in C99 to C23 and C++11 to C++20, with whatever
# warnings a compiler has; it checks formats for outside authors too, and demands that the ABI is
# named. (header-comments.sh looks at what it says.)
. "${srcdir:-.}/tests/functional/functions.sh"
: "${CC:=cc}"
requires "${CC%% *}"
include="$abs_top_srcdir/include"

cat >plugin.c <<'EOF'
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>
static int
emit(const struct maqet_drive *drive, struct maqet_args *args, struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_name(drive));
    (void)err;
    maqet_props_string(node, "driver", "null-co");
    maqet_props_int(node, "size", 1048576);
    return 0;
}
#ifdef __cplusplus
static const struct maqet_storage_plugin plugin = {
    MAQET_STORAGE_PLUGIN_HEADER, "null", "nothing at all", NULL, NULL, NULL, NULL, 0, 0,
    NULL, "virtio", NULL, NULL, NULL, MAQET_CREATION_NEVER,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, emit, NULL, NULL, NULL,
    NULL, NULL};
#else
static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "null", .summary = "nothing at all", .interface = "virtio", .emit_args = emit};
#endif
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
EOF
# Each function and each macro is used, so that nothing is hidden from a warning.
{
    cat plugin.c
    echo 'extern void (*const maqet_all[])(void);'
    echo 'void (*const maqet_all[])(void) = {'
    sed -n 's/^ *\(maqet_[a-z_]*\);/    (void (*)(void))\1,/p' "$abs_top_builddir/host.syms"
    echo '};'
    cat <<'EOF'
extern const uint32_t maqet_numbers[];
const uint32_t maqet_numbers[] = {MAQET_MUST_UNDERSTAND, MAQET_HELPER_FD, MAQET_PLUGIN_KIND_STORAGE};
static const struct maqet_iface_plugin iface = {
    MAQET_IFACE_PLUGIN_HEADER, "x", "x", NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL};
MAQET_REGISTER_IFACE_PLUGIN(iface)
EOF
} >all.c
warnings="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wundef -Wcast-qual
    -Wwrite-strings -Wredundant-decls -Wdouble-promotion -Wmissing-declarations -Werror"
of_c="-Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wc++-compat"
compile() { # COMPILER LANGUAGE STANDARD FLAG...
    compiler=$1 language=$2 standard=$3
    shift 3
    command -v "$compiler" >/dev/null || return 0
    # shellcheck disable=SC2086 # one flag a word
    for source in plugin.c all.c; do
        expect 0 "$compiler" -x "$language" -std="$standard" $warnings "$@" -I"$include" \
            -fPIC -c $source -o plugin.o
    done
    echo "$compiler $standard" >>compiled
}
for compiler in "${CC%% *}" gcc clang; do
    for standard in c99 c11 c17 c2x gnu11; do
        # shellcheck disable=SC2086
        compile "$compiler" c $standard $of_c
    done
done
for compiler in g++ clang++; do
    for standard in c++11 c++14 c++17 c++20; do
        compile "$compiler" c++ $standard
    done
done
[ "$(sort -u compiled | wc -l)" -ge 5 ] || fail "hardly anything was compiled"
# A size that differs is noticed.
expect 1 "${CC%% *}" -fshort-enums -I"$include" -fsyntax-only plugin.c
err_has has_4_bytes

# Outside of the tree, with the header alone, and then loaded for real.
mkdir plugins
printf 'name: x\nbinary: qemu-system-x86_64\naccel: tcg\nstorage:\n  - {name: hdd, type: "null", interface: none}\n' >vm.yaml
loads() { # COMPILER...
    expect 0 "$@" -fPIC -shared -I"$include" plugin.c -o plugins/maqet-storage-null.so
    MAQET_PLUGIN_PATH="$TMP/plugins" expect 0 maqet --format plain args vm.yaml
    out_has '{"node-name":"hdd","driver":"null-co","size":1048576}'
}
loads "${CC%% *}"
requires g++
loads g++ -x c++

sed 's/#define MAQET_PLUGIN_ABI 1//' plugin.c >none.c
expect 1 "${CC%% *}" -I"$include" -c none.c
err_has "define MAQET_PLUGIN_ABI"
sed 's/MAQET_PLUGIN_ABI 1/MAQET_PLUGIN_ABI 2/' plugin.c >two.c
expect 1 "${CC%% *}" -I"$include" -c two.c
sed 's/return 0;/return maqet_error_set(err, MAQET_ERROR_FAILED, "%d", "text");/' plugin.c >format.c
expect 1 "${CC%% *}" -Wall -Werror -I"$include" -c format.c
err_has format

# Every symbol that the header exports is exported by the program, and no other one.
if command -v nm >/dev/null; then
    sed -n 's/^ *\(maqet_[a-z_]*\);/\1/p' "$abs_top_builddir/host.syms" | sort >listed
    nm -D --defined-only "$abs_top_builddir/maqet" | awk '{ print $3 }' |
        grep '^maqet_' | sort >exported
    diff -u listed exported || fail "the exported symbols are not those of the header"
    [ "$(wc -l <listed)" -gt 30 ] || fail "the list is too short to be true"
fi
