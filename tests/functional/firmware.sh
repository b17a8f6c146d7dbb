#!/bin/sh
# SPDX-License-Identifier: MIT
# UEFI: found by the descriptions of firmware on this host, with its variables in a drive of the
# machine, which snapshots and checkpoints include.
. "${srcdir:-.}/tests/functional/functions.sh"
VM_BOOTS=yes
qemu_required
requires qemu-io

firmware=config/qemu/firmware
mkdir -p $firmware files images

# describe FILE NAME MACHINES FEATURES: the description FILE of firmware whose files are NAME's.
describe() {
    [ -e "files/$2.code" ] || head -c 65536 /dev/zero | tr '\0' "${2%"${2#?}"}" >"files/$2.code"
    [ -e "files/$2.vars" ] || head -c 65536 /dev/zero | tr '\0' "${2%"${2#?}"}" >"files/$2.vars"
    cat >"$firmware/$1" <<EOF
{"interface-types": ["uefi"],
 "mapping": {"device": "flash",
    "executable": {"filename": "$TMP/files/$2.code", "format": "raw"},
    "nvram-template": {"filename": "$TMP/files/$2.vars", "format": "raw"}},
 "targets": [{"architecture": "x86_64", "machines": ["$3"]}],
 "features": [${4:-}], "tags": []}
EOF
}
code() { # FILE: the firmware that a machine would have
    maqet args "$1" | sed -n "s|.*node-name=maqet-firmware.*filename=$TMP/files/\([^. ]*\).code.*|\1|p"
}

# ---- which one ----

vm_yaml vm <<EOF
firmware: uefi
storage:
  - {name: disk, size: 1M, file: images/disk.qcow2}
EOF
# What is installed is hidden by empty files of the same name.
for file in /usr/share/qemu/firmware/*.json /etc/qemu/firmware/*.json; do
    [ ! -e "$file" ] || : >"$firmware/${file##*/}"
done
expect 3 maqet add vm.yaml
err_has "vm.yaml:5:11: there is no UEFI firmware for the machine type 'q35' of x86_64; descriptions of firmware are searched in $TMP/config/qemu/firmware, /etc/qemu/firmware, /usr/share/qemu/firmware"
err_has "apt install ovmf"
describe 90-last.json last 'pc-q35-*' '"acpi-s3"'
same last "$(code vm.yaml)" "the only firmware"
# The first one by its name; but not for another machine type, nor one that needs more.
describe 80-first.json first 'pc-q35-*'
describe 70-other.json other 'pc-i440fx-*'
describe 60-secure.json secure 'pc-q35-*' '"requires-smm", "secure-boot"'
describe 50-gone.json gone 'pc-q35-*'
rm files/gone.code
echo '{"interface-types": 3' >$firmware/10-damaged.json
echo '{"interface-types": ["bios"], "mapping": {"device": "memory", "filename": "/x"}}' >$firmware/20-bios.json
same first "$(code vm.yaml)" "the first firmware"
sed 's/^memory:/machine: pc\nmemory:/' vm.yaml >pc.yaml
same other "$(code pc.yaml)" "firmware of another machine type"
sed 's/^memory:/machine: pc-q35-7.2\nmemory:/' vm.yaml >version.yaml
same first "$(code version.yaml)" "firmware of a version of the machine type"

# What `arguments` say wins.
sed 's/uefi/&\narguments: [{bios: bios-256k.bin}]/' vm.yaml >own.yaml
expect 0 maqet args own.yaml
err_has "own.yaml:5:11: 'firmware' is ignored: \`arguments\` says -bios or flash memory"
! grep -q pflash out || fail "both have firmware"
echo 'firmware: efi' | vm_yaml wrong
expect 3 maqet validate wrong.yaml
err_has "wrong.yaml:5:11: 'firmware' is 'efi'"
sed 's/name: disk/name: firmware/' vm.yaml >taken.yaml
expect 3 maqet validate taken.yaml
err_has "taken.yaml:7:12: 'firmware' is the name of the drive with the variables of UEFI"

# ---- the variables ----

same_as_template() {
    qemu-img compare -q -f qcow2 -F raw images/maqet-vm-firmware.qcow2 files/first.vars
}
expect 0 maqet add vm.yaml
expect 0 maqet start vm
# The guest can write to them, and QEMU is confined as always.
maqet qmp vm query-named-block-nodes >nodes
expect 0 maqet stop vm --timeout 0 --force
same_as_template || fail "the variables are not those of the template"
same 600 "$(stat -c %a images/maqet-vm-firmware.qcow2)" "mode of the variables"
expect 0 maqet snapshot vm create --all fresh
out_has "'disk', 'firmware'"
qemu-io -f qcow2 -c 'write -P 7 0 4k' images/maqet-vm-firmware.qcow2 >/dev/null
! same_as_template || fail "nothing was written"
expect 0 maqet snapshot vm load --all fresh --yes
same_as_template || fail "the variables were not reverted"
# Another template later does not matter, since there are variables.
qemu-io -f qcow2 -c 'write -P 7 0 4k' images/maqet-vm-firmware.qcow2 >/dev/null
rm files/first.vars
describe 80-first.json first 'pc-q35-*'
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
! same_as_template || fail "the variables were created again"
# They stay where they are when another drive is the first one with a path.
variables_path() { # VM
    maqet status "$1" --format json | tr -d ' \n' | grep -o '[^"]*-firmware.qcow2' | sort -u
}
mkdir other
expect 0 maqet attach vm --name two --size 1M file=other/two.qcow2
expect 0 maqet detach vm disk
same "$TMP/images/maqet-vm-firmware.qcow2" "$(variables_path vm)" "the variables"
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
[ ! -e other/maqet-vm-firmware.qcow2 ] || fail "there are other variables"
# If they are gone, that is an error as for another image; they may have been moved with the drive.
mv images/maqet-vm-firmware.qcow2 gone
expect 3 maqet start vm
err_has "drive 'firmware'"
err_has "images/maqet-vm-firmware.qcow2"
mv gone other/maqet-vm-firmware.qcow2
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
[ ! -e images/maqet-vm-firmware.qcow2 ] || fail "there are new variables"
mv other/maqet-vm-firmware.qcow2 images
expect 0 maqet attach vm --name disk --size 1M file=images/disk.qcow2
expect 0 maqet detach vm two
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
# The drive is the key's: there is no second one of its name, and it is not changed by itself.
expect 3 maqet attach vm --name firmware --size 1M
err_has "VM 'vm' has a drive 'firmware' already"
for command in 'detach vm firmware' 'resize vm firmware 1G'; do
    # shellcheck disable=SC2086
    expect 3 maqet $command
    err_has "drive 'firmware' of VM 'vm': it is not changed by itself, because the key 'firmware' adds it"
done
# They go as the machine's other images do.
expect 0 maqet rm vm --yes --delete-storage
removed "$TMP/images/maqet-vm-firmware.qcow2"
[ ! -e images/maqet-vm-firmware.qcow2 ] || fail "the variables are still there"
# A drive without a path of its own has them where it has its image.
sed 's/, file: images.*}/}/; s/name: vm/name: plain/' vm.yaml >plain.yaml
expect 0 maqet add plain.yaml
expect 0 maqet start plain
[ -e images/maqet-plain-firmware.qcow2 ] || fail "the variables are not beside the image"
expect 0 maqet attach plain --name two --size 1M file=other/plain.qcow2
same "$TMP/images/maqet-plain-firmware.qcow2" "$(variables_path plain)" "the variables while it runs"
expect 0 maqet stop plain --timeout 0 --force
# If a template cannot be copied, nothing is left of the image.
sed 's/name: vm/name: bad/; s/disk.qcow2/bad.qcow2/' vm.yaml >bad.yaml
expect 0 maqet add bad.yaml
mkdir bin
cat >bin/qemu-img <<EOF
#!/bin/sh
case "\$*" in *convert*first.vars*) echo "qemu-img: no luck" >&2; exit 1 ;; esac
exec "$(command -v qemu-img)" "\$@"
EOF
chmod +x bin/qemu-img
expect 1 env PATH="$TMP/bin:$PATH" "$MAQET" start bad
err_has "no luck"
err_has "firmware"
[ -z "$(find images -name '*bad-firmware*')" ] || fail "something is left: $(find images)"

