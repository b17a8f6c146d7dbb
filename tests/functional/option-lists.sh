#!/bin/sh
# SPDX-License-Identifier: MIT
# Options that are lists, of each type, and limits that are 0: what is refused, where, and what the
# plugin reads.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
: "${CC:=cc}"
requires "${CC%% *}"

cat >plugin.c <<'END'
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>
#include <stdio.h>
#include <string.h>
static const char *const words[] = {"red", "blue", NULL};
static const struct maqet_option server[] = {
    {.name = "name", .type = MAQET_OPTION_STRING, .flags = MAQET_REQUIRED, .help = "its name"},
    {.name = "port", .type = MAQET_OPTION_INT, .fallback = "10809", .help = "its port"},
    {.name = "more", .type = MAQET_OPTION_LIST, .items = MAQET_OPTION_STRING, .help = "more"},
    {.name = NULL}};
static const struct maqet_option options[] = {
    {.name = "hosts", .type = MAQET_OPTION_LIST, .items = MAQET_OPTION_STRING, .help = "texts"},
    {.name = "ports", .type = MAQET_OPTION_LIST, .items = MAQET_OPTION_INT,
     .flags = MAQET_LIMITS, .minimum = 0, .maximum = 7, .help = "numbers"},
    {.name = "sizes", .type = MAQET_OPTION_LIST, .items = MAQET_OPTION_SIZE, .help = "sizes"},
    {.name = "modes", .type = MAQET_OPTION_LIST, .items = MAQET_OPTION_MODE, .help = "modes"},
    {.name = "yes", .type = MAQET_OPTION_LIST, .items = MAQET_OPTION_BOOL, .help = "truth"},
    {.name = "words", .type = MAQET_OPTION_LIST, .items = MAQET_OPTION_CHOICE, .choices = words,
     .help = "words"},
    {.name = "files", .type = MAQET_OPTION_LIST, .items = MAQET_OPTION_PATH, .help = "files"},
    {.name = "servers", .type = MAQET_OPTION_LIST, .items = MAQET_OPTION_MAP, .options = server,
     .help = "servers"},
    {.name = "zero", .type = MAQET_OPTION_INT, .flags = MAQET_LIMITS, .help = "0 alone"},
    {.name = "least", .type = MAQET_OPTION_INT, .flags = MAQET_MINIMUM, .help = "0 or more"},
    {.name = "most", .type = MAQET_OPTION_INT, .flags = MAQET_MAXIMUM, .help = "0 or less"},
    {.name = "free", .type = MAQET_OPTION_INT, .help = "any"},
    {.name = "nothing", .type = MAQET_OPTION_SIZE, .flags = MAQET_MAXIMUM, .help = "0 bytes"},
#ifdef NEEDY
    {.name = "needed", .type = MAQET_OPTION_LIST, .items = MAQET_OPTION_STRING,
     .flags = MAQET_REQUIRED, .help = "one at least"},
#endif
    {.name = NULL}};
static int
validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *host = maqet_drive_string(drive, "hosts.1");
    if (host && host[0] == '!')
        return maqet_drive_error(drive, host + 1, err, MAQET_ERROR_INVALID, "it is wrong");
    return 0;
}
static void
add(char *said, const char *text)
{
    snprintf(said + strlen(said), 1000 - strlen(said), "%s ", text);
}
static void
say(const struct maqet_drive *drive, char *said)
{
    char name[64], text[200];
    for (size_t i = 0; i < maqet_drive_count(drive, "servers"); i++) {
        snprintf(name, sizeof(name), "servers.%zu.name", i);
        add(said, maqet_drive_string(drive, name));
        snprintf(name, sizeof(name), "servers.%zu.port", i);
        snprintf(text, sizeof(text), ":%lld", (long long)maqet_drive_int(drive, name));
        add(said, text);
        snprintf(name, sizeof(name), "servers.%zu.more", i);
        for (size_t j = 0; j < maqet_drive_count(drive, name); j++) {
            snprintf(text, sizeof(text), "%s.%zu", name, j);
            add(said, maqet_drive_string(drive, text));
        }
    }
    snprintf(text, sizeof(text), "%zu %s %s %zu %lld %llu %llo %d %s", maqet_drive_count(drive, "hosts"),
             maqet_drive_has(drive, "hosts") ? "has" : "lacks",
             maqet_drive_has(drive, "hosts.0") ? maqet_drive_string(drive, "hosts.0") : "-",
             maqet_drive_count(drive, "ports"), (long long)maqet_drive_int(drive, "ports.1"),
             (unsigned long long)maqet_drive_size(drive, "sizes.0"),
             (unsigned long long)maqet_drive_int(drive, "modes.0"),
             maqet_drive_bool(drive, "yes.0"),
             maqet_drive_has(drive, "words.1") ? maqet_drive_string(drive, "words.1") : "-");
    add(said, text);
}
static int
emit(const struct maqet_drive *drive, struct maqet_args *args, struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));
    char said[1000] = "";
    (void)err;
    if (maqet_drive_count(drive, "files") > 0) {
        maqet_props_string(node, "driver", "raw");
        maqet_props_string(node, "file.driver", "file");
        maqet_props_string(node, "file.filename", maqet_drive_string(drive, "files.0"));
        return 0;
    }
    maqet_props_string(node, "driver", "null-co");
    say(drive, said);
    maqet_props_string(node, "said", said);
    return 0;
}
static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER, .name = "many", .summary = "lists",
    .options = options, .interface = "virtio", .validate = validate, .emit_args = emit};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
