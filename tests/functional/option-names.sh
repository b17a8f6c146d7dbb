#!/bin/sh
# SPDX-License-Identifier: MIT
# The core, a storage and an interface each have options of their own: one that another one has,
# too, is never taken for it. What is ambiguous is an error that shows both full forms.
. "${srcdir:-.}/tests/functional/functions.sh"
: "${CC:=cc}"
requires "${CC%% *}" perl

# A storage and an interface that have `serial`, `cache` and `log` both, of different types, and a
# storage that has `mode`, as the core has. What they read is in what they emit.
cat >storage.c <<'END'
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
static const char *const caches[] = {"some", "none", NULL};
static const struct maqet_option inner[] = {
    {.name = "name", .type = MAQET_OPTION_STRING, .help = "a reserved name, further in"},
    {.name = NULL}};
static const struct maqet_option options[] = {
    {.name = "image", .type = MAQET_OPTION_PATH, .help = "image"},
    {.name = "bytes", .type = MAQET_OPTION_SIZE, .help = "size"},
#ifndef WRITABLE
    {.name = "frozen", .type = MAQET_OPTION_BOOL, .help = "read-only"},
#endif
    {.name = "serial", .type = MAQET_OPTION_STRING, .help = "of the storage"},
    {.name = "cache", .type = MAQET_OPTION_CHOICE, .choices = caches, .help = "of the storage"},
    {.name = "log", .type = MAQET_OPTION_PATH, .help = "of the storage"},
    {.name = "only", .type = MAQET_OPTION_STRING, .help = "of the storage alone"},
    {.name = "map", .type = MAQET_OPTION_MAP, .options = inner, .help = "a mapping"},
#ifdef OWN_MODE
    {.name = "mode", .type = MAQET_OPTION_STRING, .help = "of the storage"},
#endif
#ifdef NEEDY
    {.name = "need", .type = MAQET_OPTION_STRING, .flags = MAQET_REQUIRED, .help = "needed"},
#endif
    {.name = NULL}};
static const char *
text(const struct maqet_drive *drive, const char *option)
{
    return maqet_drive_has(drive, option) ? maqet_drive_string(drive, option) : "-";
}
static int
validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *only = maqet_drive_string(drive, "only");
    if (only && only[0] == '!')
        return maqet_drive_error(drive, only + 1, err, MAQET_ERROR_INVALID, "it is wrong");
    return 0;
}
static int
emit(const struct maqet_drive *drive, struct maqet_args *args, struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));
    char said[512];
    (void)err;
    snprintf(said, sizeof(said), "serial=%s cache=%s log=%s only=%s name=%s mode=%s%s",
             text(drive, "serial"), text(drive, "cache"), text(drive, "log"),
             text(drive, "only"), text(drive, "map.name"),
#ifdef OWN_MODE
             text(drive, "mode"),
#else
             "",
#endif
             maqet_drive_readonly(drive) ? " readonly" : "");
    maqet_props_string(node, "driver", "null-co");
    maqet_props_bool(node, "read-only", maqet_drive_readonly(drive));
    maqet_props_string(node, "storage", said);
    return 0;
}
static int
space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
      struct maqet_error **err)
{
    (void)err;
    *at_once = *at_most = maqet_drive_size(drive, "bytes");
    return 0;
}
static int
create(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    if (truncate(path, (off_t)maqet_drive_size(drive, "bytes")) < 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "cannot write %s: %m", path);
    return 0;
}
static int
inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
        struct maqet_error **err)
{
    struct stat status;
    (void)drive;
    if (fstat(fd, &status) < 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "cannot inspect it: %m");
    maqet_image_virtual_size(image, (uint64_t)status.st_size);
    return 0;
}
static int
resize(const struct maqet_drive *drive, uint64_t bytes, struct maqet_error **err)
{
    if (truncate(maqet_drive_path(drive), (off_t)bytes) < 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "cannot resize it: %m");
    return 0;
}
static int
check(const struct maqet_drive *drive, enum maqet_check_depth depth,
      struct maqet_check_report *report, struct maqet_error **err)
{
    (void)depth, (void)err;
    if (strcmp(text(drive, "only"), "broken") == 0)
        maqet_check_damage_text(report, maqet_drive_path(drive), "it is broken");
    return 0;
}
static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER, .name = NAME, .summary = "s", .options = options,
    .interface = "twin", .path_option = "image", .size_option = "bytes",
