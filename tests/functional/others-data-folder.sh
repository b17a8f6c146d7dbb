#!/bin/sh
# SPDX-License-Identifier: MIT
# No command works with a data folder that another user can change: root would run what that user
# has written there, and delete what he names.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

vm_yaml web <<EOF
storage:
  - {name: hdd, size: 1M, file: images/web.qcow2}
EOF
expect 0 maqet add web.yaml
expect 0 maqet start web
expect 0 maqet stop web --timeout 0 --force
cp -a data before

# What each command is called with; one that is not known here gets a machine's name, and so may
# fail this test for its operands: then they belong here.
operands_of() {
    case $1 in
    add | validate) echo web.yaml --name other ;;
    apply) echo web web.yaml --set memory=65M ;;
    start | restart) echo web ;;
    ls) ;;
    snapshot) echo web create hdd one ;;
    checkpoint) echo web list ;;
    run) echo web --from one ;;
    recover) echo web --forget --yes ;;
    resize) echo web hdd 2M ;;
    diff) echo web web.yaml ;;
    new) echo other --image images/web.qcow2 ;;
    attach) echo web --name two --size 1M ;;
    detach) echo web hdd ;;
    cdrom) echo web hdd eject ;;
    rename) echo web other ;;
    clone) echo web other ;;
    fork) echo web other ;;
    flatten) echo web hdd ;;
    backup) echo web list backups ;;
    move) echo web hdd elsewhere ;;
    convert) echo web hdd raw ;;
    import) echo images/web.qcow2 --name other ;;
    export) echo web hdd copy.qcow2 ;;
    compact) echo web hdd ;;
    autostart) echo web off ;;
    exec | ssh) echo web -- true ;;
    cp) echo web:/etc/hostname copy ;;
    wait) echo web --for stopped ;;
    top) echo --once ;;
    storage) echo rm "$TMP/images/web.qcow2" --yes ;;
    qmp) echo web query-status ;;
    rm) echo web --force --delete-storage ;;
    *) echo web ;;
    esac
}
commands=$(maqet --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\).*/\1/p')
case $commands in
*ls*status*storage*) ;;
*) fail "these are not the commands: $commands" ;;
esac

fingerprint() {
    find data images run -printf '%p %s %T@ %C@ %m %U\n' | sort
}
every_command_refuses() { # WHAT
    fingerprint >"$TMP/then"
    for command in $commands; do
        case $command in
        # These have to do with no machine.
        help)
            expect 0 maqet help
            continue
            ;;
        plugin)
            expect 0 maqet plugin list
            continue
            ;;
        # It says so, among other things.
        doctor)
            expect 1 maqet --format json doctor --timeout 1
            out_has "is not used"
            continue
            ;;
        esac
        # These leave other numbers to what they run.
        case $command in
        run | exec) code=125 ;;
        ssh) code=255 ;;
        *) code=4 ;;
        esac
        # shellcheck disable=SC2046 # words
        expect "$code" maqet "$command" $(operands_of "$command")
        err_has "The data folder $TMP/data is not used: $1"
        err_has "--data-dir"
        [ ! -s out ] || fail "$command has told something"
    done
    fingerprint >"$TMP/now"
    cmp then now || fail "something has changed"
}

# The same words as before for a folder that others can write.
chmod o+w data/vms
every_command_refuses "$TMP/data/vms is writable by other users"
expect 4 maqet ls
err_has "chmod go-w '$TMP/data/vms'"
chmod o-w data/vms
chmod g+w data/vms
every_command_refuses "$TMP/data/vms is writable by other users"
chmod g-w data/vms
expect 0 maqet ls
expect 0 maqet --data-dir "$TMP/none" ls

[ "$(id -u)" -eq 0 ] || skip_always "only root can give folders away"
chown -R 12345 data
every_command_refuses "$TMP/data belongs to another user (uid 12345)"
# One alone is enough: what belongs to the user can be changed by him.
chown -R 0 data/vms
every_command_refuses "$TMP/data belongs to another user (uid 12345)"
chown 0 data
chown 12345 data/vms
every_command_refuses "$TMP/data/vms belongs to another user (uid 12345)"
# Reached by a link, too.
mv data really
ln -s really data
expect 4 maqet ls
err_has "belongs to another user (uid 12345)"
rm data
mv really data

# It is root's again: nothing has happened to it.
chown -R 0 data
expect 0 maqet ls
out_has web
for file in vm.json images.json; do
    cmp "before/vms/web/$file" "data/vms/web/$file"
done
expect 0 maqet rm web --yes --delete-storage