END
mkdir plugins needy
expect 0 "${CC%% *}" -fPIC -shared -I"$abs_top_srcdir/include" plugin.c \
    -o plugins/maqet-storage-many.so
expect 0 "${CC%% *}" -fPIC -shared -I"$abs_top_srcdir/include" -DNEEDY plugin.c \
    -o needy/maqet-storage-many.so
export MAQET_PLUGIN_PATH="$TMP/plugins:${MAQET_PLUGIN_PATH:-}"

# machine KEYS: a drive with these keys.
machine() {
    { echo 'storage:' && echo "  - {name: d, type: many, $1}"; } | vm_yaml vm
}
reads() { # KEYS SAID [--set...]
    machine "$1"
    said=$2
    shift 2
    expect 0 maqet args vm.yaml "$@"
    out_has "\"said\":\"$said \""
}
wrong() { # KEYS MESSAGE
    machine "$1"
    expect 3 maqet validate vm.yaml
    err_has "$2"
}
drive="drive 'd' of VM 'vm'"

reads 'hosts: [a, b]' '2 has a 0 0 0 0 0 -'
reads 'hosts: a' '1 has a 0 0 0 0 0 -'
reads 'hosts: []' '0 has - 0 0 0 0 0 -'
reads 'hosts: ' '0 lacks - 0 0 0 0 0 -'
reads 'ports: [1, 0x3], sizes: 2K, modes: ["0640"], yes: [on], words: [red, blue]' \
    '0 lacks - 2 3 2048 640 1 blue'
reads 'servers: [{name: a, port: 1}, {name: b, more: [x, y]}]' 'a :1 b :10809 x y 0 lacks - 0 0 0 0 0 -'
reads 'servers: {name: a, more: z}' 'a :10809 z 0 lacks - 0 0 0 0 0 -'

wrong 'hosts: [a, [b]]' "vm.yaml:6:38: item 2 of 'hosts' of $drive is a list, but it must be a text"
wrong 'hosts: [a, null]' "vm.yaml:6:38: item 2 of 'hosts' of $drive is empty"
wrong 'hosts: {a: b}' "vm.yaml:6:34: 'hosts' of $drive is a mapping, but it must be a text"
wrong 'ports: [1, 8]' "vm.yaml:6:38: item 2 of 'ports' of $drive is '8'; it must be from 0 to 7"
wrong 'ports: 8' "vm.yaml:6:34: 'ports' of $drive is '8'; it must be from 0 to 7"
wrong 'ports: [one]' "item 1 of 'ports' of $drive is 'one', which is not an integer"
wrong 'sizes: [1G, 2X]' "item 2 of 'sizes' of $drive is '2X', which is not a size"
wrong 'modes: [0999]' "item 1 of 'modes' of $drive is '0999', which is not a file mode"
wrong 'yes: [perhaps]' "item 1 of 'yes' of $drive is 'perhaps'; it can be: on, off"
wrong 'words: [red, bluee]' "item 2 of 'words' of $drive is 'bluee'; did you mean 'blue'?"
wrong 'files: [""]' "item 1 of 'files' of $drive is '', but it must be a path"
wrong 'servers: [{name: a}, {port: 2}]' "vm.yaml:6:48: item 2 of 'servers' of $drive: 'name' is missing"
wrong 'servers: [{name: a, prot: 2}]' "unknown key 'prot' in item 1 of 'servers' of $drive; did you mean 'port'?"
wrong 'servers: [{name: a, port: x}]' "'port' of item 1 of 'servers' of $drive is 'x', which is not an integer"
wrong 'servers: [text]' "item 1 of 'servers' of $drive is a text, but it must be a mapping of keys and values"
# What the plugin says of an item has the item's place.
wrong 'hosts: [a, "!hosts.1"]' "vm.yaml:6:38: $drive: it is wrong"
wrong 'hosts: [a, "!servers.0.port"], servers: {name: a, port: 3}' "vm.yaml:6:83: $drive: it is wrong"
wrong 'hosts: [a, "!hosts.7"]' "vm.yaml:6:34: $drive: it is wrong"

