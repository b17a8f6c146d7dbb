#!/bin/sh
# SPDX-License-Identifier: MIT
# Plugins of maqet's own, and the example, pass the conformance kit; what it is asked wrongly it
# says; and nothing of it stays, however it ends.
. "${srcdir:-.}/tests/functional/functions.sh"
: "${CC:=cc}"
requires bsdtar qemu-io qemu-nbd "${CC%% *}"
qemu_required
umask 022
unset MAQET_PLUGIN_PATH
plugins="$abs_top_builddir/.libs"
TMPDIR="$TMP/tmp"
export TMPDIR
mkdir "$TMPDIR"

result() { # CHECK
    awk -F '\t' -v check="$1" '$1 == check { print $2 }' out
}
nothing_left() {
    [ -z "$(ls -A "$TMPDIR")" ]
}

# Every plugin of the build, and one that was built outside of the tree.
mkdir vdi
"${CC%% *}" -O2 -fPIC -shared -I"$abs_top_srcdir/include" -o vdi/maqet-storage-vdi.so \
    "$abs_top_srcdir/examples/plugins/vdi/vdi.c"
for plugin in storage-qcow2 storage-raw storage-virtfs storage-cloud-init iface-virtio iface-sata iface-ide \
    iface-scsi "$TMP/vdi/maqet-storage-vdi"; do
    case $plugin in
    /*) file=$plugin.so ;;
    *) file=$plugins/maqet-$plugin.so ;;
    esac
    expect 0 maqet --format plain plugin check "$file"
    echo "$plugin: $(cut -f 2 out | sort | uniq -c | tr '\n' ' ')"
    [ "$(cut -f 2 out | grep -cx ok)" -ge 14 ] || fail "hardly anything was checked: $plugin"
    same ok "$(result qemu)" "$plugin in a real QEMU"
    nothing_left || fail "$plugin: $(ls -A "$TMPDIR") is left"
done

# What there is nothing to check of is skipped, and says why; what is there is not.
expect 0 maqet --format plain plugin check "$plugins/maqet-storage-qcow2.so" \
    --only snapshots --only live-snapshots --only hotplug --only resize
same "ok ok ok ok" "$(cut -f 2 out | tr '\n' ' ' | sed 's/ $//')" "what qcow2 can"
expect 0 maqet plugin check "$plugins/maqet-storage-raw.so" --only snapshots
out_has "it has no snapshots"
expect 0 maqet --format plain plugin check "$plugins/maqet-storage-raw.so" --only qemu --qemu qemu-system-none
out_has "QEMU's program qemu-system-none is not there"
long="$TMP/$(printf %060d 0)"
mkdir "$long"
TMPDIR="$long" expect 3 maqet plugin check "$plugins/maqet-storage-raw.so" --only file
err_has "too long a name for sockets in it: $long"
err_has "TMPDIR=/tmp maqet plugin check"
TMPDIR="$TMP/none" expect 3 maqet plugin check "$plugins/maqet-storage-raw.so" --only file
err_has "Cannot find the folder $TMP/none"
expect 0 maqet plugin check "$plugins/maqet-storage-raw.so" --only capacity
out_has "it is for interfaces"
expect 0 maqet plugin check "$plugins/maqet-iface-ide.so" --only space
out_has "it is for storages"
expect 0 maqet --format json plugin check "$plugins/maqet-iface-ide.so" --only file
out_has '"result": "ok"'

# What the author says of every drive holds, and is said to be wrong where it is.
printf 0123456789abcdef >key
chmod 600 key
expect 0 maqet plugin check "$plugins/maqet-storage-qcow2.so" --only qemu --only create \
    --set encryption.format=luks --set encryption.key_file=key
expect 1 maqet --format plain plugin check "$plugins/maqet-storage-qcow2.so" --set cluster_size=3 \
    --only drive --only create
out_has "it refuses a drive"
out_has "cluster_size"
out_has "there is no drive to try it with"

# A plugin that needs a server says so, and passes with one.
mkdir nbd
"${CC%% *}" -O2 -fPIC -shared -I"$abs_top_srcdir/include" -o nbd/maqet-storage-nbd.so \
    "$abs_top_srcdir/examples/plugins/nbd/nbd.c"
expect 1 maqet --format plain plugin check nbd/maqet-storage-nbd.so --only drive
out_has "it doesn't say where the server is"
out_has "--set OPTION=VALUE; otherwise it refuses what it should accept; Add \`socket: PATH\`"
qemu-img create -q -f raw served.img 16M
qemu-nbd -f raw -t -e 16 -k "$TMP/nbd.sock" served.img &
server=$!
cleanup_fn "kill $server 2>/dev/null || :"
eventually 20 test -S nbd.sock
expect 0 maqet --format plain plugin check nbd/maqet-storage-nbd.so --set socket=nbd.sock
same "ok ok ok" "$(result drive) $(result qemu) $(result hotplug)" "nbd with a server"
kill "$server"
wait "$server" || :

# A drive that is plugged has its program beside QEMU, as one that is there from the start has;
# each has its image open for itself alone, so none stays when the drive goes.
mkdir beside disks
cat >beside/served.c <<'EOF'
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

static const struct maqet_option options[] = {
    {.name = "folder", .type = MAQET_OPTION_PATH, .help = "where the images are"},
    {.name = NULL},
};

static struct maqet_command *
served_helper(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-nbd");

    maqet_command_arg(command, "--persistent");
    maqet_command_arg(command, "--format=raw");
    maqet_command_arg(command, "%s/%s", maqet_drive_string(drive, "folder"),
                      maqet_drive_name(drive));
    return command;
}

static int
served_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                 struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_name(drive));

    maqet_props_string(node, "driver", "nbd");
    maqet_props_string(node, "server.type", "unix");
    maqet_props_string(node, "server.path", maqet_drive_socket(drive));
    return 0;
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "served",
    .summary = "an image that a program beside QEMU has open",
    .options = options,
    .interface = "virtio",
    .flags = MAQET_STORAGE_HOTPLUG,
    .helper = served_helper,
    .emit_args = served_emit_args,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
EOF
"${CC%% *}" -fPIC -shared -I"$abs_top_srcdir/include" -o beside/maqet-storage-served.so \
    beside/served.c
truncate -s 8M disks/disk disks/second
expect 0 maqet --format plain plugin check beside/maqet-storage-served.so --set folder=disks \
    --only qemu --only hotplug
same "ok ok" "$(result qemu) $(result hotplug)" "drives with a program beside QEMU"

# An ordinary user can do all of it, too.
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
    mkdir bin home
    cp "$abs_top_builddir/maqet" "$plugins"/*.so bin
    chmod 755 "$TMP" bin bin/*
    chown 65534:65534 home
    (cd home && TMPDIR=$TMP/home MAQET_PLUGIN_PATH=$TMP/bin ASAN_OPTIONS=detect_leaks=0 \
        setpriv --reuid=65534 --regid=65534 --clear-groups "$TMP/bin/maqet" \
        --format plain plugin check "$TMP/bin/maqet-storage-qcow2.so") >out
    ! cut -f 2 out | grep -qvxE 'ok|skipped' || fail "an ordinary user: $(cat out)"
    [ -z "$(ls -A home)" ] || fail "$(ls -A home) is left"
fi

# What cannot be loaded is one failure, and a crash is one, too.
built="$abs_top_builddir/tests/plugins/.libs"
expect 1 maqet --format plain plugin check "$built/maqet-storage-wrong-abi.so"
out_has "it was built for plugin ABI 77"
out_has "maqet does not load it"
expect 1 maqet --format plain plugin check "$built/maqet-storage-crashing.so"
out_has "In loading the plugin: it crashed (Aborted)"
out_has "Run that check alone in a debugger"

# Questions that make no sense.
expect 3 maqet plugin check
err_has "Name the FILE of a plugin, or use --list"
expect 3 maqet plugin check no-such-file.so
err_has "Cannot read the plugin $TMP/no-such-file.so"
expect 3 maqet plugin check "$abs_top_srcdir/tests/functional/plugin-check.sh"
err_has "is not named like a plugin"
expect 3 maqet plugin check "$plugins/maqet-storage-raw.so" --only everything
err_has "everything"
expect 3 maqet plugin check "$plugins/maqet-storage-raw.so" --set nothing
err_has "The setting 'nothing' is not KEY=VALUE"
expect 3 maqet plugin list --set a=b
err_has "--set is not an option of 'plugin list', but of 'plugin check'"
nothing_left || fail "$(ls -A "$TMPDIR") is left"

# Killed in the middle, it leaves neither files nor processes.
runs() {
    # The brackets keep grep from finding itself; one grep is quicker than many processes are.
    grep -laE "$TMPDIR/[m]aqet-check" /proc/[0-9]*/cmdline 2>/dev/null | grep -q .
}
gone() {
    ! runs
}
for signal in TERM HUP KILL; do
    # No shell in between, so that it is maqet itself that gets the signal.
    MAQET_PLUGIN_PATH="$plugins" "$abs_top_builddir/maqet" plugin check \
        "$plugins/maqet-storage-qcow2.so" --only create-slow --only create-killed \
        --only qemu --only hotplug >/dev/null 2>&1 &
    pid=$!
    eventually 20 runs
    kill -s "$signal" "$pid"
    wait "$pid" || :
    eventually 30 nothing_left
    eventually 30 gone
