#!/bin/sh
# SPDX-License-Identifier: MIT
# The disk by which cloud-init in a guest learns what to set up: what it holds, who can read it, how
# long it lasts, and what is wrong with what the user says. tests/functional/guest-new.sh has a real
# cloud-init read one.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires bsdtar

disk() { # NAME, then lines of the drive
    vm_yaml "$1" <<EOF
storage:
  - name: seed
    type: cloud-init
$(sed 's/^/    /')
EOF
}
refused() { # MESSAGE
    disk refused
    expect 3 maqet validate refused.yaml
    err_has "$1"
    err_has "drive 'seed' of VM 'refused'"
}
image() { # VM
    find "$MAQET_DATA_DIR/vms/$1/drives" -type f 2>/dev/null
}
# What a file of the image contains.
part() { # VM FILE
    bsdtar -xOf "$(image "$1")" "$2" 2>"$TMP/tar.err"
}

# Without a word about it, the guest is told its name and what tells it from others.
disk my_vm <<'EOF'
user_data: |
  #cloud-config
  packages: [hello]
EOF
echo '  - {name: disk, size: 1M}' >>my_vm.yaml
expect 0 maqet add my_vm.yaml
[ ! -e "$MAQET_DATA_DIR/vms/my_vm/drives/seed@cloud-init" ] || fail "something was created before the start"
expect 0 maqet start my_vm
same "$(printf '#cloud-config\npackages: [hello]')" "$(part my_vm user-data)" "user-data"
same "$(printf 'instance-id: "my_vm"\nlocal-hostname: "my-vm"')" "$(part my_vm meta-data)" "meta-data"
! part my_vm network-config || fail "a network was configured"
# The whole of it: cloud-init and the kernel find it by its label, and nobody else can read it.
head -c 40960 "$(image my_vm)" | grep -aq CDROM || head -c 40960 "$(image my_vm)" | grep -aq CD001 ||
    fail "it is no ISO image"
head -c 40960 "$(image my_vm)" | tr -d '\0' | grep -aq 'CIDATA' || fail "it has another label"
head -c 40960 "$(image my_vm)" | tr -d '\0' | grep -aq 'cidata' || fail "its Joliet label is another one"
same 600 "$(stat -c %a "$(image my_vm)")" "its mode"
same seed.iso "$(basename "$(image my_vm)")" "the only file"

# The guest cannot write to it, so a checkpoint needs nothing of it.
expect 0 maqet qmp my_vm query-named-block-nodes
tr -d ' \n' <out | grep -q '"ro":true' || fail "the guest can write to it"
expect 0 maqet checkpoint my_vm create before --method stop
expect 0 maqet checkpoint my_vm load before --yes
expect 0 maqet stop my_vm --timeout 0 --force
[ -z "$(image my_vm)" ] || fail "it outlives the machine: $(image my_vm)"

# All of it from files, whose paths start at the YAML file's folder. Whoever gives an id is left alone.
mkdir folder
printf '#!/bin/sh\necho hello\n' | gzip >folder/script
printf 'instance-id: i-1\nlocal-hostname: other\nkey: value\n' >folder/meta
printf 'version: 2\n' >folder/net
disk files <<'EOF'
user_data_file: folder/script
meta_data_file: folder/meta
network_config_file: folder/net
EOF
expect 0 maqet add files.yaml
expect 0 maqet start files
part files user-data >script
cmp script folder/script || fail "user-data is not what the file has"
same "$(cat folder/meta)" "$(part files meta-data)" "meta-data"
same 'version: 2' "$(part files network-config)" "network-config"
expect 0 maqet stop files --timeout 0 --force

# What changes, changes with the next start; meta-data as JSON is whole.
disk files <<'EOF'
user_data: '#cloud-config'
meta_data: '{"instance-id": "j"}'
network_config: 'version: 1'
instance_id: unused
EOF
expect 0 maqet apply files files.yaml
expect 0 maqet start files
same '{"instance-id": "j"}' "$(part files meta-data)" "meta-data"
same 'version: 1' "$(part files network-config)" "network-config"
expect 0 maqet stop files --timeout 0 --force

# On other buses; as a CD-ROM, too.
disk buses <<'EOF'
media: cdrom
interface: sata
user_data: '#cloud-config'
EOF
expect 0 maqet add buses.yaml
expect 0 maqet start buses
expect 0 maqet stop buses --timeout 0 --force

# Mistakes, with their places.
refused 'refused.yaml:8:16: ' <<'EOF'
user_data: 'packages: [hello]'
EOF
err_has 'Write `#cloud-config` above the keys'
refused 'both say the same' <<'EOF'
user_data: '#cloud-config'
user_data_file: folder/script
EOF
refused "cannot read $TMP/none: No such file or directory" <<'EOF'
user_data_file: none
EOF
refused "cannot read $TMP/folder: it is not a file" <<'EOF'
meta_data_file: folder
EOF
refused 'the guest can only read this disk' <<'EOF'
readonly: off
EOF