# ---- real firmware ----

rm -r $firmware
[ -e /usr/share/qemu/firmware/60-edk2-x86_64.json ] || skip "no UEFI firmware (ovmf) is installed"
vm_yaml real <<EOF
firmware: uefi
storage:
  - {name: disk, size: 1M, file: images/real.qcow2}
EOF
sed -i 's/64M/256M/' real.yaml
# Its processor does not begin, so the variables are still those of the template.
expect 0 maqet add real.yaml --set arguments.S=
expect 0 maqet start real
expect 0 maqet stop real --timeout 0 --force
expect 0 maqet snapshot real create --all fresh
expect 0 maqet apply real real.yaml
expect 0 maqet start real
booted() { maqet logs real | grep -q BdsDxe; }
eventually 120 booted
# The code is no drive that somebody has added.
expect 0 maqet status real
out_has "storage  firmware"
out_lacks "other  "
expect 0 maqet checkpoint real create one
expect 0 maqet stop real --timeout 0 --force
template=$(sed -n '/nvram-template/,/}/ s/.*"filename": "\(.*\)".*/\1/p' /usr/share/qemu/firmware/60-edk2-x86_64.json)
! qemu-img compare -q -f qcow2 -F raw images/maqet-real-firmware.qcow2 "$template" ||
    fail "the firmware has stored no variables"