# Limits of 0 are limits, each by itself.
reads 'zero: 0, least: 0, most: 0, free: -5, nothing: 0' '0 lacks - 0 0 0 0 0 -'
reads 'least: 900, most: -900' '0 lacks - 0 0 0 0 0 -'
wrong 'zero: 1' "'zero' of $drive is '1'; it must be from 0 to 0"
wrong 'zero: -1' "'zero' of $drive is '-1'; it must be from 0 to 0"
wrong 'least: -1' "'least' of $drive is '-1'; it must be at least 0"
wrong 'most: 1' "'most' of $drive is '1'; it must be at most 0"
wrong 'nothing: 1K' "'nothing' of $drive is '1K'; it must be at most 0"

# Assignments, and several files: what there is, and what is added.
reads 'hosts: [a]' '3 has a 0 0 0 0 0 -' --set 'storage.d.hosts=[b, c]'
reads 'hosts: a' '2 has a 0 0 0 0 0 -' --set storage.d.hosts=[b]
reads 'hosts: [a]' '2 has a 0 0 0 0 0 -' --set storage.d.hosts=b
reads 'free: 1' '1 has b 0 0 0 0 0 -' --set storage.d.hosts=b
reads 'servers: [{name: a}]' 'a :10809 b :2 0 lacks - 0 0 0 0 0 -' \
    --set 'storage.d.servers=[{name: b, port: 2}]'
machine 'ports: [1]'
expect 3 maqet args vm.yaml --set 'storage.d.ports=[2, 9]'
err_has "--set storage.d.ports=[2, 9]"
err_has "item 3 of 'ports' of $drive is '9'; it must be from 0 to 7"
printf 'storage:\n  - {name: d, hosts: [x, y]}\n' >more.yaml
machine 'hosts: [a]'
expect 0 maqet args vm.yaml more.yaml
out_has '"said":"3 has a '

# A list that is needed has an item.
export MAQET_PLUGIN_PATH="$TMP/needy:${MAQET_PLUGIN_PATH#*:}"
wrong 'free: 1' "vm.yaml:6:5: $drive: 'needed' is missing"
wrong 'needed: []' "vm.yaml:6:5: $drive: 'needed' is missing"
reads 'needed: x' '0 lacks - 0 0 0 0 0 -'
export MAQET_PLUGIN_PATH="$TMP/plugins:${MAQET_PLUGIN_PATH#*:}"

# Paths in a list start at the folder of their file, and are files of the drive: QEMU, which is
# confined, can open them, and nobody takes them for unused.
mkdir yard
truncate -s 1M yard/a.img yard/b.img
printf 'storage:\n  - {name: d, type: many, files: [a.img, b.img]}\n' >drive.yaml
{ sed -n '1,/^memory/p' vm.yaml && cat drive.yaml; } >yard/vm.yaml
expect 0 maqet add yard/vm.yaml
grep -q "\"$TMP/yard/b.img\"" data/vms/vm/vm.json || fail "the path is not absolute"
expect 0 maqet args vm
out_has "$TMP/yard/a.img"
expect 0 maqet start vm
expect 0 maqet status vm
out_has "$TMP/yard/a.img"
expect 0 maqet stop vm --timeout 0 --force
{ sed -n '1,/^memory/p' vm.yaml | sed 's/^name: .*/name: other/' &&
    printf 'storage:\n  - {name: e, type: raw, file: yard/c.img, size: 1M}\n'; } >other.yaml
expect 0 maqet add other.yaml
expect 0 maqet start other
expect 0 maqet stop other --timeout 0 --force
expect 0 maqet rm vm --yes
sed -i 's/b\.img/c.img/' yard/vm.yaml
expect 0 maqet add yard/vm.yaml
expect 0 maqet rm other --yes --delete-storage
kept "$TMP/yard/c.img" "VM 'vm' uses it"

# The plugin's description: what the items are, and the limits.
expect 0 maqet plugin info many
out_has "(items: map)"
out_has "servers.N.port"
out_has "(at least 0) (at most 0)"
expect 0 maqet --format json plugin info many
for words in '"items": "choice"' '"type": "list"' '"media": ["disk"]'; do
    tr -d '\n' <out | sed 's/  */ /g; s/\[ /[/g; s/ \]/]/g' | grep -qF "$words" || fail "not described: $words"
done
expect 0 maqet plugin manual many
out_has "servers.N.port"
