#!/bin/sh
# SPDX-License-Identifier: MIT
# The schema for editors agrees with `maqet validate`: about the examples, about every way in which
# a value may be written, and about what is wrong. Somebody else's validator reads it.
. "${srcdir:-.}/tests/functional/functions.sh"
requires perl
perl -MJSON::Validator -MYAML::PP -e 1 2>/dev/null || skip "JSON::Validator and YAML::PP are not installed"

# judge SCHEMA FILE: what is wrong with it by the schema, as an editor reads YAML (1.2), and by
# the older rules (1.1), by which `on` is a truth value and 0644 octal.
cat >judge.pl <<'END'
my ($schema, $file) = @ARGV;
my $validator = JSON::Validator->new->schema("file://$schema");
for my $rules ('Core', 'YAML1_1') {
    my $tree = YAML::PP->new(boolean => 'JSON::PP', schema => [$rules])->load_file($file);
    my @errors = $validator->validate($tree);
    print "$rules: $_\n" for @errors;
    $wrong = 1 if @errors;
}
exit($wrong ? 1 : 0);
END
judge() { # FILE
    perl -MJSON::Validator -MYAML::PP -MJSON::PP judge.pl "$TMP/schema.json" "$1"
}
expect 0 maqet plugin schema
cp out schema.json
grep -q '"http://json-schema.org/draft-07/schema#"' schema.json || fail "which draft it is"

# Both say yes.
agree_good() { # FILE
    expect 0 maqet validate "$1"
    expect 0 judge "$1"
}
good() { # TOP-LINE; the storage list by stdin
    { printf 'name: vm\nbinary: qemu-system-x86_64\n%s\nstorage:\n' "$1" && cat; } >good.yaml
    agree_good good.yaml
}
# Both say no.
bad() { # the storage list by stdin
    { printf 'name: vm\nbinary: qemu-system-x86_64\nstorage:\n' && cat; } >bad.yaml
    expect 3 maqet validate bad.yaml
    expect 1 judge bad.yaml
}

mkdir share
printf key >disk.key
chmod 600 disk.key
for file in "$abs_top_srcdir"/examples/*.yaml; do
    expect 0 judge "$file"
done
# What the documents show; the machine of the author's guide has a type of its own, and is validated with it
# where the guide is followed (plugins-guide.sh).
count=0
for file in "$abs_top_srcdir"/README.md "$abs_top_srcdir"/docs/*.md; do
    [ "${file##*/}" != plugins.md ] || continue
    awk -v into="$TMP/block" '/^```yaml$/ { n++; inside = 1; next } /^```$/ { inside = 0 }
        inside { print > (into n ".yaml") }' "$file"
    for block in block*.yaml; do
        [ -e "$block" ] || continue
        ! grep -q '^name:' "$block" || { expect 0 judge "$TMP/$block" && count=$((count + 1)); }
        rm "$block"
    done
done
[ $count -ge 2 ] || fail "only $count machines were found in the documents"

# Every form that a value may have.
good 'memory: 4096' <<'END'
  - {name: a, size: 1073741824}
  - {name: b, size: 20G, readonly: off, discard: unmap}
  - {name: c, size: 1.5T, type: raw, preallocation: off}
  - {name: c2, size: 10GB}
  - {name: c3, size: 20.0GiB}
  - {name: d, size: "0x100000", overcommit: YES, bootindex: 3}
  - {name: e, type: virtfs, path: share, fmode: 0640, readonly: true}
  - {name: f, interface: scsi, size: 1G, serial: 12345, bootindex: "4"}
  - {name: g, interface: none, size: 1G}
  - {name: h, options: {size: 1G, cluster_size: 64K}}
  - {name: i, size: 1G, encryption: {format: luks, key_file: disk.key}}
  - {name: j, type: raw, file: , media: cdrom, interface: sata}
  - {name: k, size: 1G, mode: "0660"}
  - {name: l, type: raw, options: {size: 1G, mode: 0o640}}
END
good 'sandbox: off
guest_agent: on
accel: tcg
display: none
cpu: max
arguments: [enable-kvm, {smp: 2}, {device: {driver: virtio-rng-pci}}]' <<'END'
  - {name: a, size: 1G}
END

