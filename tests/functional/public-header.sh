#!/bin/sh
# SPDX-License-Identifier: MIT
# The public header alone is enough for a plugin, in C99, C11 and C++17; it checks formats for
# outside authors too, and demands that the ABI is named.
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
compile() { # LANGUAGE FLAGS...
    language=$1
    shift
    expect 0 "${CC%% *}" -x "$language" "$@" -Wall -Wextra -Werror -I"$include" -fPIC -c plugin.c -o plugin.o
}
compile c -std=c99 -pedantic
compile c -std=c11 -pedantic

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
CC=g++
compile c++ -std=c++17 -pedantic
loads g++ -x c++
CC=cc

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
# Each is documented, with its version.
while read -r symbol; do
    grep -q "^ \* $symbol - " "$include/maqet-plugin.h" || fail "$symbol is not documented"
done <listed
grep -c 'Since: ' "$include/maqet-plugin.h" >/dev/null || fail "no versions"