done

# Nor do those that it has make images at the same time, with a qemu-img that hangs.
mkdir hanging
cat >hanging/qemu-img <<EOF
#!/bin/sh
echo \$\$ >>$TMP/hangs
exec sleep 300
EOF
chmod +x hanging/qemu-img
cleanup_fn "kill \$(cat $TMP/hangs)"
own() {
    grep -lazx "TMPDIR=$TMPDIR" /proc/[0-9]*/environ 2>/dev/null >"$TMP/environs" || :
    while read -r environ; do
        [ "$(readlink "${environ%environ}exe")" != "$(readlink -f "$abs_top_builddir/maqet")" ] || return 0
    done <"$TMP/environs"
    return 1
}
not_own() {
    ! own
}
PATH="$TMP/hanging:$PATH" MAQET_PLUGIN_PATH="$plugins" "$abs_top_builddir/maqet" plugin check \
    "$plugins/maqet-storage-qcow2.so" --only create-two >/dev/null 2>&1 &
pid=$!
# shellcheck disable=SC2016 # it is the other shell that expands this
eventually 20 sh -c '[ "$(wc -l <hangs)" -ge 2 ]'
own || fail "its processes are not found"
kill -KILL $pid
wait $pid || :
eventually 10 not_own
eventually 30 nothing_left

