#!/bin/sh
# SPDX-License-Identifier: MIT
# What the completion offers, by where in the command line the word stands. (shells.sh has the
# shells that ask.)
. "${srcdir:-.}/tests/functional/functions.sh"
requires qemu-img

# What the last word of the line may become, compared with these words; FILES stands for files
# of all names, YAML for those of a definition, FOLDERS and PROGRAMS for what they are called.
completes() { # WORDS WORD...
    wanted=$1
    shift
    count=$#
    while [ $count -gt 1 ]; do
        set -- "$@" "$1"
        shift
        count=$((count - 1))
    done
    current=$1
    shift
    "$MAQET" "--candidates=$current" "$@" >answer 2>err || fail "exit code $?"
    [ ! -s err ] || fail "'$*': $(cat err)"
    sed 's/^files\t\([^\t]*\)\tyaml/word\t\1YAML/; s/^files\t\([^\t]*\).*/word\t\1FILES/
        s/^folders\t\(.*\)/word\t\1FOLDERS/; s/^programs/word\tPROGRAMS/' answer |
        cut -f 2 | sort -u | tr '\n' ' ' | sed 's/ $//' >completed
    same "$wanted" "$(cat completed)" "what '$* $current' is completed to"
}

for vm in one two; do
    vm_yaml $vm <<END
storage:
  - {name: hdd, type: qcow2, size: 1M}
  - {name: data, type: qcow2, size: 1M, file: $TMP/$vm.qcow2}
  - {name: plain, type: raw, size: 1M, file: $TMP/$vm.raw}
  - {name: iso, type: raw, media: cdrom, interface: sata}
END
    expect 0 maqet add $vm.yaml
    qemu-img create -q -f qcow2 $vm.qcow2 1M
done
expect 0 maqet snapshot one create data before

# Operands, by their kinds; what is named already, and what does not fit, is left out.
completes "start status stop storage" st
completes "one two" start ''
completes "two" start one ''
for command in stop restart pause resume console ssh exec top qmp wait "checkpoint create"; do
    # shellcheck disable=SC2086 # words
    completes '' $command ''
done
for command in run check rename clone fork status logs events config attach detach cdrom resize export compact move convert flatten; do
    completes one $command o
done
completes "FILES" cp ''
completes "one two" status ''
completes one status --format json o
completes "YAML" add ''
completes "YAML" apply one ''
completes "YAML one" args one
completes "data hdd plain" resize one ''
completes '' resize one data ''
completes "data hdd iso plain" move one ''
completes "data hdd iso plain" convert one ''
completes "qcow2" plugin info qcow2
completes "FILES" plugin check oth
completes "start status stop storage" help st

# An action and its own operands; the action may come first.
completes "one two" snapshot ''
completes "convert create delete export list load tree" snapshot one ''
completes "ls rm" storage ''
completes "data hdd" snapshot one create ''
completes "data hdd" snapshot create one ''
completes "data hdd iso plain" check one ''
completes "data hdd iso plain" snapshot --live one create --exclude ''
completes '' snapshot one create data ''
completes "internal overlay" snapshot one convert data ''
completes before snapshot one load data ''
completes '' snapshot one load hdd ''
completes before snapshot one load --all ''
completes "FILES" snapshot one export data before oth
completes '' checkpoint one create ''
completes "check info list manual schema" help plugin ''
completes "PROGRAMS" run one ''
completes "FILES" run one -- cat ''

# Options: those of the action that are not given yet, and what their values are.
completes "--all --auto" snapshot one create --a
completes "--auto" snapshot one create --all --a
completes "--all" snapshot one list --a
completes '' snapshot one list --mem
completes "auto background precopy stop" checkpoint one create --method ''
completes "--method=precopy" checkpoint one create --method=p
completes "FOLDERS" ls --data-dir fo
completes "--data-dir=FOLDERS" ls --data-dir=fo
completes "json parallels plain qcow2 qed raw table vdi vhdx vmdk vpc yaml" snapshot one export --format ''
completes "json plain table yaml" snapshot one list --format ''
completes '' stop --timeout ''
completes "agent console: port: ssh stopped" start one --wait-for ''
completes "agent console: port: ssh stopped" wait one --for ''
completes "--for=agent --for=console: --for=port: --for=ssh --for=stopped" wait one --for=
completes "console:" wait one --for c
completes '' wait one --for console:log
completes '' wait one --for nothing

# Options of plugins: of a drive that is attached, and of one in a file.
completes "--transient --type" attach one --t
completes "qcow2" attach one --type q
completes "cache= cluster_size= compression_type=" attach one c
completes "cache=" attach one --type raw c
completes '' attach one cache=none cac
completes "cache=writeback cache=writethrough" attach one cache=write
completes "interface=ide interface=sata interface=scsi interface=virtio" attach one interface=
completes "discard=ignore discard=unmap" attach one discard=
completes "file=FILES" attach one file=x
completes "encryption.format= encryption.key_file=" attach one encryption.
completes "accel=" add one.yaml --set acc
completes "accel=auto accel=kvm accel=tcg" add one.yaml --set accel=
completes "storage.data. storage.hdd. storage.iso. storage.plain." add one.yaml --set storage.
completes "storage.hdd.lazy_refcounts=" add one.yaml --set storage.hdd.la
completes "" add one.yaml --set storage.plain.la
completes "--set=storage.hdd.cache=none" add one.yaml --set=storage.hdd.cache=n
completes "cloud_init. cpu=" add one.yaml --set c
completes "network. network=" add one.yaml --set net
completes "ports=" add one.yaml --set po
completes "network=bridge network=none network=tap network=user" add one.yaml --set network=
completes "network.bridge= network.interface= network.mac= network.model= network.type=" \
    add one.yaml --set network.
completes "network.type=tap" add one.yaml --set network.type=t
completes "ssh.key= ssh.port= ssh.user=" add one.yaml --set ssh.
completes "ssh.key=FILES" add one.yaml --set ssh.key=x
completes '' add one.yaml --set ssh.user=x
completes "cloud_init.meta_data= cloud_init.network_config= cloud_init.user_data=" \
    add one.yaml --set cloud_init.
completes "--set=cloud_init.user_data=FILES" add one.yaml --set=cloud_init.user_data=x
completes "sandbox.landlock=off sandbox.landlock=on" validate one.yaml --set sandbox.landlock=