# Everything that the tables forbid.
for drive in '{name: a, size: 1GG}' '{name: a, sise: 1G}' '{name: a, type: qcow3, size: 1G}' \
    '{name: a, size: 1G, interface: virtfs}' '{name: a, size: 1G, media: tape}' \
    '{size: 1G}' '{name: a, size: 1G, readonly: perhaps}' '{name: a, size: [1G]}' \
    '{name: a, type: virtfs}' '{name: a, type: virtfs, path: share, interface: virtio}' \
    '{name: a, type: virtfs, path: share, size: 1G}' '{name: a, type: raw, size: 1G, backing: x}' \
    '{name: a, size: 1G, interface: none, serial: x}' '{name: a, size: 1G, bootindex: first}' \
    '{name: a, size: 1G, encryption: {}}' '{name: a, size: 1G, encryption: {format: luks, key_fil: x}}' \
    '{name: a, size: 1.5}' '{name: a, size: "1.5"}' '{name: a, size: 1.5B}' '{name: a, size: -1}' \
    '{name: a, size: 1G, bootindex: "+1"}' '{name: a, file: "", size: 1G}' \
    '{name: a, size: 1G, mode: "0460"}' '{name: a, size: 1G, mode: "4660"}' \
    '{name: a, type: virtfs, path: share, mode: "0660"}' '{name: a, options: {sise: 1G}}' 'a' '{name: a, type: virtfs, path: share, fmode: 0999}'; do
    echo "  - $drive" | bad
done
printf 'name: vm\nmemroy: 4G\n' >bad.yaml
expect 3 maqet validate bad.yaml
expect 1 judge bad.yaml

# A plugin from elsewhere is in it.
MAQET_PLUGIN_PATH="$abs_top_builddir/tests/plugins/.libs"
export MAQET_PLUGIN_PATH
expect 0 maqet plugin schema
cp out schema.json
good 'accel: tcg' <<'END'
  - {name: a, type: good, size: 1M}
END

# Words to choose from that YAML takes for numbers and truth values are chosen as they are.
: "${CC:=cc}"
requires "${CC%% *}"
cat >plugin.c <<'END'
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>
static const char *const levels[] = {"2", "3.1", "on", NULL};
static const struct maqet_option options[] = {
    {.name = "level", .type = MAQET_OPTION_CHOICE, .choices = levels, .help = "a level"},
    {.name = NULL}};
static int
emit(const struct maqet_drive *drive, struct maqet_args *args, struct maqet_error **err)
{
    (void)err;
    maqet_props_string(maqet_args_blockdev(args, maqet_drive_name(drive)), "driver", "null-co");
    return 0;
}
static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER, .name = "level", .summary = "levels",
    .options = options, .interface = "virtio", .emit_args = emit};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
END
mkdir plugins
expect 0 "${CC%% *}" -fPIC -shared -I"$abs_top_srcdir/include" plugin.c \
    -o plugins/maqet-storage-level.so
MAQET_PLUGIN_PATH="$TMP/plugins"
expect 0 maqet plugin schema
cp out schema.json
good 'accel: tcg' <<'END'
  - {name: a, type: level, level: 2}
  - {name: b, type: level, level: 3.1}
  - {name: c, type: level, level: on}
  - {name: d, type: level, level: "2"}
END
echo '  - {name: a, type: level, level: 3}' | bad
echo '  - {name: a, type: level, level: 2.1}' | bad

# Lists, secrets, limits of 0, and a storage and an interface with options of the same name.
cat >storage.c <<'END'
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>
static const char *const words[] = {"1", "two", NULL};
static const struct maqet_option server[] = {
    {.name = "name", .type = MAQET_OPTION_STRING, .flags = MAQET_REQUIRED, .help = "name"},
    {.name = "port", .type = MAQET_OPTION_INT, .flags = MAQET_LIMITS, .maximum = 9, .help = "port"},
    {.name = NULL}};
static const struct maqet_option options[] = {
    {.name = "file", .type = MAQET_OPTION_PATH, .help = "file"},
    {.name = "hosts", .type = MAQET_OPTION_LIST, .items = MAQET_OPTION_STRING, .help = "hosts"},
    {.name = "ports", .type = MAQET_OPTION_LIST, .items = MAQET_OPTION_INT,
     .flags = MAQET_LIMITS, .maximum = 9, .help = "ports"},
    {.name = "words", .type = MAQET_OPTION_LIST, .items = MAQET_OPTION_CHOICE, .choices = words,
     .help = "words"},
    {.name = "servers", .type = MAQET_OPTION_LIST, .items = MAQET_OPTION_MAP, .options = server,
     .help = "servers"},
    {.name = "need", .type = MAQET_OPTION_LIST, .items = MAQET_OPTION_STRING,
     .flags = MAQET_REQUIRED, .help = "needed"},
    {.name = "key", .type = MAQET_OPTION_SECRET, .help = "secret"},
    {.name = "zero", .type = MAQET_OPTION_INT, .flags = MAQET_LIMITS, .help = "zero"},
    {.name = "least", .type = MAQET_OPTION_INT, .flags = MAQET_MINIMUM, .help = "least"},
    {.name = "most", .type = MAQET_OPTION_INT, .flags = MAQET_MAXIMUM, .help = "most"},
    {.name = "both", .type = MAQET_OPTION_STRING, .help = "both have it"},
    {.name = "mode", .type = MAQET_OPTION_STRING, .help = "the core has it"},
    {.name = NULL}};