#ifndef WRITABLE
    .readonly_option = "frozen",
#endif
    .inspect = inspect, .resize = resize, .check = check, .creation = MAQET_CREATION_ONCE, .validate = validate,
    .space = space, .create = create, .emit_args = emit};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
END
cat >interface.c <<'END'
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>
#include <stdio.h>
static const struct maqet_option options[] = {
    {.name = "serial", .type = MAQET_OPTION_STRING, .help = "of the interface"},
    {.name = "cache", .type = MAQET_OPTION_INT, .help = "of the interface"},
    {.name = "log", .type = MAQET_OPTION_PATH, .help = "of the interface"},
    {.name = "weight", .type = MAQET_OPTION_INT, .flags = MAQET_LIMITS, .maximum = 9,
     .help = "of the interface alone"},
#ifdef NEEDY
    {.name = "need", .type = MAQET_OPTION_STRING, .help = "needed"},
    {.name = "frozen", .type = MAQET_OPTION_STRING, .help = "of the interface"},
#endif
    {.name = NULL}};
static const char *
text(const struct maqet_drive *drive, const char *option)
{
    return maqet_drive_has(drive, option) ? maqet_drive_string(drive, option) : "-";
}
static int
validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    if (maqet_drive_int(drive, "weight") == 7)
        return maqet_drive_error(drive, "serial", err, MAQET_ERROR_INVALID, "it is wrong");
    if (maqet_drive_int(drive, "weight") == 8)
        return maqet_drive_error(drive, "storage_options.cache", err, MAQET_ERROR_INVALID,
                                 "it does not go with this");
    return 0;
}
static int
capacity(const struct maqet_drive *drive, struct maqet_capacity *capacity,
         struct maqet_error **err)
{
    (void)drive, (void)err;
    maqet_capacity_builtin(capacity, 9);
    return 0;
}
static int
device(const struct maqet_drive *drive, const struct maqet_slot *slot,
       struct maqet_args *args, struct maqet_error **err)
{
    struct maqet_props *device =
        maqet_args_device(args, "virtio-blk-pci", maqet_drive_name(drive));
    char said[512];
    (void)slot, (void)err;
    snprintf(said, sizeof(said), "serial=%s cache=%s log=%s weight=%lld theirs=%s/%s",
             text(drive, "serial"), text(drive, "cache"), text(drive, "log"),
             (long long)maqet_drive_int(drive, "weight"),
             text(drive, "storage_options.cache"), text(drive, "storage_options.nothing"));
    maqet_props_string(device, "interface", said);
    return 0;
}
static const struct maqet_iface_plugin plugin = {
    .header = MAQET_IFACE_PLUGIN_HEADER, .name = "twin", .summary = "i", .options = options,
    .validate = validate, .capacity = capacity, .emit_device = device};
MAQET_REGISTER_IFACE_PLUGIN(plugin)
END
plugin() { # SOURCE FILE DEFINITIONS...
    plugin_source=$1
    plugin_file=$2
    shift 2
    expect 0 "${CC%% *}" -fPIC -shared -I"$abs_top_srcdir/include" "$@" "$plugin_source" \
        -o "$plugin_file"
}
mkdir plugins needy
plugin storage.c plugins/maqet-storage-plainone.so '-DNAME="plainone"'
plugin storage.c plugins/maqet-storage-moded.so '-DNAME="moded"' -DOWN_MODE
plugin storage.c plugins/maqet-storage-writable.so '-DNAME="writable"' -DWRITABLE
plugin interface.c plugins/maqet-iface-twin.so
plugin storage.c needy/maqet-storage-plainone.so '-DNAME="plainone"' -DNEEDY
plugin interface.c needy/maqet-iface-twin.so -DNEEDY
export MAQET_PLUGIN_PATH="$TMP/plugins"

# reads STORAGE INTERFACE: the drive on stdin is valid, and this is what the plugins read of it.
reads() {
    { printf 'name: vm\nbinary: qemu-system-x86_64\naccel: tcg\nstorage:\n' && cat; } >vm.yaml
    expect 0 maqet args vm.yaml
    out_has "\"storage\":\"$1\""
    out_has "\"interface\":\"$2\""
}
# wrong MESSAGE: it is refused.
wrong() {
    { printf 'name: vm\nbinary: qemu-system-x86_64\naccel: tcg\nstorage:\n' && cat; } >vm.yaml
    expect 3 maqet validate vm.yaml
    err_has "$1"
}
drive="drive 'd' of VM 'vm'"
both="the storage 'plainone' and the interface 'twin' both have an option of that name"

