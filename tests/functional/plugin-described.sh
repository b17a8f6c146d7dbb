#!/bin/sh
# SPDX-License-Identifier: MIT
# What a plugin says of itself is shown, and what it is told of its drive is true: the plugins, the
# machine type, and QEMU's version, for which QEMU is asked when it is wanted, and only once.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
: "${CC:=cc}"
requires "${CC%% *}"

cat >storage.c <<'EOF2'
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>
static const struct maqet_option options[] = {
    {.name = "curious", .type = MAQET_OPTION_BOOL, .help = "asks for QEMU's version"},
    {.name = NULL},
};
static int
validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    (void)err;
    maqet_debug(drive, "%s on %s, %s", maqet_drive_type(drive), maqet_drive_interface(drive),
                maqet_drive_machine(drive));
    return 0;
}
static int
emit(const struct maqet_drive *drive, struct maqet_args *args, struct maqet_error **err)
{
    (void)err;
    if (maqet_drive_bool(drive, "curious"))
        maqet_debug(drive, "QEMU %lu", (unsigned long)maqet_drive_qemu_version(drive));
    maqet_debug_text(drive, "100%d");
    maqet_props_string(maqet_args_blockdev(args, maqet_drive_node(drive)), "driver", "null-co");
    return 0;
}
static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "said", .summary = "says what it is",
    .version = "1.4~rc1", .author = "Jo Doe <jo@example.org>", .url = "https://example.org/said",
    .options = options, .interface = "virtio", .validate = validate, .emit_args = emit,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
EOF2
cat >iface.c <<'EOF2'
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>
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
    struct maqet_props *device =
        maqet_args_device(args, "virtio-blk-pci", maqet_drive_name(drive));
    (void)slot, (void)err;
    maqet_debug(drive, "%s on %s", maqet_drive_type(drive), maqet_drive_interface(drive));
    maqet_props_string(device, "drive", maqet_drive_node(drive));
    return 0;
}
static const struct maqet_iface_plugin plugin = {
    .header = MAQET_IFACE_PLUGIN_HEADER,
    .name = "told", .summary = "an interface", .version = "2", .author = "Al", .capacity = capacity,
    .emit_device = emit_device,
};
MAQET_REGISTER_IFACE_PLUGIN(plugin)
EOF2
mkdir plugins
for kind in storage:said iface:told; do
    expect 0 "${CC%% *}" -Wall -Wextra -Werror -fPIC -shared -I"$abs_top_srcdir/include" \
        "${kind%:*}.c" -o "plugins/maqet-${kind%:*}-${kind#*:}.so"
done
export MAQET_PLUGIN_PATH="$TMP/plugins"

# ---- what it says of itself

expect 0 maqet plugin info said
for line in 'Version: 1.4~rc1' 'Author: Jo Doe <jo@example.org>' 'More: https://example.org/said'; do
    grep -qxF "$line" out || fail "not shown: $line: $(cat out)"
done
expect 0 maqet --format json plugin list
for field in '"version": "1.4~rc1"' '"author": "Jo Doe <jo@example.org>"' \
    '"url": "https://example.org/said"' '"version": "2"' '"author": "Al"' '"url": null'; do
    out_has "$field"
done
expect 0 maqet plugin manual said
for line in '.SH VERSION' '1.4~rc1' '.SH AUTHOR' 'Jo Doe <jo@example.org>' 'https://example.org/said'; do
    grep -qxF "$line" out || fail "not on the manual page: $line: $(cat out)"
done
# One that says nothing gets no empty lines.
expect 0 maqet plugin info raw
! grep -qE '^(Version|Author|More)' out || fail "$(cat out)"
expect 0 maqet plugin manual raw
! grep -qE '^.SH (VERSION|AUTHOR)' out || fail "$(cat out)"

# ---- what it is told, in messages for those who ask for them

real=$(command -v qemu-system-x86_64)
cat >qemu-system-x86_64 <<END
#!/bin/sh
echo "\$*" >>"$TMP/asked"
[ ! -e "$TMP/version" ] || exec cat "$TMP/version"
exec "$real" "\$@"
END
chmod +x qemu-system-x86_64
machine() { # "DRIVE" ...
    {
        echo "storage:"
        for drive; do
            echo "  - {$drive}"
        done
    } | vm_yaml vm
    runs_by "./qemu-system-x86_64" vm.yaml
    rm -f asked
    touch asked
}
machine 'name: one, type: said' 'name: two, type: said, interface: told'
expect 0 maqet -v args vm.yaml
err_has "Drive 'one' of VM 'vm' (plugin said): said on virtio, q35"
err_has "Drive 'one' of VM 'vm' (plugin said): 100%d"
err_has "Drive 'two' of VM 'vm' (plugin said): said on told, q35"
err_has "Drive 'two' of VM 'vm' (plugin told): said on told"
same "" "$(cat asked)" "what QEMU was asked"
expect 0 maqet args vm.yaml
err_lacks "100%d"
machine 'name: one, type: said, curious: on' 'name: two, type: said, curious: on'
expect 0 maqet -v args vm.yaml
version=$("$real" --version | sed -n 's/.*version \([0-9.]*\).*/\1/p' |
    awk -F. '{ print $1 * 1000000 + $2 * 1000 + $3 }')
err_has "Drive 'one' of VM 'vm' (plugin said): QEMU $version"
err_has "Drive 'two' of VM 'vm' (plugin said): QEMU $version"
same "--version" "$(cat asked)" "what QEMU was asked"
echo 'QEMU emulator version 10.1.50 (v10.1.50-1-gabc)' >version
expect 0 maqet -v args vm.yaml
err_has "QEMU 10001050"
echo 'no number' >version
expect 0 maqet -v args vm.yaml
err_has "(plugin said): QEMU 0"