static int
emit(const struct maqet_drive *drive, struct maqet_args *args, struct maqet_error **err)
{
    (void)err;
    maqet_props_string(maqet_args_blockdev(args, maqet_drive_node(drive)), "driver", "null-co");
    return 0;
}
static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER, .name = "lists", .summary = "lists",
    .options = options, .interface = "twin", .path_option = "file", .emit_args = emit};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
END
cat >interface.c <<'END'
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>
static const struct maqet_option options[] = {
    {.name = "both", .type = MAQET_OPTION_INT, .flags = MAQET_REQUIRED, .help = "both have it"},
    {.name = "weight", .type = MAQET_OPTION_INT, .help = "weight"},
    {.name = NULL}};
static int
capacity(const struct maqet_drive *drive, struct maqet_capacity *capacity,
         struct maqet_error **err)
{
    (void)drive, (void)err;
    maqet_capacity_builtin(capacity, 20);
    return 0;
}
static int
device(const struct maqet_drive *drive, const struct maqet_slot *slot, struct maqet_args *args,
       struct maqet_error **err)
{
    (void)slot, (void)err;
    maqet_args_device(args, "virtio-blk-pci", maqet_drive_name(drive));
    return 0;
}
static const struct maqet_iface_plugin plugin = {
    .header = MAQET_IFACE_PLUGIN_HEADER, .name = "twin", .summary = "twin", .options = options,
    .capacity = capacity, .emit_device = device};
MAQET_REGISTER_IFACE_PLUGIN(plugin)
END
expect 0 "${CC%% *}" -fPIC -shared -I"$abs_top_srcdir/include" storage.c \
    -o plugins/maqet-storage-lists.so
expect 0 "${CC%% *}" -fPIC -shared -I"$abs_top_srcdir/include" interface.c \
    -o plugins/maqet-iface-twin.so
expect 0 maqet plugin schema
cp out schema.json
printf key4 >good.key
for n in a b c d e f g h i j; do
    truncate -s 1M "$n.img"
done
good 'accel: tcg' <<'END'
  - {name: a, type: lists, file: a.img, need: x, interface_options: {both: 1}, hosts: [a, 2], ports: 3}
  - {name: b, type: lists, file: b.img, need: [x, y], interface_options: {both: "2"}, words: [1, two], key: good.key}
  - {name: c, type: lists, file: c.img, need: 1, interface_options: {both: 3, weight: 4}, storage_options: {both: x}}
  - {name: d, type: lists, file: d.img, need: x, interface: none, both: plain, zero: 0, least: 5, most: -5}
  - {name: e, type: lists, file: e.img, interface: none, storage_options: {need: x, mode: fast}, interface_options: {}}
  - {name: f, type: lists, file: f.img, interface: none, mode: fast, drive_options: {mode: "0660", overcommit: on}, need: x}
  - {name: g, type: lists, file: g.img, interface: none, options: {need: x, storage_options: {both: x}, drive_options: {media: disk}}}
  - {name: h, type: lists, file: h.img, need: x, both: , interface_options: {both: 1}, servers: [{name: a, port: 9}, {name: b}]}
  - {name: i, type: lists, file: i.img, need: x, servers: {name: a}, hosts: , options: {interface_options: {both: 5}}}
  - {name: j, size: 1G, drive_options: {mode: "0640"}, storage_options: {cache: none}, interface_options: {serial: x}}
END
for drive in 'need: x, both: 1' 'need: x' 'interface_options: {both: 1}' \
    'need: [], interface_options: {both: 1}' 'need: [null], interface_options: {both: 1}' \
    'need: x, interface_options: {both: x}' 'need: x, interface_options: {both: 1, key: y}' \
    'need: x, interface: none, interface_options: {both: 1}' \
    'need: x, interface: none, storage_options: {weight: 1}' \
    'need: x, interface: none, drive_options: {type: lists}' \
    'need: x, interface: none, drive_options: {mode: "0460"}' \
    'need: x, interface: none, drive_options: {both: x}' \
    'need: x, interface: none, ports: [10]' 'need: x, interface: none, ports: 10' \
    'need: x, interface: none, words: [three]' 'need: x, interface: none, servers: [{port: 1}]' \
    'need: x, interface: none, servers: [{name: a, prot: 1}]' \
    'need: x, interface: none, zero: 1' 'need: x, interface: none, zero: -1' \
    'need: x, interface: none, least: -1' 'need: x, interface: none, most: 1' \
    'need: x, interface: none, key: [a]' 'need: x, interface: none, key: "a\tb"' \
    'need: x, interface: none, storage_options: text' \
    'need: x, interface_options: {both: 1}, options: {both: 2}'; do
    echo "  - {name: a, type: lists, file: a.img, $drive}" | bad
done
