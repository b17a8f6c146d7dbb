#!/bin/sh
# SPDX-License-Identifier: MIT
# A plugin whose flags a maqet must understand, and does not, is refused, in whichever struct they
# are. Other flags that it does not know are ignored.
. "${srcdir:-.}/tests/functional/functions.sh"
: "${CC:=cc}"
requires "${CC%% *}"

cat >plugin.c <<'EOF2'
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#ifndef PLUGIN_FLAGS
#define PLUGIN_FLAGS 0
#endif
#ifndef OPTION_FLAGS
#define OPTION_FLAGS 0
#endif
#ifndef INNER_FLAGS
#define INNER_FLAGS 0
#endif
#ifndef TABLE_FLAGS
#define TABLE_FLAGS 0
#endif
static const struct maqet_option inner[] = {
    {.name = "depth", .type = MAQET_OPTION_INT, .flags = INNER_FLAGS},
    {.name = NULL},
};
static const struct maqet_option options[] = {
    {.name = "colour", .type = MAQET_OPTION_STRING, .flags = OPTION_FLAGS},
    {.name = "more", .type = MAQET_OPTION_MAP, .options = inner},
    {.name = NULL},
};
#ifdef IFACE
static int
capacity(const struct maqet_drive *drive, struct maqet_capacity *capacity,
         struct maqet_error **err)
{
    (void)drive, (void)err;
    maqet_capacity_builtin(capacity, 4);
    return 0;
}
static int
emit_device(const struct maqet_drive *drive, const struct maqet_slot *slot,
            struct maqet_args *args, struct maqet_error **err)
{
    (void)slot, (void)err;
    maqet_args_device(args, "virtio-blk-pci", maqet_drive_name(drive));
    return 0;
}
static const struct maqet_iface_plugin plugin = {
    .header = MAQET_IFACE_PLUGIN_HEADER,
    .name = "newer",
    .options = options,
    .flags = PLUGIN_FLAGS,
    .capacity = capacity,
    .emit_device = emit_device,
};
MAQET_REGISTER_IFACE_PLUGIN(plugin)
#else
static int
emit(const struct maqet_drive *drive, struct maqet_args *args, struct maqet_error **err)
{
    (void)err;
    maqet_props_string(maqet_args_blockdev(args, maqet_drive_node(drive)), "driver", "null-co");
    return 0;
}
static int
make(const struct maqet_drive *drive, const char *name, struct maqet_error **err)
{
    (void)drive, (void)name, (void)err;
    return 0;
}
static int
use(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot, struct maqet_error **err)
{
    (void)drive, (void)snapshot, (void)err;
    return 0;
}
static int
list(const struct maqet_drive *drive, int fd, struct maqet_snapshots *snapshots,
     struct maqet_error **err)
{
    (void)drive, (void)fd, (void)snapshots, (void)err;
    return 0;
}
static const struct maqet_snapshot_table table = {
    .size = sizeof(struct maqet_snapshot_table),
    .flags = TABLE_FLAGS,
    .create = make, .load = use, .remove = use, .list = list,
};
static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "newer",
    .options = options,
    .flags = PLUGIN_FLAGS,
    .interface = "virtio",
    .emit_args = emit,
    .snapshot = &table,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
#endif
EOF2
mkdir plugins
export MAQET_PLUGIN_PATH="$TMP/plugins"

# with KIND [DEFINE]: builds it, and writes a machine that uses it.
with() {
    kind=$1
    shift
    rm -f plugins/*
    [ "$kind" = storage ] || set -- "$@" -DIFACE
    expect 0 "${CC%% *}" "$@" -Wall -Wextra -Werror -fPIC -shared -I"$abs_top_srcdir/include" \
        plugin.c -o "plugins/maqet-$kind-newer.so"
    if [ "$kind" = storage ]; then
        drive='{name: hdd, type: newer}'
    else
        drive='{name: hdd, type: raw, size: 1M, interface: newer}'
    fi
    printf 'storage:\n  - %s\n' "$drive" | vm_yaml vm
}
for kind in storage iface; do
    with $kind
    expect 0 maqet validate vm.yaml
    with $kind -DPLUGIN_FLAGS=0x8000u -DOPTION_FLAGS=0x7ff8u -DINNER_FLAGS=0x4000u -DTABLE_FLAGS=0xffffu
    expect 0 maqet validate vm.yaml
    for where in 'PLUGIN:it' "OPTION:its option 'colour'" "INNER:its option 'depth'" 'TABLE:its snapshot table'; do
        [ "$kind ${where%%:*}" != "iface TABLE" ] || continue
        for bit in 0x00010000 0x80000000; do
            with $kind "-D${where%%:*}_FLAGS=${bit}u"
            expect 3 maqet validate vm.yaml
            err_has "Cannot load the plugin $TMP/plugins/maqet-$kind-newer.so: it needs a newer maqet: ${where#*:} has the flags $bit, which this version does not know"
            err_has "Upgrade maqet"
            expect 3 maqet plugin info newer
            err_has "it needs a newer maqet"
        done
    done
done
