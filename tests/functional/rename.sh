#!/bin/sh
# SPDX-License-Identifier: MIT
# A VM that gets another name keeps everything that it has: images, snapshots, checkpoints, records
# and marks, whenever maqet is killed.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires getfattr

vm_yaml web <<'END'
storage:
- {name: hdd, size: 8M}
- {name: data, size: 8M, file: data.qcow2}
- {name: seed, type: cloud-init, user_data: "#cloud-config\n"}
END
expect 0 maqet add web.yaml
[ -e "$abs_top_builddir/.libs/maqet-storage-cloud-init.so" ] || skip "no storage in a drive's folder"
image=$TMP/images/maqet-web-hdd.qcow2
owner() {
    getfattr --only-values -n user.maqet "$1" 2>getfattr.err
}

expect 0 maqet start web
expect 3 maqet rename web site
err_has "VM 'web' is running"
err_has 'maqet stop web'
expect 0 maqet checkpoint web create mark
expect 0 maqet stop web --timeout 0 --force
expect 0 maqet snapshot web create --all both
expect 0 maqet snapshot web create --all after
history=$(maqet --format json snapshot web list --all)
echo "$history" | grep -q '"parent": "both"' || fail "no history: $history"
uuid=$(maqet status web --format plain | sed -n 's/^uuid	//p')

# Names that cannot be.
vm_yaml other </dev/null
expect 0 maqet add other.yaml
expect 3 maqet rename web other
err_has "There is already a VM 'other'"
expect 3 maqet rename web .hidden
err_has "Invalid VM name '.hidden'"
expect 3 maqet rename nobody any
same 'other web' "$(maqet ls --format plain | cut -f 1 | xargs)" "the VMs"

expect 0 maqet rename web site
out_has "Renamed VM 'web' to 'site'."
same 'other site' "$(maqet ls --format plain | cut -f 1 | xargs)" "the VMs"
same "$uuid" "$(maqet status site --format plain | sed -n 's/^uuid	//p')" "the UUID"
same stopped "$(vm_status site)"
same "site" "$(maqet config site --format plain | sed -n 's/^name	\([^	]*\).*/\1/p')" "its own name"
[ ! -e data/vms/web ] || fail "the old folder is left"
[ ! -e run/web ] || fail "the old run folder is left"
[ -e run/site ] || fail "there is no run folder of that name"

# So does what has happened to it, and what its snapshots are based on.
expect 0 maqet --format plain events site
for event in added started job-ended; do
    cut -f 3 out | grep -qx "$event" || { cat out >&2; fail "not among its events: $event"; }
done
same "$history" "$(maqet --format json snapshot site list --all)" "the history of snapshots"
same mark "$(maqet checkpoint site list --format plain | cut -f 1)" "the checkpoints"

# Its images stay, and the marks on them name it.
[ -e "$image" ] || fail "the image was moved"
if owner "$image" >mark && [ -s mark ]; then
    grep -q '"vm":"site"' mark || grep -q '"vm": *"site"' mark || fail "the mark: $(cat mark)"
fi
grep -q '"vm": *"site"' data/vms/site/images.json || fail "the record does not name it"
expect 0 maqet storage ls --format json
! grep -q "$image" out || fail "the image counts as unused"

# It starts with them; the checkpoint and the snapshots can be loaded.
expect 0 maqet start site
same "$image" "$(maqet status site --format plain | sed -n 's/^storage	hdd	.*	\(\/[^	]*\)	.*/\1/p')" "its image"
err_lacks 'Creating'
expect 0 maqet stop site --timeout 0 --force
expect 0 maqet snapshot site list --all
out_has both
expect 0 maqet snapshot site load --all both --yes
expect 0 maqet checkpoint site load mark --yes
same running "$(vm_status site)"
expect 0 maqet stop site --timeout 0 --force

# The same YAML still describes it, with the same image.
expect 0 maqet apply site web.yaml
out_has "VM 'site' is unchanged."
# Whoever gets its former name does not get its images.
expect 3 maqet add web.yaml
err_has "without a \`file\` its image would be $image, which VM 'site' already uses"

# Renamed again, and back.
expect 0 maqet rename site third
expect 0 maqet rename third web
expect 0 maqet start web
expect 0 maqet stop web --timeout 0 --force

# Killed at any system call that changes a name or a file: it has one name or the other, and its
# image.
if command -v strace >/dev/null && strace -o trace true 2>/dev/null; then
    from=web to=next
    for call in openat renameat2 rename unlinkat fsync setxattr; do
        for when in 1 2 3 4 6 9 14; do
            strace -f -qq -o trace -e trace=$call -e inject=$call:signal=KILL:when=$when \
                "$abs_top_builddir/maqet" -q rename $from $to >strace.out 2>&1 || :
            [ -e data/vms/$to ] && { kept=$from from=$to to=$kept; }
            [ -e data/vms/$from/vm.json ] || fail "it is gone after $call $when"
            [ ! -e data/vms/$to ] || fail "there are two after $call $when"
            expect 0 maqet status $from
            grep -qF "$image" out || fail "another image after $call $when: $(cat out)"
        done
    done
    expect 0 maqet start $from
    err_lacks 'Creating'
    expect 0 maqet stop $from --timeout 0 --force
    expect 0 maqet rm $from --delete-storage --yes
    [ ! -e "$image" ] || fail "the image is left: $(cat out)"
    [ -z "$(ls -A data/vms | grep -v '^other$\|^\.lock$')" ] || fail "left: $(ls -A data/vms)"
fi