expect 0 maqet snapshot real create --all booted
expect 0 maqet snapshot real load --all fresh --yes
qemu-img compare -q -f qcow2 -F raw images/maqet-real-firmware.qcow2 "$template" ||
    fail "what the firmware has stored was not reverted"
expect 0 maqet snapshot real load --all booted --yes
sum=$(md5sum images/*)
expect 0 maqet run real --from one --discard -- true
same "$sum" "$(md5sum images/*)" "images after a test"
expect 0 maqet checkpoint real load one --yes
same running "$(vm_status real)" "status after the load"
expect 0 maqet stop real --timeout 0 --force

# ---- of one machine only ----

# A VM that gets the former name of another one does not get its variables.
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet rename vm renamed
sed 's/disk.qcow2/next.qcow2/' vm.yaml >next.yaml
expect 3 maqet add next.yaml
err_has "drive 'firmware' of VM 'vm': the variables of UEFI would be in $TMP/images/maqet-vm-firmware.qcow2, which VM 'renamed' already uses"
err_has "in another folder"
mkdir next
sed 's|images/disk.qcow2|next/disk.qcow2|' vm.yaml >next.yaml
expect 0 maqet add next.yaml
expect 0 maqet start vm
[ -e next/maqet-vm-firmware.qcow2 ] || fail "there are no variables of its own"
expect 0 maqet apply renamed vm.yaml
expect 0 maqet start renamed
expect 0 maqet stop renamed --timeout 0 --force
expect 0 maqet stop vm --timeout 0 --force
# In a folder like /tmp, others know the name: what they put there is not used.
sed 's/, file: images.*}/}/; s/name: vm/name: known/' vm.yaml >known.yaml
expect 0 maqet add known.yaml
qemu-img create -q -f qcow2 theirs.qcow2 64K
ln -s "$TMP/theirs.qcow2" images/maqet-known-firmware.qcow2
expect 4 maqet start known
err_has "$TMP/images/maqet-known-firmware.qcow2 is not a regular file that belongs to you"
err_has "storage_dir"