# A key that one has is plain, and so is one of them in its full form.
reads "serial=- cache=- log=- only=x name=- mode=" "serial=- cache=- log=- weight=3 theirs=-/-" <<END
  - {name: d, type: plainone, image: i, bytes: 1M, only: x, weight: 3}
END
reads "serial=- cache=- log=- only=x name=- mode=" "serial=- cache=- log=- weight=3 theirs=-/-" <<END
  - name: d
    type: plainone
    storage_options: {image: i, bytes: 1M, only: x}
    interface_options: {weight: 3}
END
# The full forms of what both have; each by its own type and for itself.
reads "serial=s cache=some log=$TMP/a only=- name=- mode=" \
    "serial=i cache=12 log=$TMP/b weight=0 theirs=some/-" <<END
  - name: d
    type: plainone
    image: i
    bytes: 1M
    storage_options: {serial: s, cache: some, log: a}
    interface_options: {serial: i, cache: 12, log: b}
END
# Only one of the two.
reads "serial=s cache=- log=- only=- name=- mode=" "serial=- cache=- log=- weight=0 theirs=-/-" <<END
  - {name: d, type: plainone, image: i, bytes: 1M, storage_options: {serial: s}}
END
reads "serial=- cache=- log=- only=- name=- mode=" "serial=i cache=- log=- weight=0 theirs=-/-" <<END
  - {name: d, type: plainone, image: i, bytes: 1M, interface_options: {serial: i}}
END
# Below \`options\`, too, and a null is nothing.
reads "serial=s cache=- log=- only=y name=n mode=" "serial=i cache=- log=- weight=0 theirs=-/-" <<END
  - name: d
    type: plainone
    image: i
    cache: null
    interface_options: {cache: , serial: i}
    options:
      bytes: 1M
      only: y
      map: {name: n}
      storage_options: {serial: s}
END

# A plain key that both have is ambiguous, wherever it stands and whatever else there is.
wrong "vm.yaml:5:41: 'serial' of $drive is ambiguous: $both" <<END
  - {name: d, type: plainone, image: i, serial: x}
END
err_has "For the storage 'plainone', write \`storage_options: {serial: ...}\`"
err_has "For the interface 'twin', write \`interface_options: {serial: ...}\`"
wrong "vm.yaml:5:51: 'cache' of $drive is ambiguous: $both" <<END
  - {name: d, type: plainone, image: i, options: {cache: some}}
END
wrong "'serial' of $drive is ambiguous: $both" <<END
  - {name: d, type: plainone, image: i, serial: x, storage_options: {serial: s}}
END
# Without the interface there is no doubt.
{ printf 'name: vm\nbinary: qemu-system-x86_64\naccel: tcg\nstorage:\n' &&
    echo '  - {name: d, type: plainone, image: i, bytes: 1M, serial: x, interface: none}'; } >vm.yaml
expect 0 maqet args vm.yaml
out_has "serial=x"
wrong "vm.yaml:5:58: $drive has 'interface_options', but no interface plugin attaches it" <<END
  - {name: d, type: plainone, image: i, interface: none, interface_options: {serial: x}}
END

# The wrong full form says which is right; an unknown key is looked for in that table alone.
wrong "vm.yaml:5:59: 'weight' in 'storage_options' of $drive is an option of the interface 'twin'; write it below 'interface_options'" <<END
  - {name: d, type: plainone, image: i, storage_options: {weight: 3}}
END
wrong "'only' in 'interface_options' of $drive is an option of the storage 'plainone'; write it below 'storage_options'" <<END
  - {name: d, type: plainone, image: i, interface_options: {only: x}}
END
wrong "'media' in 'storage_options' of $drive is an option of every drive; write it below 'drive_options'" <<END
  - {name: d, type: plainone, image: i, storage_options: {media: disk}}
END
wrong "'only' in 'drive_options' of $drive is an option of the storage 'plainone'; write it below 'storage_options'" <<END
  - {name: d, type: plainone, image: i, drive_options: {only: x}}
END
wrong "unknown key 'weigth' in 'interface_options' of $drive; did you mean 'weight'?" <<END
  - {name: d, type: plainone, image: i, interface_options: {weigth: 3}}
