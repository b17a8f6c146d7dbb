# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# SUMMARY: reading large files of YAML
#
# A tree with all its places against what libyaml alone needs for the same file.
. "${srcdir:?run by script/bench}/tests/bench/bench-functions.sh"

machine

repeated=${BENCH_REPEATED:-20} # how often a file is read for one figure; less for the test

# drives COUNT: a machine with so many drives.
drives() {
    printf 'binary: qemu-system-x86_64\nmemory: 1G\nstorage:\n'
    number=0
    while [ $((number += 1)) -le "$1" ]; do
        printf '  - name: drive%d\n    type: qcow2\n    size: 20G\n' $number
        printf '    file: /srv/images/drive%d.qcow2\n    interface: virtio\n' $number
    done
}
# short COUNT: a list of mappings with one key each.
short() {
    printf 'storage:\n'
    number=0
    while [ $((number += 1)) -le "$1" ]; do printf '  - {name: d%d}\n' $number; done
}
drives 1000 >drives.yaml
short 4900 >short.yaml

events_of_drives() { took drives.events "$bench_programs/read-yaml" events "$repeated" drives.yaml; }
tree_of_drives() { took drives.tree "$bench_programs/read-yaml" tree "$repeated" drives.yaml; }
events_of_short() { took short.events "$bench_programs/read-yaml" events "$repeated" short.yaml; }
tree_of_short() { took short.tree "$bench_programs/read-yaml" tree "$repeated" short.yaml; }
in_turn events_of_drives tree_of_drives events_of_short tree_of_short

table "1,000 drives of five keys each, read $repeated times" drives.events
row 'libyaml alone' drives.events
row 'the tree of configuration, with its places' drives.tree
table "4,900 mappings of one key, read $repeated times" short.events
row 'libyaml alone' short.events
row 'the tree of configuration, with its places' short.tree