# Where a path must be that of a file, each value of the other options is tried, too.
mkdir keyed
cat >keyed/keyed.c <<'EOF'
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>
#include <sys/stat.h>

static const struct maqet_option options[] = {
    {.name = "key", .type = MAQET_OPTION_PATH, .flags = MAQET_REQUIRED, .help = "a file"},
    {.name = "counts", .type = MAQET_OPTION_BOOL, .help = "another size each time"},
    {.name = NULL},
};

static int
keyed_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct stat status;

    if (stat(maqet_drive_string(drive, "key"), &status) == 0 && S_ISREG(status.st_mode))
        return 0;
    return maqet_drive_error(drive, "key", err, MAQET_ERROR_INVALID, "it is not a file");
}

static int
keyed_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                struct maqet_error **err)
{
    static int64_t size = 1 << 20;
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_name(drive));

    maqet_props_string(node, "driver", "null-co");
    if (maqet_drive_bool(drive, "counts"))
        maqet_props_int(node, "size", size += 512);
    return 0;
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "keyed",
    .summary = "it needs a key file",
    .options = options,
    .interface = "virtio",
    .validate = keyed_validate,
    .emit_args = keyed_emit_args,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
EOF
"${CC%% *}" -fPIC -shared -I"$abs_top_srcdir/include" -o keyed/maqet-storage-keyed.so keyed/keyed.c
expect 1 maqet --format plain plugin check keyed/maqet-storage-keyed.so --only emit --only drive
out_has "the second call emits something else (counts: on)"

# A callback that fails and says nothing is no success of a check that calls it by itself.
mkdir mute
cat >mute/mute.c <<'EOF'
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

static const struct maqet_option options[] = {
    {.name = "file", .type = MAQET_OPTION_PATH, .help = "the image"},
    {.name = NULL},
};

static int
mute_space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
           struct maqet_error **err)
{
    return -1;
}

static int
mute_create(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    return -1;
}

static int
mute_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
               struct maqet_error **err)
{
    return -1;
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "mute",
    .summary = "it fails and says nothing",
    .options = options,
    .interface = "virtio",
    .path_option = "file",
    .creation = MAQET_CREATION_ONCE,
    .space = mute_space,
    .create = mute_create,
    .emit_args = mute_emit_args,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
EOF
"${CC%% *}" -fPIC -shared -I"$abs_top_srcdir/include" -o mute/maqet-storage-mute.so mute/mute.c
expect 1 maqet --format plain plugin check mute/maqet-storage-mute.so --only space --only create-existing
same "FAILED FAILED" "$(result space) $(result create-existing)" "a plugin that says nothing"
out_has "the plugin 'mute' failed in space without saying why"
out_has "the plugin 'mute' failed in create without saying why"