END
wrong "unknown key 'storage_option' in $drive; did you mean 'storage_options'?" <<END
  - {name: d, type: plainone, image: i, storage_option: {only: x}}
END
wrong "vm.yaml:5:58: 'storage_options' of $drive must be a mapping of keys and values" <<END
  - {name: d, type: plainone, image: i, storage_options: only}
END
wrong "'type' of $drive must be beside 'drive_options', not below it" <<END
  - {name: d, type: plainone, image: i, drive_options: {type: plainone}}
END
wrong "$drive has 'only' twice: beside 'storage_options' and below it; the other one is at vm.yaml:5:41" <<END
  - {name: d, type: plainone, image: i, only: x, storage_options: {only: y}}
END
# Values in full forms are checked as plain ones are.
wrong "vm.yaml:5:69: 'weight' of $drive is '12'; it must be from 0 to 9" <<END
  - {name: d, type: plainone, image: i, interface_options: {weight: 12}}
END
wrong "'cache' of $drive is 'any'; it can be: some, none" <<END
  - {name: d, type: plainone, image: i, storage_options: {cache: any}}
END
wrong "'cache' of $drive is 'some', which is not an integer" <<END
  - {name: d, type: plainone, image: i, interface_options: {cache: some}}
END
# What a plugin says of an option has the place of its own.
wrong "vm.yaml:5:95: $drive: it is wrong" <<END
  - {name: d, type: plainone, image: i, only: "!serial", bytes: 1M, storage_options: {serial: s}, interface_options: {serial: i}}
END
wrong "vm.yaml:5:121: $drive: it is wrong" <<END
  - {name: d, type: plainone, image: i, bytes: 1M, weight: 7, storage_options: {serial: s}, interface_options: {serial: i}}
END
wrong "vm.yaml:5:88: $drive: it does not go with this" <<END
  - {name: d, type: plainone, image: i, bytes: 1M, weight: 8, storage_options: {cache: some}}
END

# A key of the core: the plugin's where it has one of that name, else the core's; the core's has its
# own place all the same.
reads "serial=- cache=- log=- only=- name=- mode=fast" "serial=- cache=- log=- weight=0 theirs=-/-" <<END
  - {name: d, type: moded, image: moded.img, bytes: 1M, mode: fast, drive_options: {mode: "0660"}}
END
wrong "vm.yaml:5:89: $drive: \`mode: 0460\` would not let its owner read and write the image" <<END
  - {name: d, type: moded, image: moded.img, bytes: 1M, mode: ok, drive_options: {mode: "0460"}}
END
wrong "vm.yaml:5:47: 'mode' of $drive is 'fast', which is not a file mode" <<END
  - {name: d, type: plainone, image: i, mode: fast}
END
created() { # MODE: the image is created with it
    rm -f moded.img
    expect 0 maqet add vm.yaml
    maqet start vm --wait "$(patience 5)" >out 2>err || :
    same "$1" "$(stat -c %a moded.img)" "mode of the image"
    expect 0 maqet rm vm --yes
    rm -f moded.img
}
requires qemu-system-x86_64
printf 'name: vm\nbinary: qemu-system-x86_64\naccel: tcg\nstorage:\n' >vm.yaml
echo '  - {name: d, type: moded, image: moded.img, bytes: 1M, mode: fast, drive_options: {mode: "0660"}}' >>vm.yaml
created 660
sed -i 's/, drive_options.*}}/}/' vm.yaml
created 600

# Assignments and merged files reach the full forms.
printf 'name: vm\nbinary: qemu-system-x86_64\naccel: tcg\nstorage:\n' >vm.yaml
echo '  - {name: d, type: plainone, image: i, bytes: 1M, storage_options: {serial: s}}' >>vm.yaml
expect 0 maqet args vm.yaml --set storage.d.interface_options.serial=i \
    --set storage.d.storage_options.cache=none --set storage.d.weight=4
out_has "serial=s cache=none"
out_has "serial=i cache=- log=- weight=4"
expect 3 maqet args vm.yaml --set storage.d.serial=x
err_has "--set storage.d.serial=x: 'serial' of $drive is ambiguous"
printf 'storage:\n  - {name: d, interface_options: {serial: j}, storage_options: {serial: t}}\n' >more.yaml
expect 0 maqet args vm.yaml more.yaml --name vm
out_has "serial=t cache=-"
out_has "serial=j cache=-"
printf 'storage:\n  - {name: d, serial: null}\n' >null.yaml
sed -i 's/storage_options: {serial: s}/serial: s/' vm.yaml
expect 3 maqet args vm.yaml more.yaml
err_has "'serial' of $drive is ambiguous"
expect 0 maqet args vm.yaml more.yaml null.yaml