# The key `cloud_init` adds such a disk, with the VM's UUID, which no other VM has: so a guest whose image
# was copied is set up anew.
vm_yaml key <<'EOF'
storage:
  - {name: disk, size: 1M}
cloud_init:
  user_data: |
    #cloud-config
    packages: [hello]
  network_config: folder/net
EOF
expect 0 maqet validate key.yaml
expect 0 maqet add key.yaml
rm key.yaml
expect 0 maqet start key
same "$(printf '#cloud-config\npackages: [hello]')" "$(part key user-data)" "user-data of the key"
same 'version: 2' "$(part key network-config)" "network-config of the key"
uuid=$(sed 's/.*"uuid": *"\([^"]*\)".*/\1/' "$MAQET_DATA_DIR/vms/key/vm.json" | grep -xE '[0-9a-f-]{36}' | head -n 1)
[ "$uuid" ] || fail "no UUID in vm.json"
same "$(printf 'instance-id: "%s"\nlocal-hostname: "key"' "$uuid")" "$(part key meta-data)" "meta-data of the key"
# It is the last one on the bus, so the guest's disks keep their names.
expect 0 maqet --format plain args key
[ "$(grep -n '"id":"disk"' out | cut -d: -f1)" -lt "$(grep -n '"id":"cloud-init"' out | cut -d: -f1)" ] ||
    fail "the disk of cloud-init comes before the others"
expect 0 maqet --format plain status key
out_has cloud-init
# It is the key's, so there is no second one of its name, and it is not detached.
expect 3 maqet attach key --name cloud-init --size 1M
err_has "VM 'key' has a drive 'cloud-init' already"
expect 3 maqet detach key cloud-init
err_has "drive 'cloud-init' of VM 'key': it is not changed by itself, because the key 'cloud_init' adds it"
err_has "Change it: maqet apply key FILE"
expect 3 maqet cdrom key cloud-init eject
err_has "drive 'cloud-init' of VM 'key'"
expect 0 maqet stop key --timeout 0 --force
[ -z "$(image key)" ] || fail "it outlives the machine"
vm_yaml key <<'EOF'
storage:
  - {name: disk, size: 1M}
EOF
expect 0 maqet apply key key.yaml --set cloud_init.user_data='#cloud-config'
expect 0 maqet start key
same '#cloud-config' "$(part key user-data)" "user-data of --set"
same "$(printf 'instance-id: "%s"\nlocal-hostname: "key"' "$uuid")" "$(part key meta-data)" "meta-data afterwards"
expect 0 maqet stop key --timeout 0 --force
expect 0 maqet apply key key.yaml
expect 0 maqet start key
[ -z "$(image key)" ] || fail "there is a disk without the key"
expect 0 maqet stop key --timeout 0 --force

# Its mistakes, with their places.
wrong() { # MESSAGE, and the lines of the file
    vm_yaml wrong
    expect 3 maqet validate wrong.yaml
    err_has "$1"
}
wrong "wrong.yaml:7:5: 'user_data' in 'cloud_init' is a mapping; it must be a text" <<'EOF'
cloud_init:
  user_data:
    packages: [hello]
EOF
err_has 'Write `user_data: |`, and the text below it'
wrong "wrong.yaml:6:14: drive 'cloud-init' of VM 'wrong': cannot read $TMP/none: No such file" <<'EOF'
cloud_init:
  user_data: none
EOF
wrong "wrong.yaml:6:3: unknown key 'userdata' in 'cloud_init'" <<'EOF'
cloud_init:
  userdata: none
EOF
wrong "wrong.yaml:5:13: 'cloud_init' is a text, but it must be a mapping" <<'EOF'
cloud_init: none
EOF
wrong "wrong.yaml:8:12: 'cloud-init' is the name of the drive that the key 'cloud_init' adds" <<'EOF'
cloud_init:
  user_data: '#cloud-config'
storage:
  - {name: cloud-init, size: 1M}
EOF

# Without the program that creates it, and with one that fails.
mkdir bin
for tool in $(ls /usr/bin /bin | grep -x 'qemu-img\|qemu-system-x86_64\|sh'); do
    ln -sf "$(command -v "$tool")" "bin/$tool"
done
PATH="$TMP/bin" expect 1 maqet start my_vm
err_has "The program bsdtar was not found in PATH"
err_has "libarchive-tools"
printf '#!/bin/sh\necho "no room left" >&2\nexit 1\n' >bin/bsdtar
chmod +x bin/bsdtar
PATH="$TMP/bin" expect 1 maqet start my_vm
err_has "no room left"
expect 0 maqet start my_vm
expect 0 maqet stop my_vm --timeout 0 --force
[ -z "$(image my_vm)" ] || fail "a failed start has left something"
