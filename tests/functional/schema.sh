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
for file in "$abs_top_srcdir"/examples/*.yaml; do
    expect 0 judge "$file"
done
# What the documents show.
count=0
for file in "$abs_top_srcdir"/README.md "$abs_top_srcdir"/docs/*.md; do
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
  - {name: d, size: "0x100000", overcommit: YES, bootindex: 3}
  - {name: e, type: virtfs, path: share, fmode: 0640, readonly: true}
  - {name: f, interface: scsi, size: 1G, serial: 12345, bootindex: "4"}
  - {name: g, interface: none, size: 1G}
  - {name: h, options: {size: 1G, cluster_size: 64K}}
  - {name: i, size: 1G, encryption: {format: luks, key_file: disk.key}}
  - {name: j, type: raw, file: , media: cdrom, interface: sata}
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
    '{name: a, options: {sise: 1G}}' 'a' '{name: a, type: virtfs, path: share, fmode: 0999}'; do
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
