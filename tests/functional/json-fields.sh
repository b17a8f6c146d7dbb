#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/json.md is what the program knows of its results; and every command's real output has these
# fields, with these types, and no others. MAQET_TEST_UPDATE=1 writes the page anew.
. "${srcdir:-.}/tests/functional/functions.sh"
VM_BOOTS=yes
page=$abs_top_srcdir/docs/json.md
expect 0 "$abs_top_builddir/maqet" --dump-json-reference
[ -z "${MAQET_TEST_UPDATE:-}" ] || cp out "$page"
cmp out "$page" ||
    fail "docs/json.md is not what the program says: make check TESTS=$0 MAQET_TEST_UPDATE=1"

qemu_required
requires perl ssh-keygen
# compare WORD...: what json-fields.pl says of this page.
compare() {
    perl "$abs_top_srcdir/tests/functional/json-fields.pl" "$page" "$@" ||
        fail "docs/json.md: $(cat err) $(cat out)"
}
# documented TITLE COMMAND...: it succeeds, and prints what the section of that title says.
documented() {
    title=$1
    shift
    expect 0 maqet --format json "$@"
    compare "$title" out seen
}

mkdir shared
vm_yaml vm <<'END'
storage:
- {name: hdd, type: qcow2, size: 8M, file: hdd.qcow2}
- {name: data, type: raw, size: 1M, file: data.raw, interface: sata}
- {name: folder, type: virtfs, path: shared}
END
documented validate validate vm.yaml
documented add add vm.yaml
documented apply apply vm vm.yaml --set memory=65M
documented apply apply vm vm.yaml --set memory=65M
printf '\125\252' | dd of=cloud.raw bs=1 seek=510 status=none
truncate -s 1M cloud.raw
ssh-keygen -q -t ed25519 -N '' -f key
documented new new cloud --image cloud.raw --ssh-key key --share shared
documented attach attach vm --name more --size 1M
documented detach detach vm more
documented add add vm.yaml --name discs --set storage.data.media=cdrom
: >disc.iso
documented 'cdrom insert' cdrom discs data insert disc.iso
documented 'cdrom eject' cdrom discs data eject
documented args args vm
documented status status vm
documented ls ls
mkdir -p config/maqet
echo 'accel: tcg' >config/maqet/maqet.conf
documented doctor doctor --timeout 0.1
documented start start vm
documented status status vm
documented ls ls
documented top top
documented events events vm
documented qmp qmp vm query-status
documented pause pause vm
documented pause pause vm
documented resume resume vm
documented restart restart vm --timeout 0 --force
documented resize resize vm hdd +1M
mkdir moved
documented attach attach vm --name second --size 1M
documented move move vm second moved
documented convert convert vm second raw
documented attach attach vm --name more --size 1M --transient

# Live, one that is a set of two drives, and what a plugin cannot say.
documented 'snapshot create' snapshot vm create hdd one --live
documented 'snapshot create' snapshot vm create hdd one --live --overwrite
documented 'snapshot list' snapshot vm list
documented 'snapshot list' snapshot vm list hdd
documented 'snapshot tree' snapshot vm tree
documented 'snapshot export' snapshot vm export hdd one out.raw --format raw
documented 'snapshot load' snapshot vm load hdd one --live --yes
vm_yaml two <<'END'
storage:
- {name: a, type: qcow2, size: 8M, file: a.qcow2}
- {name: b, type: qcow2, size: 8M, file: b.qcow2}
END
documented add add two.yaml
documented start start two
documented 'backup create' backup vm create "$TMP/backups"
documented 'backup create' backup two create "$TMP/backups"
documented 'checkpoint create' checkpoint two create mark
documented 'checkpoint list' checkpoint two list
documented 'checkpoint verify' checkpoint two verify mark
documented 'checkpoint load' checkpoint two load mark --yes
documented 'snapshot list' snapshot two list
documented 'checkpoint delete' checkpoint two delete mark
documented stop stop two vm --timeout 0 --force
documented stop stop two
documented 'snapshot create' snapshot two create --all both
documented 'snapshot list' snapshot two list --all
documented 'snapshot load' snapshot two load --all both --yes
documented 'snapshot convert' snapshot two convert a overlay
documented 'snapshot convert' snapshot two convert a internal
documented 'snapshot delete' snapshot two delete --all both
documented recover recover two

