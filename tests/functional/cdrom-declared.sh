#!/bin/sh
# SPDX-License-Identifier: MIT
# A CD-ROM drive is only made of what says that it can be one: otherwise the core refuses it, with
# its place, before it calls the plugin. A drive without a disc has no node, so its storage is not
# asked for one.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
: "${CC:=cc}"
requires "${CC%% *}"

# Each callback leaves its name in the file that MAQET_TEST_CALLS names.
cat >storage.c <<'END'
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>
#include <stdio.h>
#include <stdlib.h>
static const struct maqet_option options[] = {
    {.name = "disc", .type = MAQET_OPTION_PATH, .help = "the image"},
    {.name = NULL}};
static void
called(const char *callback)
{
    FILE *file = fopen(getenv("MAQET_TEST_CALLS"), "a");
    if (file) {
        fprintf(file, "%s %s\n", NAME, callback);
        fclose(file);
    }
}
static int
validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    (void)drive, (void)err;
    called("validate");
    return 0;
}
static struct maqet_command *
helper(const struct maqet_drive *drive, struct maqet_error **err)
{
    (void)drive, (void)err;
    called("helper");
    return NULL;
}
static int
inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
        struct maqet_error **err)
{
    (void)drive, (void)fd, (void)image, (void)err;
    called("inspect");
    return 0;
}
static int
emit(const struct maqet_drive *drive, struct maqet_args *args, struct maqet_error **err)
{
    struct maqet_props *node;
    (void)err;
    called("emit_args");
    node = maqet_args_blockdev(args, maqet_drive_node(drive));
    maqet_props_string(node, "driver", "raw");
    maqet_props_bool(node, "read-only", maqet_drive_readonly(drive));
    maqet_props_string(node, "file.driver", "file");
    /* Without a disc there is no path, which a plugin may rely on. */
    maqet_props_string(node, "file.filename", maqet_drive_path(drive));
    return maqet_drive_path(drive)[0] == '/' ? 0 : -1;
}
static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER, .name = NAME, .summary = NAME, .options = options,
    .media = MEDIA, .interface = "scsi", .path_option = "disc", .validate = validate,
    .inspect = inspect, .helper = helper, .emit_args = emit};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
END
mkdir plugins
for row in 'unsaid 0' 'disks MAQET_MEDIA_DISK' 'discs MAQET_MEDIA_CDROM' \
    'either MAQET_MEDIA_DISK|MAQET_MEDIA_CDROM'; do
    expect 0 "${CC%% *}" -fPIC -shared -I"$abs_top_srcdir/include" "-DNAME=\"${row%% *}\"" \
        "-DMEDIA=${row#* }" storage.c -o "plugins/maqet-storage-${row%% *}.so"
done
export MAQET_PLUGIN_PATH="$TMP/plugins:${MAQET_PLUGIN_PATH:-}" MAQET_TEST_CALLS="$TMP/calls"
machine() { # KEYS
    rm -f calls
    { echo 'storage:' && echo "  - {name: d, $1}"; } | vm_yaml vm
}
# refused KEYS MESSAGE: without a call of the plugin, also later.
refused() {
    machine "$1"
    for command in validate args add check; do
        expect 3 maqet $command vm.yaml
        err_has "$2"
        [ ! -e calls ] || fail "the plugin was called: $(tr '\n' ' ' <calls)"
    done
}
truncate -s 1M disc.iso

for type in unsaid disks; do
    refused "type: $type, disc: disc.iso, media: cdrom" \
        "drive 'd' of VM 'vm': the type '$type' is not for CD-ROM drives"
    err_has "vm.yaml:6:"
    err_has "\`type: discs\`"
    err_has "\`type: either\`"
    err_lacks "\`type: disks\`"
    refused "type: $type, media: cdrom" "the type '$type' is not for CD-ROM drives"
    machine "type: $type, disc: disc.iso"
    expect 0 maqet args vm.yaml
done
refused "type: discs, disc: disc.iso" "vm.yaml:6:21: drive 'd' of VM 'vm': the type 'discs' is not for disks"
err_has "Or say \`media: cdrom\`"
refused "type: disks, disc: disc.iso, drive_options: {media: cdrom}" "is not for CD-ROM drives"

# An interface likewise; what it refuses can still be looked at, since the storage is sound.
machine "type: either, disc: disc.iso, media: cdrom, interface: virtio"
expect 3 maqet validate vm.yaml
err_has "the interface 'virtio' is not for CD-ROM drives"
err_has "\`interface: scsi\`"
err_has "\`interface: sata\`"
err_lacks "\`interface: virtio\`"

# With a disc, it is used; without one, there is no node, and nothing that needs one.
machine "type: either, disc: disc.iso, media: cdrom"
expect 0 maqet args vm.yaml
out_has "disc.iso"
grep -q 'either emit_args' calls || fail "the plugin was not called"
machine "type: either, media: cdrom"
expect 0 maqet args vm.yaml
! grep -q -e -blockdev out || fail "an empty drive has a node"
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet status vm
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet check vm
! grep -v validate calls || fail "the plugin was called for an empty drive"