# A required key that both have.
export MAQET_PLUGIN_PATH="$TMP/needy"
wrong "vm.yaml:5:5: 'need' of $drive is missing: $both" <<END
  - {name: d, type: plainone, image: i, bytes: 1M, interface_options: {need: x}}
END
err_has "\`storage_options: {need: ...}\`"
reads "serial=- cache=- log=- only=- name=- mode=" "serial=- cache=- log=- weight=0 theirs=-/-" <<END
  - {name: d, type: plainone, image: i, bytes: 1M, storage_options: {need: x}}
END

# The paths of both are absolute in what is stored, wherever they are written.
export MAQET_PLUGIN_PATH="$TMP/plugins"
mkdir yard
printf 'name: vm\nbinary: qemu-system-x86_64\naccel: tcg\nstorage:\n' >yard/vm.yaml
cat >>yard/vm.yaml <<END
  - name: d
    type: plainone
    image: i
    bytes: 1M
    storage_options: {log: a}
    options: {interface_options: {log: b}}
END
expect 0 maqet add yard/vm.yaml
for path in i a b; do
    grep -q "\"$TMP/yard/$path\"" "$TMP/data/vms/vm/vm.json" || fail "$path is not absolute"
done

# Roles: a size, a path and a read-only option of any name.
expect 0 maqet rm vm --yes
wrong "vm.yaml:5:48: 'bytes' of $drive is '20', which is 20 bytes; did you mean 20G?" <<END
  - {name: d, type: plainone, image: i, bytes: 20}
END
reads "serial=- cache=- log=- only=- name=- mode= readonly" \
    "serial=- cache=- log=- weight=0 theirs=-/-" <<END
  - {name: d, type: plainone, image: vm.yaml, frozen: yes}
END
printf 'name: vm\nbinary: qemu-system-x86_64\naccel: tcg\nstorage:\n' >vm.yaml
echo '  - {name: d, type: plainone, image: absent.img, frozen: on}' >>vm.yaml
expect 0 maqet add vm.yaml
expect 3 maqet start vm
err_has "absent.img does not exist, and the image of a read-only drive is never created"
err_has "Remove \`frozen\` for the first start"

# The size is changed where it is written.
expect 0 maqet rm vm --yes
resized() { # KEYS SIZE
    printf 'name: vm\nbinary: qemu-system-x86_64\naccel: tcg\nstorage:\n' >vm.yaml
    echo "  - {name: d, type: plainone, $1}" >>vm.yaml
    rm -f grown.img
    truncate -s 1M grown.img
    expect 0 maqet add vm.yaml
    expect 0 maqet resize vm d "$2"
    same "$2" "$(perl -MJSON::PP -0777 -ne '
        my $drive = decode_json($_)->{definition}{tree}{storage}[0];
        print $drive->{bytes} // $drive->{storage_options}{bytes} // ""' data/vms/vm/vm.json)" "its size"
    expect 0 maqet rm vm --yes
}
resized 'image: grown.img, bytes: 1M' 2M
resized 'image: grown.img, storage_options: {bytes: 1M}' 3M
resized 'storage_options: {image: grown.img}, options: {bytes: 1M}' 4M

# A hint at the read-only option has its name, in the form that works; there is none where there is no
# such option.
truncate -s 1M whole.img
damaged() { # TYPE KEYS
    printf 'name: vm\nbinary: qemu-system-x86_64\naccel: tcg\nstorage:\n' >vm.yaml
    echo "  - {name: d, type: $1, image: whole.img, only: broken$2}" >>vm.yaml
    expect 1 maqet add vm.yaml
    err_has "it is broken; nothing may write to it"
}
damaged plainone ''
err_has "Or say \`frozen: on\` to save what can be read"
damaged writable ''
err_lacks "to save what can be read"
export MAQET_PLUGIN_PATH="$TMP/needy"
damaged plainone ', storage_options: {need: x}'
err_has "Or say \`storage_options: {frozen: on}\` to save what can be read"