# Copies of drives, and of machines.
documented 'backup create' backup two create "$TMP/backups" --incremental
documented 'backup list' backup two list "$TMP/backups"
documented 'backup verify' backup two verify "$TMP/backups"
documented 'backup restore' backup two restore "$TMP/backups" --to restored
documented 'backup prune' backup two prune "$TMP/backups" --keep 1
documented clone clone two twin --full
expect 0 maqet start two
documented fork fork two another
documented run run two --from fork-1 --discard --parallel 2 --logs logs -- true true
expect 0 maqet stop two another --timeout 0 --force
documented export export two a out.vdi --format vdi
documented import import out.vdi --name imported
documented compact compact restored
mkdir elsewhere
documented move move restored a elsewhere
documented convert convert restored a raw

qemu-img create -q -f qcow2 base.qcow2 1M
vm_yaml thin <<'END'
storage:
- {name: hdd, type: qcow2, file: thin.qcow2, backing_file: base.qcow2, backing_format: qcow2}
END
documented add add thin.yaml
expect 0 maqet start thin
expect 0 maqet stop thin --timeout 0 --force
documented flatten flatten thin hdd

# An image with lost clusters, one with damage, and one that was not made yet.
documented check check vm hdd
documented add add two.yaml --name never --set storage.a.file=never.qcow2 \
    --set storage.b.file=never-b.qcow2
documented check check never a
"$abs_top_builddir/tests/images/spoil-qcow2" corrupt a.qcow2
expect 1 maqet --format json check two a
compare check out seen
documented status status two
mv data.raw away
documented status status vm
mv away data.raw

# Its checkpoint has a fork.
expect 0 maqet rm another --delete-storage --yes
documented rm rm two never --dry-run
documented rm rm two --yes
documented 'storage ls' storage ls
documented 'storage rm' storage rm "$TMP/b.qcow2" --yes
documented 'plugin list' plugin list
documented 'plugin info' plugin info qcow2
documented 'plugin info' plugin info virtio
documented 'plugin schema' plugin schema
documented 'plugin manual' plugin manual raw
documented 'plugin check' plugin check "$abs_top_builddir/.libs/maqet-storage-raw.so" --only loads

# A disk that is not a drive of the VM's, ports, and a file that is newer than what was added.
vm_yaml more <<'END'
ports: ["auto:22"]
arguments:
- drive: {driver: null-co, size: 1M, if: none, id: other}
END
documented add add more.yaml
documented start start more
echo '# more' >>more.yaml
documented status status more

documented config config vm
expect 1 maqet --format json diff vm more.yaml
compare diff out seen
EDITOR=true documented edit edit vm
EDITOR=true documented edit edit more
documented stop stop more --timeout 0 --force
documented wait wait more --for stopped
documented rename rename more renamed
mkdir tools
printf '#!/bin/sh\n' >tools/systemctl
chmod +x tools/systemctl
PATH=$TMP/tools:$PATH documented 'autostart on' autostart renamed on
PATH=$TMP/tools:$PATH documented 'autostart off' autostart renamed off

# What is said beside the results, line by line.
expect 3 maqet --format json status nobody
compare lines Errors err seen
expect 0 maqet --format json -v status vm
compare lines Messages err seen

# Of all that is documented nothing was left out, but for what needs a guest: a full disk (of
# which guest-disk-full.sh has one), and a copy (guest-reach.sh).
compare all seen 'cp|' 'ls|full[].' 'status|full[].' 'top|full[].'
